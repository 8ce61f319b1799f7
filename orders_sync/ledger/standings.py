"""What each transition of an order or a command writes: all columns of its standing, at once.

What happens with a row, from when, and why is kept in several columns. A transition is one value
that knows all of them, so that none of them keeps what was true before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import CommandResult, StepResult
from orders_sync.ledger.statements import Row


@dataclass(frozen=True, slots=True)
class Transition:
    """A row's new standing, and what is written with it.

    `at` is when the row changed; None where it counts as unchanged. `step` is the next one: None
    ends an order's work, and leaves a command's step as it is. Without `due_at` nothing is
    dispatched, and a message on its way does not count. `attempts` and `failing_since` are of the
    step's failed tries; both stay where `attempts` is None. `outcome` is what a command's caller is
    told; None leaves it.
    """

    standing: Standing
    at: datetime | None = None
    step: str | None = None
    due_at: datetime | None = None
    cause: str | None = None
    reason: str | None = None
    hint: str | None = None
    attempts: int | None = None
    failing_since: datetime | None = None
    outcome: str | None = None

    @property
    def of_order(self) -> Row:
        """The columns of `orders`."""
        return self._columns | {"next_step": self.step}

    @property
    def of_command(self) -> Row:
        """The columns of `commands`."""
        own = {"next_step": self.step, "outcome": self.outcome}
        return self._columns | {name: value for name, value in own.items() if value is not None}

    @property
    def _columns(self) -> Row:
        columns: Row = {
            "standing": self.standing,
            "due_at": self.due_at,
            "cause": self.cause,
            "reason": self.reason,
            "hint": self.hint,
        }
        if self.due_at is None:
            columns["dispatched_until"] = None
        if self.attempts is not None:
            columns |= {"attempts": self.attempts, "failing_since": self.failing_since}
        if self.at is not None:
            columns["updated_at"] = self.at
        return columns


def opened(
    step: str | None, *, at: datetime, due_at: datetime | None = None, outcome: str | None = None
) -> Transition:
    """Return the beginning of work, also of what had ended: due, and without a failed try."""
    return Transition(Standing.ACTIVE, at, step, due_at or at, attempts=0, outcome=outcome)


def ended(
    result: StepResult | CommandResult, *, at: datetime | None, due_at: datetime | None
) -> Transition:
    """Return what a step that succeeded leads to; the next one begins without a failed try."""
    reasons = (result.cause, result.reason, result.hint)
    outcome = result.outcome if isinstance(result, CommandResult) else None
    return Transition(
        result.standing, at, result.next_step, due_at, *reasons, attempts=0, outcome=outcome
    )


def parked(
    *, cause: str, reason: str, hint: str, at: datetime, step: str | None, outcome: str = "parked"
) -> Transition:
    """Return the stop of work until a person, or a new event of an order, has it go on."""
    return Transition(Standing.PARKED, at, step, None, cause, reason, hint, outcome=outcome)


def done(
    *,
    at: datetime,
    cause: str | None = None,
    reason: str | None = None,
    step: str | None = None,
    outcome: str | None = None,
) -> Transition:
    """Return the end of work of which nothing is left to do."""
    return Transition(Standing.DONE, at, step, None, cause, reason, outcome=outcome)


def voided(*, cause: str, reason: str | None, at: datetime) -> Transition:
    """Return the end of work that a person gave up."""
    return Transition(Standing.VOID, at, None, None, cause, reason, outcome="refused")
