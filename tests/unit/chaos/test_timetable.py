from __future__ import annotations

from functools import partial
from itertools import combinations

import pytest
from chaos.plan import BrokerKind, plan_run
from chaos.timetable import FIRST_AT, LAST_AT, Kind, timetable

SEEDS = range(60)
draw = partial(timetable, ledger="postgresql", erp="postgresql")


@pytest.mark.parametrize("ledger", ["sqlite", "postgresql"])
def test_the_same_seed_draws_the_same_faults_and_another_seed_others(ledger: str) -> None:
    once = plan_run(7, orders=60, ledger="sqlite" if ledger == "sqlite" else "postgresql")
    again = plan_run(7, orders=60, ledger=once.ledger)
    other = plan_run(8, orders=60, ledger=once.ledger)

    assert once == again
    assert once.faults != other.faults


def test_every_kind_is_drawn_by_some_seed() -> None:
    drawn = {fault.kind for seed in SEEDS for fault in plan_run(seed, orders=60).faults}

    assert drawn == set(Kind)


def test_each_database_has_only_faults_that_can_befall_it() -> None:
    on_sqlite = {f.kind for seed in SEEDS for f in draw(seed, ledger="sqlite", erp="sqlite")}
    on_servers = {f.kind for seed in SEEDS for f in draw(seed)}

    of_ledger = {Kind.LEDGER_CUT, Kind.LEDGER_RESTARTED, Kind.LEDGER_CRASHED}
    of_erp = {Kind.ERP_REFUSES, Kind.ERP_CUT}
    assert set(Kind) - on_sqlite == of_ledger | of_erp
    assert set(Kind) - on_servers == {Kind.LEDGER_LOCKED}


def test_faults_come_in_order_within_their_time_and_never_twice_at_once() -> None:
    for seed in SEEDS:
        faults = draw(seed)

        timed = [fault for fault in faults if fault.kind is not Kind.SKEWED]
        assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
        assert all(FIRST_AT <= fault.at <= LAST_AT for fault in timed)
        assert not any(one.clashes(other) for one, other in combinations(faults, 2))


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.LEDGER_LOCKED])
def test_a_run_of_one_kind_has_that_kind_and_no_other(kind: Kind) -> None:
    faults = draw(3, kinds=[kind])

    assert {fault.kind for fault in faults} == {kind}


def test_clocks_of_workers_are_wrong_by_a_minute_and_a_half_at_most() -> None:
    faults = [f for seed in SEEDS for f in draw(seed, kinds=[Kind.SKEWED])]

    assert {fault.target for fault in faults} == {"worker1", "worker2", "worker3"}
    assert max(abs(fault.size) for fault in faults) <= 90
    assert min(fault.size for fault in faults) < -30 < 30 < max(fault.size for fault in faults)


def test_eight_seeds_in_a_row_try_every_ledger_with_every_broker_and_every_erp() -> None:
    plans = [plan_run(seed, orders=60) for seed in range(8)]

    assert len({(plan.ledger, plan.broker, plan.erp) for plan in plans}) == 8


def test_only_a_broker_that_forgets_nothing_is_trusted_with_the_only_copy() -> None:
    def keeps(broker: BrokerKind, *kinds: Kind) -> bool:
        return plan_run(3, orders=60, broker=broker, kinds=kinds).broker_keeps

    assert keeps("persistent", Kind.BROKER_KILLED, Kind.KILLED)
    assert not keeps("persistent", Kind.BROKER_EMPTIED)
    assert not keeps("volatile", Kind.KILLED)
