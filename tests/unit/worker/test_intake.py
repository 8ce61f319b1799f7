"""A task of another service is kept in the broker until the ledger has it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from billiard.einfo import ExceptionInfo
from celery.exceptions import Reject
from celery.worker import state

from orders_sync.broker.envelope import NOT_BEFORE
from orders_sync.errors import LedgerUnavailable
from orders_sync.outbound.tasks import IntakeTask
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings
from orders_sync.worker.startup import create_app
from orders_sync.worker.task import IdsOnlyRequest, Waits

ARGUMENTS = {"account": "mystore", "order_id": "1172452900704-01", "reason": "Fraude"}


@pytest.fixture
def paused() -> list[float]:
    return []


@pytest.fixture
def task(tmp_path: Path, paused: list[float]) -> Iterator[IntakeTask]:
    account = AccountSettings(app_key="k", app_token="t")
    settings = Settings(
        accounts={"mystore": account},
        home=tmp_path,
        broker_url="redis://127.0.0.1:9/0",
        ledger_url=f"sqlite:///{tmp_path / 'missing' / 'ledger.sqlite3'}",
    )
    app = create_app(settings, include=())

    app.finalize()
    made: Any = app.tasks["orders_sync.cancel"]
    made.pause = paused.append
    yield made
    app.close()


def test_while_the_ledger_is_away_a_message_waits_in_its_queue(
    task: IntakeTask, paused: list[float]
) -> None:
    with pytest.raises(Waits) as waits:
        task(**ARGUMENTS)

    assert waits.value.requeue is True
    assert waits.value.reason == LedgerUnavailable.cause
    assert paused == [1.0]


def test_a_defect_puts_the_message_back_and_quotes_nothing(
    task: IntakeTask, paused: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise KeyError("Fraude")

    monkeypatch.setattr(IntakeTask, "intake", fail)

    with pytest.raises(Reject) as rejected:
        task(**ARGUMENTS)

    assert not isinstance(rejected.value, Waits)
    assert (rejected.value.requeue, rejected.value.reason) == (True, "KeyError")
    assert paused == [1.0]


def test_a_sender_may_say_when(task: IntakeTask) -> None:
    later = datetime(2026, 11, 30, tzinfo=UTC)

    task.push_request(**{NOT_BEFORE: later.isoformat()})
    wanted = task.not_before
    task.pop_request()

    assert wanted == later
    assert task.not_before is None


def request(task: IntakeTask, **options: Any) -> tuple[IdsOnlyRequest, list[bool]]:
    body: Any = ([], ARGUMENTS, {})
    message = SimpleNamespace(
        **dict.fromkeys(("content_type", "content_encoding")),
        **{key: {} for key in ("headers", "properties", "delivery_info")},
        body=body,
        payload=body,
    )
    rejected: list[bool] = []
    made = IdsOnlyRequest(
        message,
        app=task.app,
        task=task,
        headers={"id": "7", "task": task.name},
        body=body,
        decoded=True,
        on_reject=lambda _logger, _errors, requeue: rejected.append(requeue),
        **options,
    )
    return made, rejected


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        pytest.param(Waits("ledger.unavailable"), True, id="it waits"),
        pytest.param(Reject("KeyError", requeue=True), False, id="it did not end"),
    ],
)
def test_only_what_waits_goes_round_for_ever(
    task: IntakeTask, error: Exception, waits: bool
) -> None:
    made, rejected = request(task)
    try:
        raise error
    except Reject:
        info = ExceptionInfo()

    made.on_failure(info)

    assert rejected == [True]
    assert made.message.waits is waits


@pytest.mark.parametrize("is_allowed", [False, True])
def test_a_revoke_is_honoured_where_allowed_and_for_one_message(
    task: IntakeTask, is_allowed: bool
) -> None:
    task.app.conf.broker_transport_options["allow_control"] = is_allowed
    state.revoked.add("7")

    first = request(task, eventer=SimpleNamespace(enabled=False))[0].revoked()
    second = request(task)[0].revoked()

    assert (first, second) == (is_allowed, False)
    assert "7" not in state.revoked


def test_a_message_in_hand_is_described_by_its_ids(task: IntakeTask) -> None:
    info = request(task)[0].info(safe=False)

    assert "1172452900704-01" in info["kwargs"]
    assert "Fraude" not in str(info)
