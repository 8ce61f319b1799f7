from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from orders_sync.commands import NAMED
from orders_sync.demo.demand import Demand, messages
from orders_sync.demo.played_staging import PlayedStaging, open_as_erp
from orders_sync.demo.records import ErpOrder, SoldLine
from orders_sync.demo.scenarios import (
    CONFLICTS,
    DEMO_ROUND,
    OF_SERVICE,
    Scenario,
    deal,
    draft_commands,
    pack,
    share,
)
from orders_sync.domain.commands import Command, Outcome
from orders_sync.erp.staging import StagingErp
from orders_sync.testing.factories import make_line, make_order

ORDER = ErpOrder(
    "1-01", "new", 1200, (SoldLine("A", "10", 1, 500), SoldLine("B", "10", 2, 700)), 11.0
)
OF_ERP = [scenario for scenario in Scenario if scenario not in OF_SERVICE]


@pytest.fixture
def staging(erp_url: str, tmp_path: Path) -> Iterator[StagingErp]:
    """Have the orders 1-01 and 2-01 handed over to the ERP."""
    staging = StagingErp("sandbox", {"url": erp_url}, tmp_path)
    for order_id in ("1-01", "2-01"):
        lines = (make_line(0, sku="10", quantity=3, total_cents=1500),)
        staging.place_order(
            make_order(account="sandbox", order_id=order_id, lines=lines, value_cents=1700)
        )
    yield staging
    staging.close()


@pytest.fixture
def played(erp_url: str, staging: StagingErp) -> Iterator[PlayedStaging]:  # noqa: ARG001 - its tables.
    played = PlayedStaging(erp_url, "sandbox")
    yield played
    played.close()


def _pulled(staging: StagingErp) -> list[Command]:
    return list(staging.pull(None).rows)


def _answer(staging: StagingErp, outcome: Outcome) -> None:
    for command in _pulled(staging):
        staging.answer(command, outcome)


def test_of_forty_orders_every_fate_has_its_share() -> None:
    dealt = Counter(itertools.islice(deal(Random(1)), 40))

    assert set(dealt) == {scenario for scenario, share in DEMO_ROUND.items() if share}
    assert sum(dealt[scenario] for scenario in OF_SERVICE) == 6
    assert dealt[Scenario.INVOICED_IN_PARTS] == dealt[Scenario.TRACKED_ALONG] == 6


def test_the_same_seed_deals_the_same_fates() -> None:
    first, second, other = (
        list(itertools.islice(deal(Random(seed)), 80)) for seed in ("7", "7", "8")
    )

    assert first == second
    assert first != other


@pytest.mark.parametrize("seed", range(20))
def test_parcels_hold_every_piece_once(seed: int) -> None:
    parcels = pack(ORDER, Random(seed))

    assert sum(parcels, Counter()) == Counter({"A": 1, "B": 2})
    assert len(parcels) > 1


def test_an_order_of_one_piece_is_one_parcel() -> None:
    order = ErpOrder("1-01", "new", 500, (SoldLine("A", "10", 1, 500),), 11.0)

    assert pack(order, Random(1)) == [Counter({"A": 1})]


def test_shares_sum_to_the_whole() -> None:
    assert share(1000, ["a", "b", "c"]) == [333, 333, 334]


@pytest.mark.parametrize("scenario", OF_ERP)
def test_all_but_what_is_impossible_is_understood_as_it_is_written(
    scenario: Scenario, played: PlayedStaging, staging: StagingErp
) -> None:
    order = played.new_orders(())[0]

    played.take(order, draft_commands(scenario, order, "000001", Random(2)))

    for command, asked in zip(_pulled(staging), played.asked, strict=True):
        assert command.order_id == order.order_id
        if not asked.is_impossible:
            NAMED[command.kind].body.model_validate(command.body)


@pytest.mark.parametrize(
    "scenario",
    [f for f in OF_ERP if f not in (*CONFLICTS, Scenario.ASKED_MUCH, Scenario.CANCELLED)],
)
def test_every_invoice_has_a_journey_that_ends_with_its_delivery(scenario: Scenario) -> None:
    asked = [draft.asked for draft in draft_commands(scenario, ORDER, "000001", Random(3))]

    numbers = {one.number for one in asked if one.kind == "invoice" and not one.is_impossible}
    numbers -= {one.number for one in asked if one.is_return}
    delivered = [one.number for one in asked if one.is_delivered]
    assert Counter(delivered) == Counter(numbers)


def test_conflicts_come_where_they_are_asked_for() -> None:
    dealt = itertools.islice(deal(Random(1), dict.fromkeys(CONFLICTS, 2)), 10)

    assert Counter(dealt) == dict.fromkeys(CONFLICTS, 2)


def test_the_second_of_two_invoices_takes_the_rest() -> None:
    first, rest = draft_commands(Scenario.INVOICED_THEN_REST, ORDER, "1", Random(1))

    assert (first.columns["value_cents"], rest.columns.get("value_cents")) == (400, None)
    assert (first.asked.value_cents, rest.asked.value_cents) == (400, 800)


