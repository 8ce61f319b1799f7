"""The broker and the budget are a Redis that sentinels watch over; its primary is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from celery import Celery
from pydantic import SecretStr
from support.plant import STORE, Plant, running_plant
from support.sentinels import MASTER, SENTINEL_PASSWORD, Sentinels, running_sentinels
from support.waiting import until

from orders_sync.bootstrap import connect_traffic
from orders_sync.broker.client import broker_client
from orders_sync.doctor.broker import examine_broker
from orders_sync.doctor.findings import Finding, State
from orders_sync.metrics.shared import broker_reader
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings, SentinelSettings
from orders_sync.traffic.traffic import Traffic
from orders_sync.traffic.waits import Lane
from orders_sync.worker.startup import create_app


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Sentinels]:
    with running_sentinels(tmp_path / "servers") as them:
        yield them


@pytest.fixture
def plant(tmp_path: Path, watched: Sentinels) -> Iterator[Plant]:
    with running_plant(tmp_path) as plant:
        plant.environment.update(watched.environment)
        yield plant


def settings(watched: Sentinels, home: Path, **sentinel: str) -> Settings:
    facts = {"master": MASTER, "password": SENTINEL_PASSWORD, **sentinel}
    key = SecretStr("key")
    return Settings(
        accounts={STORE: AccountSettings(app_key=key, app_token=key)},
        home=home,
        broker_url=watched.url,
        sentinel=SentinelSettings.model_validate(facts),
    )


def make_call(traffic: Traffic) -> None:
    with traffic.call(STORE, Lane.FETCH, "get_order"):
        pass


def of(findings: list[Finding], check: str) -> Finding:
    return next(each for each in findings if (each.subject, each.check) == ("broker", check))


def test_nothing_is_lost_when_the_primary_is_killed(plant: Plant, watched: Sentinels) -> None:
    plant.start_worker(1)
    plant.start_beat()
    before = plant.box.create_orders(10)
    until(lambda: plant.are_handled(before), "orders go through the first primary")

    watched.kill(watched.primary)
    after = plant.box.create_orders(20)
    until(watched.is_failed_over, "the sentinels made the replica the primary")
    until(lambda: plant.are_handled(after), "orders go through the next primary")

    assert plant.in_erp() == {*before, *after}
    effects = {plant.box.order(name).start_handling_effects for name in (*before, *after)}
    assert effects == {1}


def test_work_goes_on_when_the_primary_falls_silent(plant: Plant, watched: Sentinels) -> None:
    plant.start_worker(1)
    plant.start_beat()
    before = plant.box.create_orders(3)
    until(lambda: plant.are_handled(before), "orders go through the first primary")

    watched.freeze(watched.primary)
    after = plant.box.create_orders(3)
    until(watched.is_failed_over, "the sentinels made the replica the primary")
    until(lambda: plant.are_handled(after), "orders go through the next primary", seconds=60)


def test_the_budget_and_the_metrics_follow_the_primary(watched: Sentinels, tmp_path: Path) -> None:
    known = settings(watched, tmp_path)
    traffic = connect_traffic(known)
    read = broker_reader(watched.url, ["orders"], known.sentinel)
    make_call(traffic)
    used = traffic.usage(STORE).used
    assert used is not None
    assert used.calls == 1
    until(lambda: watched.server(watched.replica).keys("*traffic*"), "the replica has the budget")

    watched.kill(watched.primary)
    until(watched.is_failed_over, "the sentinels made the replica the primary")

    def calls() -> int:
        make_call(traffic)
        usage = traffic.usage(STORE).used
        return usage.calls if usage else 0

    until(lambda: calls() > 1, "calls are counted on the next primary")
    assert read().waiting == {"orders": 0}
    traffic.close()


def test_other_services_find_the_primary_by_the_same_address(
    watched: Sentinels, tmp_path: Path
) -> None:
    app = create_app(settings(watched, tmp_path), include=())
    service = Celery(broker=app.conf.broker_url, set_as_current=False)
    service.conf.broker_transport_options = {
        "master_name": MASTER,
        "sentinel_kwargs": {"password": SENTINEL_PASSWORD},
    }

    service.send_task("orders_sync.note", queue="celery")

    with broker_client(app) as client:
        [message] = client.lrange("celery", 0, -1)
    assert json.loads(message)["headers"]["task"] == "orders_sync.note"


def test_doctor_says_what_the_sentinels_know(watched: Sentinels, tmp_path: Path) -> None:
    def examine(**sentinel: str) -> Finding:
        known = settings(watched, tmp_path, **sentinel)
        return of(list(examine_broker(known, clock=lambda: datetime.now(UTC))), "sentinels")

    well, other, refused = examine(), examine(master="another"), examine(password="wrong")
    watched.kill(watched.ports[0])
    fewer = examine()

    assert well.state is State.OK
    assert f"3 of 3 answer; the primary of {MASTER} is 127.0.0.1:{watched.primary}" in well.says
    assert other.state is State.FAILED
    assert other.do == f"Set ORDERS_SYNC_SENTINEL__MASTER={MASTER}"
    assert refused.says == "none answers: it refuses the user or the password"
    assert "ORDERS_SYNC_SENTINEL__PASSWORD" in (refused.do or "")
    assert "wrong" not in repr(refused)
    assert fewer.state is State.WARNING
    assert f"of 127.0.0.1:{watched.ports[0]}: nothing listens there" in fewer.says


def test_a_sentinel_in_place_of_a_redis_is_named(watched: Sentinels, tmp_path: Path) -> None:
    url = f"redis://:{SENTINEL_PASSWORD}@127.0.0.1:{watched.ports[0]}/0"
    known = settings(watched, tmp_path).model_copy(update={"broker_url": url})

    findings = list(examine_broker(known, clock=lambda: datetime.now(UTC)))

    role = of(findings, "role")
    assert role.state is State.UNCONFIGURED
    assert "sentinel://" in (role.do or "")
    assert all(each.check != "reachable" for each in findings)
