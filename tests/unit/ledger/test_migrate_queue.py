"""An upgrade of a ledger with work in every standing: all of it goes on, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from unit.ledger.test_migrate import NOW, OF_ORDER

from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger import Ledger
from orders_sync.ledger.engine import Database
from orders_sync.ledger.migrate import upgrade
from orders_sync.ledger.tables import commands, orders

LATER = NOW + timedelta(days=365 * 50)
STORE, ORDER = OF_ORDER["account"], OF_ORDER["order_id"]


def order_of(order_id: str, standing: str, **known: Any) -> dict[str, Any]:
    return {
        "account": STORE,
        "order_id": order_id,
        "progress": "fetched",
        "standing": standing,
        "next_step": "erp.hand_over",
        "news": False,
        "attempts": 0,
        "version": 1,
        "first_seen_at": NOW,
        "updated_at": NOW,
        "due_at": None,
        "lease_owner": None,
        "lease_until": None,
        **known,
    }


def command_of(name: str, kind: str, standing: str, **known: Any) -> dict[str, Any]:
    return {
        "id": name,
        **OF_ORDER,
        "kind": kind,
        "key": name,
        "fingerprint": name,
        "body": '{"number":"1","type":"Output","value_cents":1}',
        "source": "service",
        "progress": "accepted",
        "standing": standing,
        "outcome": "accepted",
        "next_step": f"{kind}.send",
        "vtex_number": None,
        "due_at": None,
        "attempts": 0,
        "version": 1,
        "created_at": NOW,
        "updated_at": NOW,
        **known,
    }


ORDERS = [
    order_of(ORDER, "done", next_step=None),
    order_of("active-01", "active"),
    order_of("leased-01", "active", lease_owner="old", lease_until=LATER),
    order_of("waiting-01", "waiting", due_at=LATER),
    order_of("parked-01", "parked"),
    order_of("void-01", "void", next_step=None),
]

COMMANDS = [
    # Asked for in the order b, a, then c and d at once.
    command_of("b", "change", "waiting", progress="sent", next_step="change.follow", due_at=LATER),
    command_of(
        "a",
        "invoice",
        "active",
        created_at=NOW + timedelta(seconds=1),
        body='{"number":"1","type":"Output"}',
        vtex_number="1",
        source="erp",
    ),
    command_of("d", "cancel", "active", created_at=NOW + timedelta(seconds=2)),
    command_of(
        "c",
        "track",
        "parked",
        created_at=NOW + timedelta(seconds=2),
        body='{"invoice_number":"1"}',
        vtex_number="1",
    ),
    command_of("e", "note", "active", order_id="active-01", next_step="tracking.note"),
    command_of("f", "invoice", "done", progress="done", order_id="void-01", source="erp"),
    command_of(
        "g",
        "invoice",
        "active",
        order_id="void-01",
        created_at=NOW + timedelta(seconds=1),
        body='{"number":"1","type":"Output","items":[{"sku":"1","quantity":1}]}',
    ),
]


@pytest.fixture
def upgraded(empty_url: str, database_at: Callable[[str], Database]) -> Iterator[Ledger]:
    """Give a ledger that was upgraded while work was under way."""
    database = database_at("0004")
    with database.writing() as connection:
        for table, rows in ((orders, ORDERS), (commands, COMMANDS)):
            connection.execute(sa.insert(table), rows)
    upgrade(empty_url)
    with closing(Ledger(empty_url, lease=timedelta(seconds=60))) as ledger:
        yield ledger


def kept(ledger: Ledger, table: sa.Table, key: str, *names: str) -> dict[str, Any]:
    with ledger.database.reading() as connection:
        rows = connection.execute(sa.select(table)).mappings().all()
    return {row[key]: tuple(row[name] for name in names) for row in rows}


def is_now(at: Any) -> bool:
    return at is not None and NOW < at <= datetime.now(UTC)


def test_every_unfinished_command_has_its_line_and_its_place(upgraded: Ledger) -> None:
    rows = kept(upgraded, commands, "id", "line", "position", "is_rest", "asked_by_erp")

    assert rows == {
        "b": ("goods", 1, False, False),
        "a": ("goods", 2, True, True),
        "c": ("tracking/1", 3, False, False),
        "d": ("goods", 4, False, False),
        "e": (None, 1, False, False),
        "f": (None, 0, False, True),
        "g": ("goods", 2, False, False),
    }


def test_what_is_under_way_is_due_at_once_and_what_waits_at_its_time(upgraded: Ledger) -> None:
    of_commands = kept(upgraded, commands, "id", "due_at")
    of_orders = kept(upgraded, orders, "order_id", "due_at")

    due = {name: at for name, (at,) in {**of_orders, **of_commands}.items()}
    assert {name for name, at in due.items() if at is None} == {
        *(ORDER, "parked-01", "void-01"),
        *("c", "f"),
    }
    assert {name for name, at in due.items() if at == LATER} == {"waiting-01", "b"}
    assert {name for name, at in due.items() if is_now(at)} == {
        *("active-01", "leased-01"),
        *("a", "d", "e", "g"),
    }


def test_nothing_is_under_way_and_all_that_is_due_is_found(upgraded: Ledger) -> None:
    now = datetime.now(UTC)
    found = upgraded.due_work.find(now=now)
    under_way = upgraded.due_work.under_way(now=now)

    assert sorted(each.step for each in found) == [
        "cancel.send",
        "erp.hand_over",
        "invoice.send",
        "tracking.note",
    ]
    assert {each.account for each in found} == {STORE}
    assert not under_way


def test_after_an_upgrade_each_goes_in_its_turn_and_no_lease_is_broken(upgraded: Ledger) -> None:
    now = datetime.now(UTC)

    def claims(name: str, step: Step) -> bool:
        order_id = next(row["order_id"] for row in COMMANDS if row["id"] == name)
        message = Dispatch(STORE, order_id, step, name)
        return upgraded.commands.claim(message, owner="new", now=now) is not None

    invoice, cancel = claims("a", Step.SEND_INVOICE), claims("d", Step.SEND_CANCEL)
    note, other = claims("e", Step.SEND_NOTE), claims("g", Step.SEND_INVOICE)
    leased = upgraded.orders.claim(STORE, "leased-01", Step.HAND_OVER, owner="new", now=now)
    rows = kept(upgraded, commands, "id", "due_at", "cause")

    assert (invoice, cancel, leased) == (False, False, None)
    assert (note, other) == (True, True)
    assert rows["a"] == rows["d"] == (None, "line.behind")