def test_a_corrected_tracking_number_does_not_last() -> None:
    asked = [
        draft.asked for draft in draft_commands(Scenario.TRACKING_CORRECTED, ORDER, "1", Random(1))
    ]

    assert [one.tracking_number for one in asked] == [None, "BR1X", "BR1"]
    assert [one.has_to_last for one in asked] == [True, False, True]


def test_the_parts_of_an_order_sum_to_it() -> None:
    rows = [
        draft.columns for draft in draft_commands(Scenario.INVOICED_IN_PARTS, ORDER, "1", Random(1))
    ]

    assert sum(row.get("value_cents") or 0 for row in rows) == ORDER.value_cents


@pytest.mark.parametrize(
    ("quantity", "field"),
    [
        pytest.param(2, "remove", id="a piece less"),
        pytest.param(1, "manual_discount_cents", id="a discount where each line has one piece"),
    ],
)
def test_a_change_is_written_before_all_else(quantity: int, field: str) -> None:
    order = ErpOrder("1-01", "new", 500, (SoldLine("A", "10", quantity, 500),), 11.0)

    first, *others = draft_commands(Scenario.CHANGED, order, "1", Random(1))

    assert first.asked.kind == "change"
    assert field in json.loads(first.columns["body"])
    assert {draft.asked.kind for draft in others} == {"invoice", "track"}


def test_an_order_that_is_left_alone_is_nobodys_and_missed_by_nobody(
    staging: StagingErp,  # noqa: ARG001 - it gives the ERP two orders.
    erp_url: str,
    tmp_path: Path,
) -> None:
    demand = Demand(
        PlayedStaging(erp_url, "sandbox"),
        tmp_path / "outbox",
        pytest.fail,
        lambda *_: False,
        Random(1),
        lambda: 0.0,
    )
    demand.leave_alone("1-01")
    demand.leave_alone("2-01")

    demand.tend()

    assert demand.asked == ()
    assert demand.is_met
    demand.close()


def test_an_order_is_taken_once(played: PlayedStaging) -> None:
    first, second = played.new_orders(())

    played.take(first, draft_commands(Scenario.CANCELLED, first, "1", Random(1)))
    played.take(first, draft_commands(Scenario.CANCELLED, first, "1", Random(1)))

    assert [asked.order_id for asked in played.asked] == [first.order_id]
    assert [order.order_id for order in played.new_orders(())] == [second.order_id]
    assert played.new_orders({second.order_id}) == []


def test_an_order_whose_database_is_locked_is_taken_later(
    staging: StagingErp, erp_url: str
) -> None:
    played = PlayedStaging(erp_url, "sandbox", patience_seconds=0.1)
    order = played.new_orders(())[0]
    written = draft_commands(Scenario.INVOICED, order, "1", Random(1))
    engine = open_as_erp(erp_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE erp_orders SET reference = 'held'"))
        with pytest.raises(OperationalError):
            played.take(order, written)
        asked_meanwhile = list(played.asked)
    engine.dispose()

    played.take(order, written)
    played.close()

    assert asked_meanwhile == []
    assert len(_pulled(staging)) == len(written)


@pytest.mark.parametrize("scenario", [Scenario.RETURNED, Scenario.CANCELLED_TOO_LATE])
def test_what_comes_late_waits_until_the_order_is_invoiced(
    scenario: Scenario, played: PlayedStaging, staging: StagingErp
) -> None:
    order = played.new_orders(())[0]
    written = draft_commands(scenario, order, "1", Random(1))
    (late,) = [draft.asked for draft in written if draft.is_late]
    played.take(order, written)

    played.tend()
    before = len(played.asked)
    _answer(staging, Outcome("done"))
    was_content = played.is_answered
    played.tend()

    assert before == len(written) - 1
    assert not was_content
    assert played.asked[-1].kind == late.kind
    assert not played.is_answered


def test_an_erp_is_content_once_all_is_done_or_refused(
    played: PlayedStaging, staging: StagingErp
) -> None:
    order = played.new_orders(())[0]
    played.take(order, draft_commands(Scenario.INVOICED, order, "1", Random(1)))
    before = played.is_answered

    _answer(staging, Outcome("refused", "why"))

    assert not before
    assert played.is_answered
    assert played.answered == len(played.asked)
    assert {(one.state, one.words) for one in played.answers().values()} == {("refused", "why")}


@pytest.mark.parametrize("scenario", sorted(OF_SERVICE))
def test_another_service_asks_for_what_our_tasks_take(scenario: Scenario) -> None:
    for message in messages(scenario, ORDER, "1", Random(1)):
        kind = message.task.removeprefix("orders_sync.")
        body = {**message.arguments, **message.arguments.get("tracking", {})}
        body.pop("tracking", None)
        NAMED[kind].body.model_validate(body.get("invoice", body))
        assert kind == message.asked.kind
