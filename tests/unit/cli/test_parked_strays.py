from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from support.office import Office
from support.parking import CAUSE, parked_invoice
from support.shop import STORE, Shop

from orders_sync.embedded.broker import EmbeddedBroker, free_port

ARRIVED = datetime(2026, 11, 27, 12, tzinfo=UTC)
BODY = json.dumps({"body": "Maria Silva"}).encode()


def keep(shop: Shop, number: int = 1, **changes: Any) -> str:
    values = {
        "arrived_at": ARRIVED,
        "queue": "celery",
        "reason": "unknown-task",
        "name": "orders_sync.refund",
        "body": BODY,
    }
    shop.ledger.strays.record(f"1764244800-{number}", **{**values, **changes})
    return f"stray-1764244800-{number}"


def test_strays_are_listed_beside_what_else_is_parked(shop: Shop, office: Office) -> None:
    stray_id = keep(shop)
    alone = shop.prints("parked", "list")
    parked_invoice(office)

    output = shop.prints("parked", "list")
    answer = shop.answers("parked", "list")

    assert "Nothing is parked" not in alone
    assert f"{CAUSE}: 1 parked" in output
    assert "Stray messages, which no task could take: 1 parked" in output
    assert stray_id in output
    assert [row["id"] for row in answer["strays"]] == [stray_id]
    assert answer["causes"] == {CAUSE: 1}
    assert "Maria" not in alone + output + str(answer)


def test_strays_that_the_broker_dropped_are_told_with_what_to_do(shop: Shop) -> None:
    none = shop.answers("parked", "list")["strays_dropped"]
    shop.ledger.strays.note_dropped(12, now=ARRIVED)

    output = shop.prints("parked", "list")
    answer = shop.answers("parked", "list")
    of_account = shop.prints("parked", "list", "--account", STORE)

    assert none is None
    assert "12 stray messages were dropped by 2026-11-27 12:00:00 UTC" in output
    assert "send again what is still wanted" in output
    assert answer["strays_dropped"] == {"count": 12, "seen_at": ARRIVED.isoformat()}
    assert "dropped" not in of_account


def test_the_list_can_be_narrowed_to_one_reason(shop: Shop, office: Office) -> None:
    parked_invoice(office)
    keep(shop, 1)
    other = keep(shop, 2, reason="not-json", name="")

    by_reason = shop.prints("parked", "list", "--cause", "not-json")
    of_account = shop.answers("parked", "list", "--account", STORE)

    assert other in by_reason
    assert CAUSE not in by_reason
    assert "take: 1 parked" in by_reason
    assert of_account["strays"] == []


def test_a_stray_is_shown_with_its_body_only_where_that_is_asked_for(shop: Shop) -> None:
    stray_id = keep(shop)

    without = shop.prints("parked", "show", stray_id)
    answer = shop.answers("parked", "show", stray_id)
    body = shop.prints("parked", "show", stray_id, "--body")
    body_in_json = shop.answers("parked", "show", stray_id, "--body")["body"]

    assert "reason: unknown-task" in without
    assert f"orders-sync parked retry {stray_id}" in without
    assert "Maria" not in without + str(answer)
    assert '"body": "Maria Silva"' in body
    assert body_in_json == BODY.decode()


def test_a_body_cannot_command_the_terminal(shop: Shop) -> None:
    stray_id = keep(shop, reason="not-json", name="", body=b"a\x1b[2Jb\xff")

    output = shop.prints("parked", "show", stray_id, "--body")

    assert "a\\x1b[2Jb\\xff" in output
    assert "parked retry" not in output


def test_a_stray_goes_back_to_its_queue(shop: Shop, tmp_path: Path) -> None:
    stray_id = keep(shop)
    broker = EmbeddedBroker(tmp_path / "broker")
    url = broker.start()
    try:
        shop.environment["ORDERS_SYNC_BROKER_URL"] = url

        output = shop.prints("parked", "retry", stray_id, "--why", "upgraded")

        with Redis.from_url(url) as redis:
            assert redis.lrange("celery", 0, -1) == [BODY]
    finally:
        broker.stop()
    assert output == f"Retrying stray message {stray_id}.\n"
    assert shop.ledger.strays.body(stray_id) is None


def test_a_stray_stays_parked_while_the_broker_is_away(shop: Shop) -> None:
    stray_id = keep(shop)
    shop.environment["ORDERS_SYNC_BROKER_URL"] = f"redis://127.0.0.1:{free_port()}/0"

    result = shop.types("parked", "retry", stray_id)

    assert result.exit_code == 1
    assert "Not done: The broker does not answer" in result.stderr
    assert shop.ledger.strays.body(stray_id) == BODY


def test_what_no_worker_can_take_is_refused_in_one_line(shop: Shop) -> None:
    stray_id = keep(shop, reason="not-json", name="")

    result = shop.types("parked", "retry", stray_id)

    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert f"Not done: Stray {stray_id} is not-json" in result.stderr


def test_all_strays_of_one_reason_are_discarded_at_once(shop: Shop) -> None:
    gone = [keep(shop, number, reason="not-json", name="") for number in (1, 2)]
    kept = keep(shop, 3)

    answer = shop.answers(
        "parked", "discard", "--cause", "not-json", "--all", "--yes", "--reason", "mended"
    )

    assert {each["stray_id"] for each in answer["done"]} == set(gone)
    assert [row["id"] for row in shop.ledger.strays.parked()] == [kept]
    assert [shop.ledger.strays.body(each) for each in gone] == [None, None]


def test_a_dry_run_decides_nothing(shop: Shop) -> None:
    stray_id = keep(shop)

    output = shop.prints("parked", "discard", stray_id, "--reason", "x", "--dry-run")

    assert output == f"Would discard stray message {stray_id}.\n"
    assert shop.ledger.strays.body(stray_id) == BODY


@pytest.mark.parametrize("verb", ["show", "retry"])
def test_a_stray_that_is_not_there_is_one_line(shop: Shop, verb: str) -> None:
    result = shop.types("parked", verb, "stray-1-1")

    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
