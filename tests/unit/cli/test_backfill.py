from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from support.shop import STORE, Shop

FROM = f"{datetime.now(UTC) - timedelta(days=20):%Y-%m-%d}"
TO = f"{datetime.now(UTC) - timedelta(days=5):%Y-%m-%d}"
SPAN = ("--from", FROM, "--to", TO)


@pytest.fixture
def old(shop: Shop) -> list[str]:
    """Orders of ten days ago; one in three was cancelled."""
    return orders_of(shop, datetime.now(UTC) - timedelta(days=10))


def orders_of(shop: Shop, day: datetime) -> list[str]:
    shop.box._clock = day.timestamp
    order_ids = shop.box.create_orders(6)
    for order_id in order_ids[::3]:
        shop.box.cancel(order_id)
    shop.box._clock = lambda: datetime.now(UTC).timestamp()
    return order_ids


def known(shop: Shop) -> set[str]:
    return {row["order_id"] for row in shop.answers("orders", "list")["orders"]}


def test_old_orders_are_taken_up(shop: Shop, old: list[str]) -> None:
    [told] = shop.answers("orders", "backfill", *SPAN)

    assert (told["account"], told["taken"], told["known"]) == (STORE, 6, 0)
    assert told["by_status"] == {"ready-for-handling": 4, "canceled": 2}
    assert known(shop) == set(old)


def test_a_dry_run_takes_nothing_and_counts_by_status(shop: Shop, old: list[str]) -> None:
    said = shop.prints("orders", "backfill", *SPAN, "--dry-run")

    assert f"{len(old)} would be taken, 0 known before" in said
    assert "ready-for-handling: 4" in said
    assert known(shop) == set()


@pytest.mark.parametrize(
    ("status", "number"),
    [
        pytest.param("canceled", 2, id="one that the index filters by"),
        pytest.param("window-to-cancel", 0, id="one that it does not"),
    ],
)
@pytest.mark.usefixtures("old")
def test_only_the_statuses_that_are_asked_for_are_taken(
    shop: Shop, status: str, number: int
) -> None:
    [told] = shop.answers("orders", "backfill", *SPAN, "--status", status)

    assert (told["taken"], len(known(shop))) == (number, number)


@pytest.mark.usefixtures("old")
def test_a_backfill_that_was_done_says_so(shop: Shop) -> None:
    shop.prints("orders", "backfill", *SPAN)

    said = shop.prints("orders", "backfill", *SPAN)

    assert "done before, 6 taken" in said


@pytest.mark.usefixtures("old")
def test_a_restart_begins_anew_and_takes_no_order_twice(shop: Shop) -> None:
    shop.prints("orders", "backfill", *SPAN)

    [told] = shop.answers("orders", "backfill", *SPAN, "--restart")

    assert (told["was_done"], told["taken"], told["known"]) == (False, 0, 6)


def test_today_ends_where_the_list_does_and_goes_on_later(shop: Shop) -> None:
    now = datetime.now(UTC)
    orders_of(shop, now - timedelta(hours=1))
    today = ("--from", f"{now - timedelta(days=1):%Y-%m-%d}", "--to", f"{now:%Y-%m-%d}")

    said = shop.prints("orders", "backfill", *today)
    [again] = shop.answers("orders", "backfill", *today)

    assert "6 taken" in said
    assert "VTEX's list reaches until" in said
    assert not again["was_done"]


@pytest.mark.parametrize(
    ("span", "words"),
    [
        pytest.param(("--from", TO, "--to", FROM), "must lie before --to", id="the wrong way"),
        pytest.param(("--from", "2099-01-01", "--to", "2099-02-01"), "yet to come", id="future"),
        pytest.param(("--from", "2001-01-01", "--to", "2001-02-01"), "two years", id="too old"),
        pytest.param(("--from", "yesterday", "--to", TO), "2026-11-27", id="no date"),
        pytest.param(("--from", "2026-13-01", "--to", TO), "is no date", id="no such month"),
    ],
)
def test_a_wrong_span_is_a_matter_of_usage(shop: Shop, span: tuple[str, ...], words: str) -> None:
    result = shop.types("orders", "backfill", *span)

    assert result.exit_code == 2
    assert words in result.stderr


@pytest.mark.usefixtures("old")
def test_an_instant_bounds_the_span_too(shop: Shop) -> None:
    moment = f"{datetime.now(UTC) - timedelta(days=10, hours=1):%Y-%m-%dT%H:%M}Z"

    [told] = shop.answers("orders", "backfill", "--from", FROM, "--to", moment)

    assert told["taken"] == 0


def test_an_account_that_is_not_configured_is_refused(shop: Shop) -> None:
    result = shop.types("orders", "backfill", *SPAN, "--account", "elsewhere")

    assert result.exit_code == 1
    assert "elsewhere is not configured" in result.stderr
