from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orders_sync.domain.rules import Standing
from orders_sync.ledger import Ledger
from orders_sync.ledger.decisions import DecisionRefused
from orders_sync.ledger.journal import Act
from orders_sync.ledger.searches import PageEnd
from orders_sync.ledger.tables import operator_log

ARRIVED = datetime(2026, 11, 27, 12, tzinfo=UTC)
ACT = Act(ARRIVED + timedelta(hours=1), "ana", "mended")
BODY = b"Maria Silva \xff"


class Queues:
    """Takes what is put back, or is away."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.messages: list[tuple[str, bytes]] = []

    def __call__(self, queue: str, message: bytes) -> None:
        if self.failure is not None:
            raise self.failure
        self.messages.append((queue, message))


def keep(ledger: Ledger, number: int = 1, /, **changes: Any) -> str:
    values = {
        "arrived_at": ARRIVED,
        "queue": "celery",
        "reason": "unknown-task",
        "name": "orders_sync.refund",
        "body": BODY,
    }
    ledger.strays.record(f"1764244800-{number}", **{**values, **changes})
    return f"stray-1764244800-{number}"


def standing(ledger: Ledger, stray_id: str) -> str | None:
    row = ledger.strays.find(stray_id)
    return None if row is None else row["standing"]


def acts(ledger: Ledger) -> list[tuple[str, str, str | None]]:
    with ledger.database.reading() as connection:
        rows = connection.execute(operator_log.select().order_by(operator_log.c.id)).all()
    return [(row.who, row.did, row.why) for row in rows]


def test_a_stray_is_told_of_without_its_body(ledger: Ledger) -> None:
    stray_id = keep(ledger)

    (row,) = ledger.strays.parked()

    assert row == ledger.strays.find(stray_id)
    assert row == {
        "id": stray_id,
        "arrived_at": ARRIVED,
        "queue": "celery",
        "reason": "unknown-task",
        "name": "orders_sync.refund",
        "size": len(BODY),
        "standing": Standing.PARKED,
        "decided_at": None,
        "has_body": True,
    }
    assert ledger.strays.body(stray_id) == BODY


def test_a_stray_that_comes_again_stays_as_it_was_decided(ledger: Ledger) -> None:
    stray_id = keep(ledger)
    ledger.strays.discard(stray_id, ACT)

    keep(ledger)

    assert standing(ledger, stray_id) == Standing.VOID
    assert ledger.strays.body(stray_id) is None


@pytest.mark.parametrize("field", ["name", "queue"])
def test_what_no_database_keeps_stops_no_stray(ledger: Ledger, field: str) -> None:
    stray_id = keep(ledger, **{field: "a\0b\ud800c\x1b[2J"})

    row = ledger.strays.find(stray_id)

    assert row is not None
    assert row[field] == "a?b?c?[2J"


def test_strays_are_found_by_their_reason_the_latest_first(ledger: Ledger) -> None:
    first = keep(ledger, 1)
    keep(ledger, 2, reason="not-json", name="")
    third = keep(ledger, 3, arrived_at=ARRIVED + timedelta(seconds=1))

    found = ledger.strays.parked(reason="unknown-task")

    assert [row["id"] for row in found] == [third, first]
    assert [row["id"] for row in ledger.strays.parked(limit=1)] == [third]
    assert ledger.strays.count_parked() == {"unknown-task": 2, "not-json": 1}


def test_strays_of_one_instant_are_listed_page_by_page(ledger: Ledger) -> None:
    kept = {keep(ledger, number) for number in (3, 0, 4, 1, 2)}

    first = ledger.strays.parked(limit=3)
    end = PageEnd(first[-1]["arrived_at"], first[-1]["id"])
    rest = ledger.strays.parked(limit=3, after=end)

    assert (len(first), len(rest)) == (3, 2)
    assert {row["id"] for row in (*first, *rest)} == kept


def test_a_retried_stray_is_put_back_and_loses_its_body(ledger: Ledger) -> None:
    stray_id, queues = keep(ledger), Queues()

    ledger.strays.retry(stray_id, queues, ACT)

    assert queues.messages == [("celery", BODY)]
    assert (standing(ledger, stray_id), ledger.strays.body(stray_id)) == (Standing.DONE, None)
    assert acts(ledger) == [("ana", f"parked retry {stray_id}", "mended")]
    assert ledger.strays.parked() == []


def test_a_stray_that_cannot_be_put_back_stays_parked(ledger: Ledger) -> None:
    stray_id = keep(ledger)

    with pytest.raises(DecisionRefused, match="away"):
        ledger.strays.retry(stray_id, Queues(DecisionRefused("the broker is away")), ACT)

    assert (standing(ledger, stray_id), ledger.strays.body(stray_id)) == (Standing.PARKED, BODY)
    assert acts(ledger) == []


@pytest.mark.parametrize(
    "reason", ["not-json", "not-a-message", "not-a-task", "unreadable-body", "no-queue"]
)
def test_what_no_worker_can_take_is_not_retried(ledger: Ledger, reason: str) -> None:
    stray_id, queues = keep(ledger, reason=reason), Queues()

    with pytest.raises(DecisionRefused, match=f"{stray_id} is {reason}: .* discard {stray_id}"):
        ledger.strays.retry(stray_id, queues, ACT)

    assert queues.messages == []
    assert standing(ledger, stray_id) == Standing.PARKED


def test_a_decided_stray_cannot_be_decided_again(ledger: Ledger) -> None:
    retried, discarded, queues = keep(ledger, 1), keep(ledger, 2), Queues()
    ledger.strays.retry(retried, queues, ACT)
    ledger.strays.discard(discarded, ACT)

    with pytest.raises(DecisionRefused, match="not parked: it was retried before"):
        ledger.strays.discard(retried, ACT)
    with pytest.raises(DecisionRefused, match="not parked: it was discarded before"):
        ledger.strays.retry(discarded, queues, ACT)
    with pytest.raises(DecisionRefused, match="There is no stray stray-9"):
        ledger.strays.discard("stray-9", ACT)

    assert len(queues.messages) == 1


def test_a_body_past_its_retention_is_erased_and_cannot_be_retried(ledger: Ledger) -> None:
    old, young = keep(ledger, 1), keep(ledger, 2, arrived_at=ARRIVED + timedelta(days=1))

    erased = [ledger.strays.erase_bodies(before=ARRIVED + timedelta(hours=1)) for _ in range(2)]

    assert erased == [1, 0]
    assert [ledger.strays.body(each) for each in (old, young)] == [None, BODY]
    with pytest.raises(DecisionRefused, match="was erased"):
        ledger.strays.retry(old, Queues(), ACT)


def test_monitoring_counts_what_waits_for_a_person(ledger: Ledger) -> None:
    keep(ledger, 1)
    keep(ledger, 2)
    ledger.strays.discard(keep(ledger, 3), ACT)

    state = ledger.gauges.read(now=ARRIVED, delivered_after=ARRIVED)

    assert state.strays == 2


def test_the_ids_of_parked_strays_complete(ledger: Ledger) -> None:
    stray_id = keep(ledger, 1)
    ledger.strays.discard(keep(ledger, 2), ACT)

    assert ledger.searches.parked_ids("stray-17", limit=5) == [stray_id]
