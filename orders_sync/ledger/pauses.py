"""Pauses of accounts as endpoints are told of them: each one once, and its end once."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from orders_sync.domain.announcements import Announcement, Told
from orders_sync.ledger.cursors import move_cursor
from orders_sync.ledger.engine import Database
from orders_sync.ledger.tables import cursors

_CURSOR: Final = "pause.told"
_TOLD: Final = sa.select(cursors.c.value).where(
    cursors.c.account == sa.bindparam("of_account"), cursors.c.name == _CURSOR
)


def note_pause(database: Database, account: str, cause: str | None, *, now: datetime) -> bool:
    """Tell of an account's pause, or of its end where `cause` is None; False where that is known.

    One that has another cause than before is told as a new one.
    """
    with database.writing() as connection:
        known = connection.execute(_TOLD, {"of_account": account}).scalar_one_or_none()
        if known == cause:
            return False
        move_cursor(connection, account, _CURSOR, cause, now=now)
        told = Told.ACCOUNT_RESUMED if cause is None else Told.ACCOUNT_PAUSED
        announcement = Announcement(told, now, account, mark=now.isoformat(), cause=cause or known)
        database.outbox.write(connection, [announcement])
    return True
