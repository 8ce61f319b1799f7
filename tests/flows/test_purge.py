from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from support.flow import STORE, Flow
from support.purging import DAY, fulfilled, purged

from orders_sync.ledger.cursors import Cursors
from orders_sync.ledger.journal import Act
from orders_sync.ledger.retention import Erased
from orders_sync.ledger.tables import documents, operator_log, orders

pytestmark = pytest.mark.parametrize("both_on", ["sqlite", "postgresql"], indirect=True)


def document(flow: Flow, order_id: str) -> bytes | None:
    kept = flow.services.ledger.orders.document(STORE, order_id)
    return kept.body if kept else None


def journal_of(flow: Flow, order_id: str) -> list[str]:
    return [each["what"] for each in flow.services.ledger.inquiries.story(STORE, order_id)[2]]


def test_what_is_personal_is_erased_after_its_retention_and_facts_stay(flow: Flow) -> None:
    order_id, invoice, note = fulfilled(flow)
    before, story = flow.command(invoice), journal_of(flow, order_id)
    flow.clock.advance(91 * DAY)

    erased = purged(flow)

    after = flow.command(invoice)
    assert erased == Erased(documents=1, commands=2)
    assert document(flow, order_id) is None
    assert flow.command(note)["body"] == "{}"
    assert after == {**before, "body": "{}"}
    assert flow.order(order_id)["standing"] == "done"
    assert journal_of(flow, order_id) == [*story, "order.purged"]


def test_nothing_personal_is_left_in_the_ledger(flow: Flow) -> None:
    fulfilled(flow)
    assert any(person in everything(flow) for person in flow.box.people())
    flow.clock.advance(91 * DAY)

    purged(flow)

    kept = everything(flow)
    assert not [person for person in flow.box.people() if person in kept]
    assert "Ana Souza" not in kept


def everything(flow: Flow) -> str:
    with flow.services.ledger.database.reading() as connection:
        tables = sa.inspect(connection).get_table_names()
        rows = [connection.execute(sa.text(f"SELECT * FROM {name}")).all() for name in tables]  # noqa: S608 - its own tables
    return "\n".join(
        value.decode() if isinstance(value, bytes) else str(value)
        for table in rows
        for row in table
        for value in row
    )


@pytest.mark.parametrize(
    ("days", "age"),
    [
        pytest.param(90, 89, id="within its retention"),
        pytest.param(None, 1000, id="without a retention"),
    ],
)
def test_what_is_to_be_kept_is(flow: Flow, days: int | None, age: int) -> None:
    order_id, _, note = fulfilled(flow)
    flow.clock.advance(age * DAY)

    assert purged(flow, days) == Erased()
    assert document(flow, order_id) is not None
    assert "Ana" in flow.command(note)["body"]


@pytest.mark.parametrize("standing", ["active", "waiting", "parked"])
def test_an_order_that_is_not_finished_is_kept(flow: Flow, standing: str) -> None:
    order_id, _, note = fulfilled(flow)
    _set(flow, orders, standing=standing)
    flow.clock.advance(91 * DAY)

    assert purged(flow) == Erased()
    assert document(flow, order_id) is not None
    assert "Ana" in flow.command(note)["body"]


def _set(flow: Flow, table: sa.Table, **values: Any) -> None:
    with flow.services.ledger.database.writing() as connection:
        connection.execute(table.update().values(**values))


def test_an_order_with_a_parked_command_is_kept_until_that_is_decided(flow: Flow) -> None:
    order_id, *_ = fulfilled(flow)
    refused = flow.ask("invoice", order_id, {"number": "8", "value_cents": 999_999_999})
    flow.drain()
    assert flow.command(refused)["standing"] == "parked"
    flow.clock.advance(91 * DAY)
    kept = purged(flow)
    act = Act(flow.clock(), "ana", "Bruno asked for it")
    flow.services.ledger.decisions.discard(refused, act)

    flow.clock.advance(91 * DAY)
    erased = purged(flow)

    assert (kept, erased) == (Erased(), Erased(documents=1, commands=3))
    assert flow.command(refused)["reason"] is None
    with flow.services.ledger.database.reading() as connection:
        assert connection.execute(sa.select(operator_log.c.why)).scalars().all() == [None]


