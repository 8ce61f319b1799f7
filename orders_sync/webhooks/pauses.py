"""Notices that an account is paused, or goes on, where an endpoint wants to know."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from orders_sync.domain.announcements import Told
from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger
from orders_sync.ledger.pauses import note_pause
from orders_sync.traffic.traffic import Usage

_OF_PAUSES: Final = (Told.ACCOUNT_PAUSED, Told.ACCOUNT_RESUMED)

#: VTEX refuses the account's key, or only some of its calls.
KEY_REFUSED: Final = "vtex.auth_failed"
CALL_FORBIDDEN: Final = "vtex.call_forbidden"


def watch_pauses(
    accounts: Collection[str], *, ledger: Ledger, usage: Callable[[str], Usage], clock: Clock
) -> bool:
    """Tell what changed in the accounts' pauses; False where no endpoint wants to hear of any."""
    with ledger.database.reading() as connection:
        subscriptions = ledger.database.outbox.subscriptions(connection)
    wanted = [
        account
        for account in accounts
        if any(s.is_on and s.wants(told, account) for s in subscriptions for told in _OF_PAUSES)
    ]
    for account in wanted:
        used = usage(account)
        if used.used is not None:
            # Without Redis nobody knows, and nothing is said to be over.
            note_pause(ledger.database, account, _cause(used), now=clock())
    return bool(wanted)


def _cause(used: Usage) -> str | None:
    if used.pause is not None:
        return KEY_REFUSED
    return CALL_FORBIDDEN if used.forbidden else None
