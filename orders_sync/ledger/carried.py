"""A claim that goes on to its next step, with or without what the step before it achieved."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from orders_sync.domain.steps import Claim, StepResult
from orders_sync.ledger.journal import Entry


@dataclass(frozen=True, slots=True)
class CarryingClaim(Claim):
    """A claim that brings along what the step before it achieved, to be recorded with its own."""

    result: StepResult = field(kw_only=True)
    entry: Entry = field(kw_only=True)


def onward(claim: Claim, **changes: Any) -> Claim:
    """Give the claim for the next step, which nobody has tried yet."""
    return Claim(**_next(claim, changes))


def onward_carrying(claim: Claim, result: StepResult, entry: Entry) -> CarryingClaim:
    """Give the claim for the next step, with what was achieved and is not recorded."""
    changes = {"step": result.next_step, "progress": result.progress, "document": None}
    return CarryingClaim(**_next(claim, changes), result=result, entry=entry)


def _next(claim: Claim, changes: dict[str, Any]) -> dict[str, Any]:
    known = {each.name: getattr(claim, each.name) for each in fields(Claim)}
    return known | {"attempts": 0, "failing_since": None} | changes
