"""Which calls each step makes, and in which lane they wait for their turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from orders_sync.commands import KINDS
from orders_sync.domain.steps import Queue, Step
from orders_sync.errors import ErpUnavailable, Unavailable
from orders_sync.ledger.accounts import Chore
from orders_sync.traffic.waits import ERP, BreakerOpen, Lane

#: The operations of the VTEX client that a step cannot do without, and the ERP.
CALLS: Final[Mapping[Step, Sequence[str]]] = {
    Step.FETCH: ("get_order",),
    Step.HAND_OVER: (ERP,),
    Step.START_HANDLING: ("start_handling",),
    Step.TELL_CHANGE: (ERP,),
    Step.CANCEL_IN_ERP: (ERP,),
    Step.CONSIDER_CANCELLATION: (ERP,),
    **{kind.step: kind.operations for kind in KINDS if kind.step},
    Step.FOLLOW_CHANGE: ("get_change_detail",),
}

#: The same for chores.
CHORE_CALLS: Final[Mapping[Chore, Sequence[str]]] = {
    Chore.POLL: ("get_feed",),
    Chore.ACKNOWLEDGE: ("commit_feed",),
    Chore.PULL: (ERP,),
    Chore.WATCH_FEED: ("get_feed_configuration",),
    Chore.RECONCILE: ("list_orders",),
}

ERP_STEPS: Final = frozenset(step for step, calls in CALLS.items() if ERP in calls)


_LANES: Final[Mapping[Queue, Lane]] = {
    Queue.CANCEL: Lane.CANCEL,
    Queue.INVOICE: Lane.INVOICE,
    Queue.CHANGE: Lane.CHANGE,
    Queue.TRACKING: Lane.TRACKING,
}


def lane_of(step: Step) -> Lane:
    """Return the lane of all calls that a step makes; of the other steps each may read an order."""
    if step is Step.START_HANDLING:
        return Lane.START_HANDLING
    return _LANES.get(step.queue, Lane.FETCH)


def cause_behind(step: str, cause: str) -> str:
    """Return why a step waits: a breaker is open since its peer does not answer."""
    if cause != BreakerOpen.cause:
        return cause
    is_of_erp = step in {erp_step.value for erp_step in ERP_STEPS}
    return ErpUnavailable.cause if is_of_erp else Unavailable.cause
