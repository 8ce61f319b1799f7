"""The right to send a command, and what its step achieved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Step


@dataclass(frozen=True, slots=True)
class CommandClaim:
    """The right to send one command, and to be the only one at work on its order.

    It ends at `lease_until`; `version` and `order_version` are the fencing tokens of the two. The
    command has waited since `waiting_since`: since it was asked for, or since a person had it tried
    again. `intent` is the JSON of a write whose outcome is not known, `position` the command's
    place among its order's.
    """

    command_id: str
    account: str
    order_id: str
    step: Step
    kind: str
    body: str
    progress: str
    receipt: str | None
    intent: str | None
    position: int
    version: int
    order_version: int
    attempts: int
    failing_since: datetime | None
    created_at: datetime
    waiting_since: datetime
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a step of a command ended: `next_step` and `due_in` where something follows.

    `keeps_intent`: VTEX has taken the write, and does not show yet what came of it.
    """

    standing: Standing
    outcome: str
    next_step: Step | None = None
    progress: str | None = None
    receipt: str | None = None
    value_cents: int | None = None
    due_in: float | None = None
    cause: str | None = None
    reason: str | None = None
    hint: str | None = None
    note: str | None = None
    keeps_intent: bool = False
