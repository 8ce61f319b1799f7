"""The tasks of events out: send a delivery, and watch the pauses of accounts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from celery import shared_task

from orders_sync.domain.announcements import EventType
from orders_sync.domain.steps import Queue
from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger
from orders_sync.ledger.accounts import Chore
from orders_sync.traffic.traffic import Usage
from orders_sync.webhooks.sending import DeliverySender
from orders_sync.worker.chores import ChoreTask, Ran
from orders_sync.worker.dispatcher import SEND
from orders_sync.worker.task import ServiceTask

_QUEUE: Final = Queue.EVENTS
_OF_PAUSES: Final = (EventType.ACCOUNT_PAUSED, EventType.ACCOUNT_RESUMED)

#: VTEX refuses the account's key, or only some of its calls.
KEY_REFUSED: Final = "vtex.auth_failed"
CALL_FORBIDDEN: Final = "vtex.call_forbidden"


@shared_task(name=SEND, base=ServiceTask, bind=True, send_events=False)
def send_event(self: ServiceTask, endpoint: str, delivery: int) -> None:
    """Send an event to an endpoint, and for a moment those after it."""
    services = self.services
    DeliverySender(
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
    """Send endpoints the pauses and resumptions of accounts."""
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


def watch_pauses(
    accounts: Collection[str], *, ledger: Ledger, usage: Callable[[str], Usage], clock: Clock
) -> bool:
    """Record what changed in the accounts' pauses; return whether any endpoint wants to know."""
    with ledger.database.reading() as connection:
        subscriptions = ledger.database.outbox.subscriptions(connection)
    watched = [
        account
        for account in accounts
        if any(s.is_on and s.wants(kind, account) for s in subscriptions for kind in _OF_PAUSES)
    ]
    for account in watched:
        used = usage(account)
        if used.used is not None:
            # Without Redis nobody knows, and nothing is said to be over.
            ledger.endpoints.note_pause(account, _cause(used), now=clock())
    return bool(watched)


def _cause(used: Usage) -> str | None:
    if used.pause is not None:
        return KEY_REFUSED
    return CALL_FORBIDDEN if used.forbidden else None
