"""The tasks of upkeep: arguments in, one use-case, done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from celery import shared_task

from orders_sync.broker.client import broker_client
from orders_sync.broker.strays import BrokerStrays
from orders_sync.embedded.broker import forget_past
from orders_sync.ledger.accounts import Chore
from orders_sync.ledger.retention import Erased
from orders_sync.traffic.waits import Lane
from orders_sync.upkeep.purge import collect_strays, forget_events, purge
from orders_sync.upkeep.reconcile import ReconcileLimits, reconcile
from orders_sync.upkeep.watch_feed import FeedState, ensure_feed, ensure_hook, note_gap
from orders_sync.worker.chores import ChoreTask, Ran, TickTask
from orders_sync.worker.schedule import SLOW

#: The most orders that one run of reconciling has read.
_READS_A_RUN: Final = 100


@shared_task(name="upkeep.tick", base=TickTask, bind=True, send_events=False)
def tick_upkeep(self: TickTask) -> None:
    """Dispatch the chores that are due."""
    self.tick(SLOW)


@shared_task(name=Chore.COLLECT_STRAYS.value, base=ChoreTask, bind=True, send_events=False)
def collect_stray_messages(self: ChoreTask, turns: Mapping[str, int] | None = None) -> None:
    """Move messages that no task could take into the ledger."""
    services = self.services

    def work(_: str) -> Ran:
        with broker_client(self.app) as client:
            collect_strays(
                broker=BrokerStrays(client), ledger=services.ledger, clock=services.clock
            )
        return Ran()

    self.run_chore(None, turns, work)


@shared_task(name=Chore.WATCH_FEED.value, base=ChoreTask, bind=True)
def watch_feed(
    self: ChoreTask, account: str | None = None, turns: Mapping[str, int] | None = None
) -> None:
    """Check the configurations of feeds and hooks; a feed that is new has its gap reconciled."""
    services, ledger = self.services, self.services.ledger

    def work(account: str) -> Ran:
        vtex = services.vtex(account, Lane.FEED)
        state, _ = ensure_feed(
            account,
            vtex=vtex,
            settings=services.settings.feed_of(account),
            before_creating=lambda: note_gap(account, ledger=ledger, now=services.clock()),
        )
        if state is FeedState.CREATED:
            ledger.accounts.wake(account, Chore.RECONCILE, services.clock())
            ledger.accounts.wake(account, Chore.POLL, services.clock())
        ensure_hook(account, vtex=vtex, ledger=ledger, settings=services.settings)
        return Ran()

    self.run_chore(account, turns, work)


@shared_task(name=Chore.RECONCILE.value, base=ChoreTask, bind=True)
def reconcile_orders(
    self: ChoreTask, account: str | None = None, turns: Mapping[str, int] | None = None
) -> None:
    """Compare a little more of VTEX's lists of orders with the ledger."""
    services, settings = self.services, self.services.settings

    def work(account: str) -> Ran:
        reconcile(
            account,
            owner=self.services.process,
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
        return Ran()

    self.run_chore(account, turns, work)


@shared_task(name=Chore.PURGE.value, base=ChoreTask, bind=True)
def purge_orders(self: ChoreTask, turns: Mapping[str, int] | None = None) -> None:
    """Erase personal data that is past its retention."""
    services, settings = self.services, self.services.settings
    days = settings.retention_days

    def work(_: str) -> Ran:
        erased = purge(
            owner=self.services.process,
            ledger=services.ledger,
            clock=services.clock,
            retention=timedelta(days=days) if days else None,
            own={
                name: settings.retention_of(name)
                for name, account in settings.accounts.items()
                if account.retention_days is not None
            },
        )
        keep = timedelta(days=services.settings.endpoints.keep_days)
        forget_events(ledger=services.ledger, clock=services.clock, keep=keep)
        if erased != Erased():
            forget_past(services.settings.home, seconds=0)
        return Ran()

    self.run_chore(None, turns, work)
