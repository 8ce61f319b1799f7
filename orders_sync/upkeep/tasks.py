"""The tasks of upkeep: arguments in, one use-case, done."""

from __future__ import annotations

from celery import shared_task

from orders_sync.upkeep.sweep import sweep
from orders_sync.upkeep.watch_feed import ensure_feed
from orders_sync.worker.task import ServiceTask


@shared_task(name="upkeep.sweep", base=ServiceTask, bind=True)
def sweep_orders(self: ServiceTask) -> None:
    """Put due and orphaned work back on its queues."""
    sweep(ledger=self.services.ledger, clock=self.services.clock, dispatch=self.dispatch)


@shared_task(name="upkeep.watch_feed", base=ServiceTask, bind=True)
def watch_feed(self: ServiceTask, account: str) -> None:
    """See that the account's feed is configured."""
    ensure_feed(account, vtex=self.services.vtex(account), wanted=self.services.settings.feed)
