from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from support.ledger_files import make_ledger

from orders_sync.broker import scripts
from orders_sync.broker.strays import BrokerStrays
from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.errors import LedgerUnavailable
from orders_sync.ledger import Ledger
from orders_sync.ledger.strays import DroppedStrays
from orders_sync.testing.clock import SettableClock
from orders_sync.upkeep.purge import collect_strays, purge

ARRIVED = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Any]:
    broker = EmbeddedBroker(tmp_path / "broker")
    with Redis.from_url(broker.start()) as redis:
        yield redis
    broker.stop()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    url = make_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    ledger = Ledger(url, lease=timedelta(seconds=60))
    yield ledger
    ledger.close()


def put_aside(redis: Any, number: int) -> None:
    about = {
        "id": f"1764244800-{number}",
        "when": ARRIVED.timestamp() + number,
        "queue": "celery",
        "reason": "not-json",
        "name": "",
    }
    redis.lpush(scripts.STRAYS, json.dumps(about).encode() + b"\nMaria \xff\n" + bytes([number]))


def in_ledger(ledger: Ledger) -> list[str]:
    return [row["id"] for row in ledger.strays.parked()]


def test_strays_are_moved_as_they_are(redis: Any, ledger: Ledger) -> None:
    put_aside(redis, 1)

    moved = collect_strays(broker=BrokerStrays(redis), ledger=ledger, clock=lambda: ARRIVED)

    (row,) = ledger.strays.parked()
    assert moved == 1
    assert (row["id"], row["reason"], row["queue"]) == ("stray-1764244800-1", "not-json", "celery")
    assert row["arrived_at"] == ARRIVED + timedelta(seconds=1)
    assert ledger.strays.body(row["id"]) == b"Maria \xff\n\x01"
    assert redis.exists(scripts.STRAYS) == 0


def test_more_than_a_lot_is_moved_at_once(redis: Any, ledger: Ledger) -> None:
    for number in range(45):
        put_aside(redis, number)

    moved = collect_strays(broker=BrokerStrays(redis), ledger=ledger, clock=lambda: ARRIVED)

    assert moved == 45
    assert len(in_ledger(ledger)) == 45


def test_nothing_leaves_the_broker_before_the_ledger_has_it(redis: Any, ledger: Ledger) -> None:
    put_aside(redis, 1)
    ledger.close()
    away = Ledger("postgresql://nobody@127.0.0.1:1/none", lease=timedelta(seconds=60))

    with pytest.raises(LedgerUnavailable):
        collect_strays(broker=BrokerStrays(redis), ledger=away, clock=lambda: ARRIVED)

    away.close()
    assert len(BrokerStrays(redis)) == 1


def test_what_the_broker_dropped_is_told_with_the_time_it_was_seen(
    redis: Any, ledger: Ledger, clock: SettableClock
) -> None:
    def collect() -> DroppedStrays | None:
        clock.advance(10)
        collect_strays(broker=BrokerStrays(redis), ledger=ledger, clock=clock)
        return ledger.strays.dropped()

    none = collect()
    redis.set(scripts.STRAYS_DROPPED, 7)
    some, seen_at = collect(), clock()
    the_same = collect()
    redis.incr(scripts.STRAYS_DROPPED)
    more = collect()
    redis.flushall()
    emptied = collect()

    assert none is None
    assert some == the_same == DroppedStrays(7, seen_at)
    assert more == emptied == DroppedStrays(8, seen_at + timedelta(seconds=20))


def test_a_move_that_was_cut_in_two_is_completed(redis: Any, ledger: Ledger) -> None:
    put_aside(redis, 1)
    entry = redis.lindex(scripts.STRAYS, 0)
    collect_strays(broker=BrokerStrays(redis), ledger=ledger, clock=lambda: ARRIVED)
    redis.lpush(scripts.STRAYS, entry)

    collect_strays(broker=BrokerStrays(redis), ledger=ledger, clock=lambda: ARRIVED)

    assert in_ledger(ledger) == ["stray-1764244800-1"]
    assert redis.exists(scripts.STRAYS) == 0


@pytest.mark.parametrize(
    ("days", "has_body"),
    [
        pytest.param(29, True, id="within its retention"),
        pytest.param(31, False, id="past its retention"),
    ],
)
def test_a_purge_erases_bodies_that_nobody_decided_about(
    redis: Any, ledger: Ledger, clock: SettableClock, days: int, has_body: bool
) -> None:
    put_aside(redis, 1)
    collect_strays(broker=BrokerStrays(redis), ledger=ledger, clock=lambda: ARRIVED)
    clock.advance((ARRIVED + timedelta(days=days) - clock()).total_seconds())

    purge(owner="me", ledger=ledger, clock=clock, retention=timedelta(days=30))

    (row,) = ledger.strays.parked()
    assert row["has_body"] is has_body
