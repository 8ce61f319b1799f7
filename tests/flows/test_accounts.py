"""An account that the ledger keeps: its key, its ERP and its bounds change under way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from support.flow import STORE, Flow
from support.purging import DAY

from orders_sync.encryption import Cipher, new_key
from orders_sync.errors import ParkedError
from orders_sync.ledger.journal import Act
from orders_sync.roster import REFRESH_SECONDS, AccountUnusable, Roster, seal_account
from orders_sync.traffic.traffic import Traffic
from orders_sync.upkeep.purge import purge

VALUES: dict[str, Any] = {"app_key": "key", "app_token": "token", "base_url": "http://vtex"}


def keep(flow: Flow, **changes: Any) -> None:
    kept = flow.services.ledger.kept_accounts
    before = kept.find(STORE)
    sealed = seal_account(
        STORE,
        {**VALUES, **changes},
        Cipher(flow.settings.secrets_key),
        revision=before.revision if before else 0,
    )
    assert kept.keep(sealed, Act(flow.clock(), "ana"), "set")


@pytest.fixture
def kept_flow(make_flow: Callable[..., Flow], traffic: Traffic) -> Flow:
    """A flow whose store is in the ledger, and not among the settings."""
    flow = make_flow(traffic=traffic, secrets_key=new_key())
    keep(flow)
    flow.services.roster = Roster(
        flow.settings.model_copy(update={"accounts": {}}),
        flow.services.ledger.kept_accounts,
        follow=flow.services._follow,
        clock=flow.clock.epoch,
    )
    return flow


def traffic_of(flow: Flow) -> Traffic:
    assert flow.services.traffic is not None
    return flow.services.traffic


def test_a_kept_account_has_its_orders_brought_in(kept_flow: Flow) -> None:
    orders = kept_flow.in_handling(3)

    assert {kept_flow.standing(order_id) for order_id in orders} == {"done"}
    assert set(kept_flow.in_erp()) == set(orders)


def test_a_key_that_is_rotated_while_a_call_is_under_way_costs_no_try_and_no_pause(
    kept_flow: Flow,
) -> None:
    kept_flow.box.credentials = {"key": "token"}
    [order_id] = kept_flow.box.create_orders(1)
    kept_flow.poll()

    def rotate() -> None:
        keep(kept_flow, app_token="new")
        kept_flow.box.credentials = {"key": "new"}

    kept_flow.just_before["GET"] = rotate
    kept_flow.drain()
    waiting = kept_flow.order(order_id)

    kept_flow.clock.advance(2)
    kept_flow.dispatch_due()
    kept_flow.drain()

    assert (waiting["standing"], waiting["cause"]) == ("waiting", "traffic.key_replaced")
    assert (waiting["attempts"], waiting["failing_since"]) == (0, None)
    assert kept_flow.standing(order_id) == "done"
    assert kept_flow.box.record.statuses["401"] == 1
    assert traffic_of(kept_flow).usage(STORE).pause is None


def test_an_account_that_was_paused_goes_on_as_soon_as_its_new_key_is_followed(
    kept_flow: Flow,
) -> None:
    kept_flow.box.credentials = {"key": "new"}
    orders = kept_flow.box.create_orders(5)
    kept_flow.settle(rounds=4)
    paused = traffic_of(kept_flow).usage(STORE).pause
    keep(kept_flow, app_token="new")

    kept_flow.clock.advance(REFRESH_SECONDS)
    came = kept_flow.poll()
    kept_flow.drain()

    assert paused is not None
    assert traffic_of(kept_flow).usage(STORE).pause is None
    assert came > 0
    assert {kept_flow.standing(order_id) for order_id in orders} == {"done"}
    assert {kept_flow.order(order_id)["attempts"] for order_id in orders} == {0}


def test_an_adapter_that_another_took_the_place_of_is_closed_with_its_last_call(
    kept_flow: Flow, tmp_path: Any
) -> None:
    first: Any = kept_flow.services.erp(STORE)
    end = first._end
    keep(kept_flow, erp_options={"url": f"sqlite:///{tmp_path / 'other.sqlite3'}"})
    kept_flow.clock.advance(REFRESH_SECONDS)

    second = kept_flow.services.erp(STORE)

    assert second is not first
    assert end.alive
    del first
    assert not end.alive


def test_budgets_and_permits_are_those_of_now(kept_flow: Flow) -> None:
    kept_flow.poll()
    before = traffic_of(kept_flow).usage(STORE).used
    keep(kept_flow, requests_per_minute=600, erp_calls_at_once=2)
    kept_flow.clock.advance(REFRESH_SECONDS)

    kept_flow.poll()

    after, gates = traffic_of(kept_flow).usage(STORE).used, traffic_of(kept_flow).gates([STORE])
    assert before is not None
    assert after is not None
    assert (before.budget, after.budget) == (5400, 600)
    assert gates[STORE].erp_permits == 2


def test_work_of_an_account_whose_key_to_the_secrets_is_another_waits_and_is_not_parked(
    kept_flow: Flow,
) -> None:
    [order_id] = kept_flow.box.create_orders(1)
    kept_flow.poll()
    mended, kept_flow.services.roster = (
        kept_flow.services.roster,
        Roster(
            kept_flow.settings.model_copy(update={"accounts": {}, "secrets_key": None}),
            kept_flow.services.ledger.kept_accounts,
        ),
    )
    kept_flow.drain()
    waiting = kept_flow.order(order_id)
    with pytest.raises(AccountUnusable):
        kept_flow.poll()

    kept_flow.services.roster = mended
    kept_flow.settle(rounds=2)

    assert (waiting["standing"], waiting["cause"]) == ("waiting", "account.unusable")
    assert waiting["attempts"] == 0
    assert kept_flow.standing(order_id) == "done"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"erp": "acme"}, id="an adapter that is not installed"),
        pytest.param({"erp_options": {"colour": "red"}}, id="an option that there is not"),
        pytest.param({"base_url": "http://[vtex"}, id="an address of no host"),
    ],
)
def test_work_of_an_account_that_is_kept_wrong_waits_until_it_is_right(
    kept_flow: Flow, wrong: dict[str, Any]
) -> None:
    [order_id] = kept_flow.box.create_orders(1)
    kept_flow.poll()
    keep(kept_flow, **wrong)
    kept_flow.clock.advance(REFRESH_SECONDS)
    kept_flow.drain()
    waiting = kept_flow.order(order_id)

    keep(kept_flow)
    kept_flow.settle(rounds=2)

    assert (waiting["standing"], waiting["cause"]) == ("waiting", "account.unusable")
    assert waiting["attempts"] == 0
    assert kept_flow.standing(order_id) == "done"


def test_an_account_that_nobody_knows_is_parked_with_the_way_to_add_it(kept_flow: Flow) -> None:
    with pytest.raises(ParkedError) as caught:
        kept_flow.services.vtex("nobody")

    assert caught.value.cause == "account.unknown"
    assert "orders-sync accounts add nobody" in caught.value.hint


def test_an_accounts_own_retry_policy_holds_for_its_work_alone(kept_flow: Flow) -> None:
    keep(kept_flow, retry={"orders": {"attempts": 1}})
    kept_flow.clock.advance(REFRESH_SECONDS)
    [order_id] = kept_flow.box.create_orders(1)
    kept_flow.poll()
    kept_flow.poisoned.add(order_id)

    kept_flow.drain()

    settings = kept_flow.services.settings
    assert kept_flow.standing(order_id) == "parked"
    assert settings.policy_of(STORE, "orders").attempts == 1
    assert settings.policy_of(STORE, "orders").cap_seconds == settings.retry.orders.cap_seconds
    assert settings.policy_of("other", "orders") is settings.retry.orders


def test_orders_of_an_account_are_kept_as_long_as_it_says(kept_flow: Flow) -> None:
    [order_id] = kept_flow.in_handling()
    kept_flow.clock.advance(30 * DAY)

    def purged(own: dict[str, timedelta | None], days: int) -> int:
        return purge(
            owner="purger",
            ledger=kept_flow.services.ledger,
            clock=kept_flow.clock,
            retention=timedelta(days=days),
            own=own,
        ).documents

    assert purged({STORE: None}, 10) == 0
    assert purged({STORE: timedelta(days=40)}, 10) == 0
    assert kept_flow.services.ledger.orders.document(STORE, order_id) is not None
    # What is said no more is as for all, though their rounds are past its orders.
    assert purged({}, 10) == 1
    assert purged({}, 10) == 0


def test_an_account_may_keep_its_orders_for_a_shorter_time(kept_flow: Flow) -> None:
    [order_id] = kept_flow.in_handling()
    kept_flow.clock.advance(30 * DAY)
    ledger = kept_flow.services.ledger
    common: dict[str, Any] = {"owner": "me", "ledger": ledger, "clock": kept_flow.clock}

    assert purge(**common, retention=None).documents == 0
    assert purge(**common, retention=None, own={STORE: timedelta(days=10)}).documents == 1
    assert ledger.orders.document(STORE, order_id) is None