def test_a_refused_command_of_no_order_is_erased_once_it_is_discarded(flow: Flow) -> None:
    command_id = flow.ask("invoice", "", {"nubmer": "Ana Souza"})
    act = Act(flow.clock(), "ana", "nonsense")
    flow.services.ledger.decisions.discard(command_id, act)
    flow.clock.advance(91 * DAY)

    erased = purged(flow)

    assert erased == Erased(commands=1)
    assert flow.command(command_id)["body"] == "{}"


def test_a_purged_order_is_read_again_when_an_event_comes(flow: Flow) -> None:
    order_id, *_ = fulfilled(flow)
    flow.clock.advance(91 * DAY)
    purged(flow)

    flow.services.ledger.orders.look_again(STORE, order_id, now=flow.clock())
    flow.clock.advance(600)
    flow.dispatch_due()
    flow.drain()

    assert document(flow, order_id) is not None
    flow.clock.advance(91 * DAY)
    assert purged(flow) == Erased(documents=1)


def test_commands_of_a_purged_order_are_still_understood(flow: Flow) -> None:
    order_id, *_ = fulfilled(flow)
    flow.ask("track", order_id, {"invoice_number": "7", "tracking_number": "BR1"})
    flow.drain()
    flow.clock.advance(91 * DAY)
    purged(flow)

    again = flow.ask("track", order_id, {"invoice_number": "7", "tracking_number": "BR2"})
    same = flow.ask("invoice", order_id, {"number": "7", "access_key": "secret"})
    flow.drain()

    assert flow.command(again)["standing"] == "done"
    assert flow.calls(order_id, "invoice") == ["invoice"]
    assert flow.command(same)["body"] == "{}"


def test_a_run_that_is_killed_between_two_steps_is_repeated(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, *_ = fulfilled(flow)
    flow.clock.advance(91 * DAY)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Cursors, "move", die)
    with pytest.raises(KeyboardInterrupt):
        purged(flow)
    monkeypatch.undo()
    flow.clock.advance(600)

    assert document(flow, order_id) is None
    assert purged(flow) == Erased()
    assert journal_of(flow, order_id).count("order.purged") == 1


def test_a_run_goes_on_where_the_one_before_ended(flow: Flow) -> None:
    first, *_ = fulfilled(flow)
    flow.clock.advance(2 * DAY)
    [second] = flow.in_handling()
    flow.clock.advance(4 * DAY)
    one = purged(flow, days=5)

    flow.clock.advance(2 * DAY)
    other = purged(flow, days=5)

    assert (one.documents, other.documents) == (1, 1)
    assert [document(flow, each) for each in (first, second)] == [None, None]


def test_many_orders_are_purged_in_lots(flow: Flow) -> None:
    _fill(flow, 450)
    flow.clock.advance(91 * DAY)

    erased = purged(flow)

    assert erased == Erased(documents=450)


def _fill(flow: Flow, number: int) -> None:
    ids = [f"{each:05d}-01" for each in range(number)]
    now = flow.clock()
    rows = [
        {
            "account": STORE,
            "order_id": each,
            "progress": "handling",
            "standing": "done",
            "news": False,
            "attempts": 0,
            "version": 1,
            "first_seen_at": now,
            "updated_at": now + timedelta(seconds=index),
        }
        for index, each in enumerate(ids)
    ]
    bodies = [{"account": STORE, "order_id": each, "body": b"{}", "read_at": now} for each in ids]
    with flow.services.ledger.database.writing() as connection:
        connection.execute(orders.insert(), rows)
        connection.execute(documents.insert(), bodies)


def test_a_return_is_still_told_from_a_sale(flow: Flow) -> None:
    order_id, *_ = fulfilled(flow)
    sku = flow.box.order(order_id).lines[0].sku
    items = [{"sku": sku, "quantity": 1}]
    returned = flow.ask("invoice", order_id, {"number": "R1", "type": "Input", "items": items})
    flow.drain()
    flow.clock.advance(91 * DAY)

    purged(flow)

    assert flow.command(returned)["body"] == '{"type":"Input"}'
