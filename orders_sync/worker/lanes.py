"""In which lane the calls of a step wait for their turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orders_sync.domain.steps import Step
from orders_sync.traffic.lanes import Lane

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


def lane_of(step: Step) -> Lane:
    """Give the lane of all calls that a step makes; of the other steps each may read an order."""
    return _LANES.get(step, Lane.FETCH)
