"""What a dispatcher is told about all that waits for an account."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from unit.traffic.virtual_time import VirtualTime

from orders_sync.embedded.broker import free_port
from orders_sync.errors import AuthFailed, ErpUnavailable, Unavailable
from orders_sync.traffic.shared import Shared, connect
from orders_sync.traffic.traffic import Traffic
from orders_sync.traffic.waits import ERP, Gates, Lane


def _gates(traffic: Traffic, account: str) -> Gates:
    return traffic.gates([account])[account]


def _call(traffic: Traffic, account: str, name: str, error: Exception, status: int = 0) -> None:
    def call() -> None:
        with traffic.call(account, Lane.FETCH, name) as answered:
            answered(status, lambda _: None)
            raise error

    with pytest.raises(type(error)):
        call()


def test_an_account_in_no_trouble_is_open_at_its_pace(traffic: Traffic, account: str) -> None:
    gates = _gates(traffic, account)

    assert gates.closed_for(["get_order", "invoice", ERP]) == 0.0
    assert not gates.probing(["get_order", ERP])
    assert 95 <= gates.per_second <= 100
    assert gates.erp_permits == 8


def test_an_open_breaker_closes_its_own_operation_until_its_trial(
    traffic: Traffic, account: str, time: VirtualTime
) -> None:
    for _ in range(10):
        _call(traffic, account, "invoice", Unavailable("gone"))

    gates = _gates(traffic, account)
    time.sleep(5.0)
    later = _gates(traffic, account)

    assert gates.closed_for(["get_order", "invoice"]) == pytest.approx(5.0, abs=0.01)
    assert gates.closed_for(["get_order"]) == 0.0
    assert (later.closed_for(["invoice"]), later.probing(["invoice"])) == (0.0, True)
    assert not later.probing(["get_order"])


def test_reading_takes_no_trial_and_while_it_is_under_way_the_gate_is_closed(
    traffic: Traffic, account: str, time: VirtualTime
) -> None:
    for _ in range(10):
        _call(traffic, account, "invoice", Unavailable("gone"))
    time.sleep(5.0)
    for _ in range(10):
        _gates(traffic, account)

    with traffic.call(account, Lane.INVOICE, "invoice"):
        during = _gates(traffic, account)

    assert 0 < during.closed_for(["invoice"]) <= 5.0
    assert not during.probing(["invoice"])
    assert _gates(traffic, account).closed_for(["invoice"]) == 0.0


def test_an_erp_that_is_away_closes_what_calls_it_and_nothing_else(
    traffic: Traffic, account: str
) -> None:
    for _ in range(10):
        with pytest.raises(ErpUnavailable), traffic.guard_erp(account, seconds=30):
            raise ErpUnavailable("the ERP does not answer")

    gates = _gates(traffic, account)

    assert gates.closed_for(["get_order", ERP]) == pytest.approx(5.0, abs=0.01)
    assert gates.closed_for(["get_order"]) == 0.0


def test_a_paused_account_closes_its_calls_to_vtex_until_the_probe(
    traffic: Traffic, account: str, time: VirtualTime
) -> None:
    for _ in range(2):
        _call(traffic, account, "get_order", AuthFailed("VTEX answered 401"), status=401)

    gates = _gates(traffic, account)
    time.sleep(15.0)
    later = _gates(traffic, account)

    assert gates.closed_for(["invoice"]) == pytest.approx(15.0, abs=0.01)
    assert gates.closed_for([ERP]) == 0.0
    assert (later.closed_for(["invoice"]), later.probing(["invoice"])) == (0.0, True)


def test_a_forbidden_operation_closes_what_needs_it(traffic: Traffic, account: str) -> None:
    for _ in range(2):
        _call(traffic, account, "invoice", AuthFailed("VTEX answered 403"), status=403)

    gates = _gates(traffic, account)

    assert gates.closed_for(["get_order", "invoice"]) == pytest.approx(15.0, abs=0.01)
    assert gates.closed_for(["get_order"]) == 0.0


def test_a_hold_closes_all_calls_to_vtex(traffic: Traffic, account: str) -> None:
    traffic.limiter.hold(account, 20.0)

    gates = _gates(traffic, account)

    assert gates.closed_for(["get_order"]) == 20.0
    assert gates.closed_for([ERP]) == 0.0


def test_permits_of_the_erp_that_are_taken_are_counted(traffic: Traffic, account: str) -> None:
    with traffic.guard_erp(account, seconds=30), traffic.guard_erp(account, seconds=30):
        during = _gates(traffic, account).erp_permits

    assert (during, _gates(traffic, account).erp_permits) == (6, 8)


def test_many_accounts_are_read_in_one_round_trip(
    process: Callable[..., Shared], time: VirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, accounts = process(), [f"gates{number}" for number in range(50)]
    traffic = _traffic(shared, accounts, time)
    traffic.gates(accounts)
    monkeypatch.setattr(shared._client, "execute_command", _never)

    assert set(traffic.gates(accounts)) == set(accounts)


def test_erps_that_are_well_are_looked_at_in_one_round_trip(
    process: Callable[..., Shared], time: VirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, accounts = process(), [f"well{number}" for number in range(50)]
    traffic = _traffic(shared, accounts, time)

    traffic.look_at_erps(accounts)
    monkeypatch.setattr(shared._client, "execute_command", _never)

    assert [traffic.erp_rests(account) for account in accounts] == [None] * 50


def test_an_erp_that_others_found_away_rests_after_such_a_look_too(
    process: Callable[..., Shared], account: str, time: VirtualTime
) -> None:
    others, ours = (_traffic(process(), [account], time) for _ in range(2))
    for _ in range(10):
        with pytest.raises(ErpUnavailable), others.guard_erp(account, seconds=30):
            raise ErpUnavailable("the ERP does not answer")

    ours.look_at_erps([account])

    assert ours.erp_rests(account) is not None


def _traffic(shared: Shared, accounts: Sequence[str], time: VirtualTime) -> Traffic:
    return Traffic(
        shared,
        dict.fromkeys(accounts, 6000),
        processes=1,
        random=random.Random(1),
        clock=time.clock,
        sleep=time.sleep,
    )


def _never(*_: object) -> None:
    raise AssertionError("a round trip of its own")


def test_scripts_that_redis_forgot_are_brought_again(traffic: Traffic, account: str) -> None:
    traffic._shared._client.script_flush()

    assert _gates(traffic, account).per_second > 90


def test_an_account_that_is_not_known_is_open(traffic: Traffic) -> None:
    assert traffic.gates(["elsewhere"]) == {"elsewhere": Gates()}


def test_while_redis_is_away_every_account_is_open_at_the_pace_of_one_process(
    account: str, time: VirtualTime
) -> None:
    shared = Shared(connect(f"redis://127.0.0.1:{free_port()}/0"), clock=time.clock)
    traffic = Traffic(
        shared,
        {account: 6000},
        processes=4,
        random=random.Random(1),
        clock=time.clock,
        sleep=time.sleep,
    )

    gates = _gates(traffic, account)

    assert gates.closed_for(["get_order", ERP]) == 0.0
    assert (gates.per_second, gates.erp_permits) == (20.0, 2)
