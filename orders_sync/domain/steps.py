"""The steps of an order's way and of a command's, and what a step that ended leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from orders_sync.domain.rules import Progress, Standing


class Queue(StrEnum):
    """A queue for each kind of work, so that none waits behind another."""

    FEED = "feed"
    ORDERS = "orders"
    ERP = "erp"
    INVOICE = "invoice"
    TRACKING = "tracking"
    CANCEL = "cancel"
    CHANGE = "change"
    EVENTS = "events"
    UPKEEP = "upkeep"


class Step(StrEnum):
    """A step of an order or a command; its value is the name of its task, `<queue>.<verb>`."""

    FETCH = "orders.fetch"
    HAND_OVER = "erp.hand_over"
    START_HANDLING = "orders.start_handling"
    TELL_CHANGE = "erp.tell_change"
    CANCEL_IN_ERP = "erp.cancel"
    CONSIDER_CANCELLATION = "erp.consider_cancellation"
    SEND_INVOICE = "invoice.send"
    SEND_TRACKING = "tracking.send"
    SEND_CANCEL = "cancel.send"
    SEND_DENY = "cancel.deny"
    SEND_CHANGE = "change.send"
    FOLLOW_CHANGE = "change.follow"
    SEND_NOTE = "tracking.note"

    @property
    def queue(self) -> Queue:
        """The queue of its task."""
        return Queue(self.partition(".")[0])


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A step that is to be put on its queue; one of a command names it."""

    account: str
    order_id: str
    step: Step
    command_id: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What an ERP that takes changes was given of an order; other ERPs' orders have none.

    `revision` numbers the document that is kept: 1 is the one of the hand-over, and each that
    differs in what matters to an ERP has the next number. `erp_revision` is the one that the ERP
    has, None while that is not known to have the order; `document` is that one's, where it is not
    the kept one. `value_cents` is the order's in the kept one.

    The order is read again in `compare_in` seconds, since VTEX tells of no change by itself; None:
    it changes no more.
    """

    revision: int
    erp_revision: int | None = None
    document: bytes | None = field(default=None, repr=False)
    value_cents: int | None = None
    compare_in: float | None = None

    @property
    def is_untold(self) -> bool:
        """Whether the ERP has the order, and an earlier revision of it."""
        return self.erp_revision is not None and self.erp_revision < self.revision


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on one order for one step, until `lease_until` or until it is taken over.

    `version` is the fencing token: a write under an older version than the ledger's is refused.
    `attempts` counts the failed tries of this step so far, the first of them at `failing_since`.
    The step was due at `due_at`. `document` is there where the step before it has just read the
    order. `revision` and `erp_revision` are as in `Given`; None where its ERP takes no changes.
    """

    account: str
    order_id: str
    step: Step
    progress: Progress
    version: int
    attempts: int
    failing_since: datetime | None
    first_seen_at: datetime
    due_at: datetime
    lease_until: datetime
    revision: int | None = None
    erp_revision: int | None = None
    document: bytes | None = field(default=None, repr=False)

    @property
    def is_untold(self) -> bool:
        """Whether its ERP has an earlier revision of the order."""
        return self.revision is not None and Given(self.revision, self.erp_revision).is_untold


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step achieved, and what comes next.

    `next_step` is None where nothing is left to do. `due_in` is given, in seconds, where the
    next step has to wait. None in the other fields leaves what the ledger knows as it is; `given`
    is what its ERP has by now.
    `note` tells the journal what was found; it carries no personal data.
    """

    standing: Standing
    next_step: Step | None = None
    progress: Progress | None = None
    status: str | None = None
    sequence: str | None = None
    marketplace_order_id: str | None = None
    erp_reference: str | None = None
    document: bytes | None = None
    given: Given | None = None
    due_in: float | None = None
    cause: str | None = None
    hint: str | None = None
    note: str | None = None

    @property
    def reason(self) -> str | None:
        """Why it waits or is parked, in words."""
        return self.note if self.cause else None


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

    `keeps_intent`: VTEX has taken the write, and does not show yet what came of it. `order_status`
    is VTEX's, where the order was read for it. `shows_in`: it changed the order, which shows that
    after so many seconds.
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
    order_status: str | None = None
    shows_in: float | None = None
