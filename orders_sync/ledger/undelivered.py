"""Open work whose message did not reach the broker, or was lost there, made due for the sweep."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from orders_sync.domain.rules import OPEN, Standing
from orders_sync.domain.steps import Dispatch
from orders_sync.ledger.engine import Database
from orders_sync.ledger.tables import commands, orders

_NOW = sa.bindparam("now", type_=orders.c.lease_until.type)
_DUE = sa.bindparam("due", type_=orders.c.due_at.type)

_IS_FREE = sa.or_(orders.c.lease_until.is_(None), orders.c.lease_until <= _NOW)
_ORDER_IS_FREE = ~sa.exists().where(
    orders.c.account == commands.c.account,
    orders.c.order_id == commands.c.order_id,
    orders.c.lease_until > _NOW,
)


def _unsent(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.Update:
    return (
        sa.update(table)
        .where(
            *conditions,
            table.c.next_step == sa.bindparam("of_step"),
            table.c.standing.in_(OPEN),
            table.c.due_at > _DUE,
        )
        .values(due_at=_DUE)
    )


_ORDER_UNSENT = _unsent(
    orders,
    orders.c.account == sa.bindparam("of_account"),
    orders.c.order_id == sa.bindparam("of_order"),
    _IS_FREE,
)
_COMMAND_UNSENT = _unsent(commands, commands.c.id == sa.bindparam("of_command"), _ORDER_IS_FREE)


class Undelivered:
    """Makes work due that would otherwise wait for a message until a lease has passed.

    What a worker has in hand stays as it is. A message that comes all the same is harmless.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def unsent(self, steps: Sequence[Dispatch], *, now: datetime) -> None:
        """Make steps due, after their delay, whose messages the broker did not take."""
        of_orders = [_wanted(each, now) for each in steps if each.command_id is None]
        of_commands = [_wanted(each, now) for each in steps if each.command_id is not None]
        with self._database.writing() as connection:
            # In one order everywhere: whoever locks the same rows at once waits, and not for ever.
            for wanted in sorted(of_orders, key=lambda each: str(each["of_order"])):
                connection.execute(_ORDER_UNSENT, wanted)
            for wanted in sorted(of_commands, key=lambda each: str(each["of_command"])):
                connection.execute(_COMMAND_UNSENT, wanted)

    def lost(self, *, now: datetime) -> int:
        """Make everything due that has a message, after the broker lost all; give its number."""
        number = 0
        with self._database.writing() as connection:
            for table, is_free, key in (
                (orders, _IS_FREE, (orders.c.account, orders.c.order_id)),
                (commands, _ORDER_IS_FREE, (commands.c.id,)),
            ):
                waiting = (
                    sa.select(*key)
                    .where(table.c.standing == Standing.ACTIVE, table.c.due_at > _DUE, is_free)
                    .with_for_update(skip_locked=True)
                    .cte("waiting")
                )
                statement = (
                    sa.update(table)
                    .where(sa.tuple_(*key).in_(sa.select(waiting)))
                    .values(due_at=_DUE)
                    .returning(table.c.order_id)
                )
                number += len(connection.execute(statement, {"now": now, "due": now}).all())
        return number


def _wanted(step: Dispatch, now: datetime) -> dict[str, object]:
    return {
        "of_account": step.account,
        "of_order": step.order_id,
        "of_command": step.command_id,
        "of_step": step.step,
        "now": now,
        "due": now + timedelta(seconds=step.delay or 0.0),
    }
