"""Which calls each step makes, and in which lane they wait for their turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from orders_sync.domain.steps import Step
from orders_sync.ledger.accounts import Chore
from orders_sync.traffic.lanes import Lane
from orders_sync.traffic.traffic import ERP

_LANES: Final[Mapping[Step, Lane]] = {
    Step.SEND_CANCEL: Lane.CANCEL,
    Step.SEND_DENY: Lane.CANCEL,
    Step.SEND_INVOICE: Lane.INVOICE,
    Step.SEND_CHANGE: Lane.CHANGE,
    Step.FOLLOW_CHANGE: Lane.CHANGE,
    Step.START_HANDLING: Lane.START_HANDLING,
    Step.SEND_TRACKING: Lane.TRACKING,
    Step.SEND_NOTE: Lane.TRACKING,
}

#: The operations of the VTEX client that a step cannot do without, and the ERP.
CALLS: Final[Mapping[Step, Sequence[str]]] = {
    Step.FETCH: ("get_order",),
    Step.HAND_OVER: (ERP,),
    Step.START_HANDLING: ("start_handling",),
    Step.CANCEL_IN_ERP: (ERP,),
    Step.CONSIDER_CANCELLATION: (ERP,),
    Step.SEND_INVOICE: ("get_order", "invoice"),
    Step.SEND_TRACKING: ("get_order", "update_invoice"),
    Step.SEND_CANCEL: ("get_order", "cancel_order"),
    Step.SEND_DENY: ("get_order", "deny_cancellation"),
    Step.SEND_CHANGE: ("get_order", "create_change"),
    Step.FOLLOW_CHANGE: ("get_change_detail",),
    Step.SEND_NOTE: ("add_interaction",),
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


def lane_of(step: Step) -> Lane:
    """Return the lane of all calls that a step makes; of the other steps each may read an order."""
    return _LANES.get(step, Lane.FETCH)
