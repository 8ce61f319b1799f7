"""The tasks of upkeep: arguments in, one use-case, done."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from celery import shared_task

from orders_sync.broker.client import broker_client
from orders_sync.broker.strays import Strays
from orders_sync.traffic.lanes import Lane
from orders_sync.upkeep.collect_strays import collect_strays
from orders_sync.upkeep.gap import GapKeeper
from orders_sync.upkeep.purge import purge
from orders_sync.upkeep.reconcile import ReconcileLimits, reconcile
from orders_sync.upkeep.watch_feed import FeedState, ensure_feed
from orders_sync.worker.task import ServiceTask

#: The most orders that one run of reconciling has read.
_READS_A_RUN: Final = 100

_SOON_SECONDS: Final = 60.0


@shared_task(name="upkeep.collect_strays", base=ServiceTask, bind=True, send_events=False)
def collect_stray_messages(self: ServiceTask) -> None:
    """Move messages that no task could take into the ledger."""
    services = self.services
    with broker_client(self.app) as client:
        collect_strays(broker=Strays(client), ledger=services.ledger, clock=services.clock)


@shared_task(name="upkeep.watch_feed", base=ServiceTask, bind=True)
def watch_feed(self: ServiceTask, account: str) -> None:
    """See that the account's feed is configured; what it did not tell before is reconciled."""
    services = self.services
    vtex = services.vtex(account, Lane.FEED)
    keeper = GapKeeper(account, vtex, services.ledger, services.clock)
    state, _ = ensure_feed(account, vtex=keeper, wanted=services.settings.feed)
    if state is FeedState.CREATED:
        # Where this message is lost, the next tick does it.
        self.app.send_task("upkeep.reconcile", kwargs={"account": account}, expires=_SOON_SECONDS)


@shared_task(name="upkeep.reconcile", base=ServiceTask, bind=True)
def reconcile_orders(self: ServiceTask, account: str) -> None:
    """Compare a little more of VTEX's list of orders with the ledger."""
    services, settings = self.services, self.services.settings
    reconcile(
        account,
        owner=self.owner,
        vtex=services.vtex(account, Lane.RECONCILE),
        ledger=services.ledger,
        clock=services.clock,
        dispatch=self.app.dispatch_all,
        erp_rests=lambda: services.erp_rests(account),
        observe=services.metrics.reconcile_found,
        limits=ReconcileLimits(
            horizon=timedelta(days=settings.reconcile_days),
            pages=settings.reconcile_pages,
            reads=_READS_A_RUN,
            in_flight=settings.max_in_flight,
            patience=timedelta(hours=settings.stuck_hours),
        ),
    )


@shared_task(name="upkeep.purge", base=ServiceTask, bind=True)
def purge_orders(self: ServiceTask) -> None:
    """Erase personal data that is past its retention."""
    services, days = self.services, self.services.settings.retention_days
    purge(
        owner=self.owner,
        ledger=services.ledger,
        clock=services.clock,
        retention=timedelta(days=days) if days else None,
    )
