from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
from unit.demo.evidence_makers import vtex

from orders_sync.demo.demand import PlayedService, messages
from orders_sync.demo.other_service import AGAIN_AFTER_SECONDS, COPIES, MessageFolder
from orders_sync.demo.records import ErpOrder, SoldLine, VtexOrder
from orders_sync.demo.scenarios import Scenario
from orders_sync.testing.clock import SettableClock

ORDER = ErpOrder("SLR-a/1 2", "new", 500, (SoldLine("A", "10", 1, 500),), 11.0)

Sent = list[tuple[str, Mapping[str, Any]]]


@pytest.fixture
def sent() -> Sent:
    return []


@pytest.fixture
def outbox(tmp_path: Path, sent: Sent, clock: SettableClock) -> MessageFolder:
    return MessageFolder(tmp_path, lambda *message: sent.append(message), clock.epoch)


def _put(folder: Path, name: str) -> None:
    (folder / name).write_text(json.dumps({"task": "orders_sync.note", "kwargs": {"key": name}}))


def test_a_message_is_sent_twice_on_purpose(
    tmp_path: Path, outbox: MessageFolder, sent: Sent
) -> None:
    _put(tmp_path, "1.json")

    outbox.tend()
    outbox.tend()

    assert sent == [("orders_sync.note", {"key": "1.json"})] * COPIES


def test_a_message_without_effect_is_sent_again_and_one_with_effect_is_not(
    tmp_path: Path, outbox: MessageFolder, sent: Sent, clock: SettableClock
) -> None:
    _put(tmp_path, "1.json")
    _put(tmp_path, "2.json")
    outbox.tend()
    sent.clear()
    (tmp_path / "1.json").unlink()

    clock.advance(AGAIN_AFTER_SECONDS)
    outbox.tend()

    assert {kwargs["key"] for _, kwargs in sent} == {"2.json"}


def test_the_only_copy_of_a_message_is_left_to_the_broker_once_it_took_it(
    tmp_path: Path, sent: Sent, clock: SettableClock
) -> None:
    tries = iter([ConnectionError("The broker is away.")])

    def send(*message: Any) -> None:
        for error in tries:
            raise error
        sent.append(message)

    _put(tmp_path, "1.json")
    with pytest.raises(ConnectionError):
        MessageFolder(tmp_path, send, clock.epoch, once=True).tend()

    for _ in range(2):
        started_again = MessageFolder(tmp_path, send, clock.epoch, once=True)
        started_again.tend()
        clock.advance(AGAIN_AFTER_SECONDS)
        started_again.tend()

    assert sent == [("orders_sync.note", {"key": "1.json"})]


def test_a_message_that_is_only_half_written_is_not_sent(
    tmp_path: Path, outbox: MessageFolder, sent: Sent
) -> None:
    (tmp_path / "1.json.new").write_text('{"task": ')

    outbox.tend()

    assert sent == []


def test_the_other_service_imports_nothing_of_ours() -> None:
    code = (
        "import sys, orders_sync.demo.other_service\n"
        "print(*sorted(m for m in sys.modules if m.startswith('orders_sync')))"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )

    assert loaded.stdout.split() == [
        "orders_sync",
        "orders_sync.demo",
        "orders_sync.demo.other_service",
    ]


def test_a_message_stays_until_vtex_shows_its_effect(tmp_path: Path, clock: SettableClock) -> None:
    shown: dict[str, VtexOrder] = {ORDER.order_id: vtex(ORDER.order_id, status="handling")}
    service = PlayedService(tmp_path, "sandbox", shown.__getitem__, clock.epoch)
    wanted = messages(Scenario.CANCELLED_BY_SERVICE, ORDER, "1", Random(1))
    service.take(ORDER, wanted)

    service.tend()
    (path,) = tmp_path.iterdir()
    message = json.loads(path.read_text())
    shown[ORDER.order_id] = vtex(ORDER.order_id, status="canceled")
    clock.advance(1)
    was_content = service.is_answered
    service.tend()

    assert message["task"] == "orders_sync.cancel"
    assert message["kwargs"]["order_id"] == ORDER.order_id
    assert message["kwargs"]["key"]
    assert not was_content
    assert service.is_answered
    assert service.answered == len(service.asked) == 1
    assert list(tmp_path.iterdir()) == []
