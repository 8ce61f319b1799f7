"""How much work may be under way at once: messages in the broker, and what workers have in hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from orders_sync.ledger.order_lease import NOW, OF_ACCOUNT
from orders_sync.ledger.tables import commands, orders

#: What was dispatched and not claimed within this time is due again: its message may be lost.
DISPATCHED_FOR: Final = timedelta(seconds=5)


@dataclass(slots=True)
class Windows:
    """The bounds of a process, which its heartbeat keeps in step with the threads of all workers.

    `account` bounds what one account has under way, `total` what all have together. So many
    `threads` take orders: where no more than that is under way, no message waits for one of them.
    """

    account: int = 20
    total: int = 200
    threads: int = 0

    def room(
        self, connection: sa.Connection, account: str, now: datetime, *, is_urgent: bool = False
    ) -> int:
        """Return how many more steps of an account may be dispatched now.

        What `is_urgent` does not wait for the account's other work, however much that is.
        """
        mine, everybody = _under_way(connection, account, now)
        left = self.total - everybody
        return max(0, left if is_urgent else min(left, self.account - mine))

    def idle_threads(self) -> Mapping[str, int]:
        """Return the parameters of `HAS_IDLE_THREAD`."""
        return {"of_window": self.account, "of_threads": self.threads}


def _under_way(connection: sa.Connection, account: str, now: datetime) -> tuple[int, int]:
    """Return how much of an account is under way, and how much of all."""
    mine, everybody = connection.execute(_UNDER_WAY, {"of_account": account, "now": now}).one()
    return mine, everybody


def _counted(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    is_under_way = (table.c.dispatched_until.is_not(None), table.c.dispatched_until > NOW)
    return (
        sa.select(sa.func.count())
        .select_from(table)
        .where(*is_under_way, *conditions)
        .correlate(None)
        .scalar_subquery()
    )


_MINE: Final = _counted(orders, orders.c.account == OF_ACCOUNT) + _counted(
    commands, commands.c.account == OF_ACCOUNT
)
_EVERYBODYS: Final = _counted(orders) + _counted(commands)
_UNDER_WAY: Final = sa.select(_MINE, _EVERYBODYS)

#: A thread that goes on with an account keeps nobody waiting.
HAS_IDLE_THREAD: Final = sa.and_(
    sa.bindparam("of_window") > _MINE, sa.bindparam("of_threads") > _EVERYBODYS
)
