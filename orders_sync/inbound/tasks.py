"""The tasks of the road in: arguments in, one use-case, done."""

from __future__ import annotations

from contextlib import suppress

from celery import shared_task

from orders_sync.broker.client import BROKER_AWAY
from orders_sync.domain.steps import Step
from orders_sync.inbound import steps
from orders_sync.inbound.acknowledge import acknowledge
from orders_sync.inbound.poll import PollLimits, poll
from orders_sync.traffic.lanes import Lane
from orders_sync.traffic.waits import OverBudget
from orders_sync.worker.task import ServiceTask, StepTask

_POLL_SECONDS = 5.0
#: The lease of a poll that has to wait is free a moment after its wait.
_MARGIN_SECONDS = 0.05


@shared_task(name="feed.poll", base=ServiceTask, bind=True)
def poll_feed(self: ServiceTask, account: str) -> None:
    """Read the account's feed and dispatch what it asks for."""
    services = self.services
    try:
        poll(
            account,
            owner=self.owner,
            feed=services.vtex(account, Lane.FEED),
            ledger=services.ledger,
            clock=services.clock,
            dispatch=self.app.dispatch_all,
            restore_feed=lambda: self.app.send_task(
                "upkeep.watch_feed", kwargs={"account": account}, expires=_POLL_SECONDS
            ),
            go_on=lambda: _poll_again(self, account, 0.0),
            erp_rests=lambda: services.erp_rests(account),
            limits=PollLimits(_POLL_SECONDS, services.settings.max_in_flight),
        )
    except OverBudget as error:
        _poll_again(self, account, error.seconds + _MARGIN_SECONDS)
        raise


def _poll_again(task: ServiceTask, account: str, seconds: float) -> None:
    """Poll once more before the next tick; where the broker is away, that does it."""
    with suppress(*BROKER_AWAY):
        task.app.send_task(
            "feed.poll",
            kwargs={"account": account},
            countdown=seconds,
            expires=seconds + _POLL_SECONDS,
        )


@shared_task(name="feed.acknowledge", base=ServiceTask, bind=True, send_events=False)
def acknowledge_feed(self: ServiceTask, account: str) -> None:
    """Acknowledge the account's events that may go."""
    services = self.services
    acknowledge(
        account,
        owner=self.owner,
        feed=services.vtex(account, Lane.FEED),
        ledger=services.ledger,
        clock=services.clock,
        visibility_seconds=services.settings.feed.visibility_seconds,
        at_once=services.settings.acknowledge == "recorded",
    )


@shared_task(name=Step.FETCH.value, base=StepTask, bind=True)
def fetch_order(self: StepTask, account: str, order_id: str) -> None:
    """Read an order from VTEX."""
    self.run_step(account, order_id, steps.STEPS)


@shared_task(name=Step.HAND_OVER.value, base=StepTask, bind=True)
def hand_over_order(self: StepTask, account: str, order_id: str) -> None:
    """Give an order to the ERP."""
    self.run_step(account, order_id, steps.STEPS)


@shared_task(name=Step.START_HANDLING.value, base=StepTask, bind=True)
def start_handling_order(self: StepTask, account: str, order_id: str) -> None:
    """Tell VTEX that the ERP has an order."""
    self.run_step(account, order_id, steps.STEPS)


@shared_task(name=Step.CANCEL_IN_ERP.value, base=StepTask, bind=True)
def cancel_order_in_erp(self: StepTask, account: str, order_id: str) -> None:
    """Tell the ERP that VTEX cancelled an order."""
    self.run_step(account, order_id, steps.STEPS)
