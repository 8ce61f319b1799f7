"""Real workers whose errors go to a Sentry on the loopback, or to one that is silent."""

from __future__ import annotations

import socket
from pathlib import Path

from support import raising_erp
from support.ingest import ingesting
from support.plant import Plant
from support.waiting import until

from orders_sync.demo.evidence import contains_personal_data

_TESTS = Path(__file__).parents[1]


def break_the_erp(plant: Plant, dsn: str) -> None:
    raising_erp.install(plant.home)
    plant.environment |= {
        "ORDERS_SYNC_ACCOUNTS__MYSTORE__ERP": raising_erp.NAME,
        "ORDERS_SYNC_SENTRY__DSN": dsn,
        "ORDERS_SYNC_RETRY__ERP__FIRST_SECONDS": "0.2",
        "PYTHONPATH": f"{plant.home}:{_TESTS}:{_TESTS.parent}",
    }


def test_what_nobody_foresaw_is_sent_without_a_word_about_a_person_and_an_outage_is_not(
    plant: Plant,
) -> None:
    orders = plant.box.create_orders(3)
    plant.box.dials.unavailable = 0.3
    with ingesting() as sentry:
        break_the_erp(plant, sentry.url.replace("//", "//key@") + "/1")
        worker = plant.start_worker()
        plant.start_beat()

        until(lambda: plant.are_handled(orders), "every order is handled")
        worker.terminate()
        assert worker.ended_within(60)

    [event] = sentry.events()
    [error] = event["exception"]["values"]
    assert error["type"] == "KeyError"
    assert event["tags"]["event"] == "step.crashed"
    assert event["tags"]["step"] == "erp.hand_over"
    assert event["tags"]["order_id"] in orders
    assert not contains_personal_data(sentry.text(), plant.box.people())
    assert "vtex.unavailable" in plant.log_of("worker1")
    assert not contains_personal_data(plant.log_of("worker1"), plant.box.people())


def test_a_silent_sentry_holds_no_worker_and_keeps_none_from_ending(plant: Plant) -> None:
    orders = plant.box.create_orders(3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        break_the_erp(plant, f"http://key@127.0.0.1:{mute.getsockname()[1]}/1")
        worker = plant.start_worker()
        plant.start_beat()

        until(lambda: plant.are_handled(orders), "every order is handled")
        worker.terminate()
        ended = worker.ended_within(30)

    assert ended
