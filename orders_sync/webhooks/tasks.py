"""The tasks of events out: arguments in, one use-case, done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from celery import shared_task

from orders_sync.domain.steps import Queue
from orders_sync.ledger.accounts import Chore
from orders_sync.webhooks.pauses import watch_pauses
from orders_sync.webhooks.sending import Sending
from orders_sync.worker.chores import Ran
from orders_sync.worker.deliveries import SEND
from orders_sync.worker.task import ServiceTask
from orders_sync.worker.ticks import ChoreTask

_QUEUE: Final = Queue.EVENTS


@shared_task(name=SEND, base=ServiceTask, bind=True, send_events=False)
def send_event(self: ServiceTask, endpoint: str, delivery: int) -> None:
    """Send an event to an endpoint, and for a moment those after it."""
    services = self.services
    Sending(
        ledger=services.ledger,
        clock=services.clock,
        random=services.random,
        settings=services.settings.endpoints,
        policy=services.settings.retry.events,
        owner=services.process,
        metrics=services.metrics,
    ).run(endpoint, delivery, may_go_on=lambda: self.app.takes_from(_QUEUE))


@shared_task(name=Chore.WATCH_PAUSES.value, base=ChoreTask, bind=True, send_events=False)
def watch_account_pauses(self: ChoreTask, turns: Mapping[str, int] | None = None) -> None:
    """Tell endpoints which accounts are paused, and which go on."""
    services = self.services

    def work(_: str) -> Ran:
        if services.traffic is None:
            return Ran(is_over=True)
        is_wanted = watch_pauses(
            services.settings.accounts,
            ledger=services.ledger,
            usage=services.traffic.usage,
            clock=services.clock,
        )
        return Ran(is_over=not is_wanted)

    self.run_chore(None, turns, work)
