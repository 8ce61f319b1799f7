from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import structlog
from support.ledger_files import make_ledger

from orders_sync.domain.steps import Dispatch, Queue, Step
from orders_sync.errors import ConfigurationError
from orders_sync.ledger.wakeups import DISPATCHED_FOR
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings, RetrySettings
from orders_sync.worker.app import OrdersSyncApp, celery_settings, queue_of, route_by_prefix
from orders_sync.worker.safety import check_safety
from orders_sync.worker.schedule import beat_schedule
from orders_sync.worker.startup import create_app

TASKS = (
    "orders_sync.inbound.tasks",
    "orders_sync.outbound.tasks",
    "orders_sync.upkeep.tasks",
)


def make_app(tmp_path: Path, **changes: Any) -> OrdersSyncApp:
    account = AccountSettings(app_key="k", app_token="t")
    settings = Settings(
        accounts={"mystore": account},
        home=tmp_path,
        broker_url="redis://127.0.0.1:1/0",
        **changes,
    )
    return create_app(settings, include=TASKS)


def impatient(app: OrdersSyncApp) -> OrdersSyncApp:
    """Have an app look once for a broker that is away."""
    app.conf.task_publish_retry = False
    app.conf.broker_transport_options["connect_retries_timeout"] = 0.1
    return app


def check(app: OrdersSyncApp) -> None:
    check_safety(app.orders_sync_settings, app.conf, app.tasks)


def loaded(app: OrdersSyncApp) -> OrdersSyncApp:
    app.loader.import_default_modules()
    app.finalize()
    return app


def test_the_shipped_settings_are_safe(tmp_path: Path) -> None:
    app = loaded(make_app(tmp_path))

    check(app)

    ours = {name for name in app.tasks if not name.startswith("celery.")}
    assert set(Step) <= ours
    assert {
        "feed.poll",
        "feed.acknowledge",
        "feed.tick",
        "upkeep.tick",
        "upkeep.watch_feed",
    } <= ours


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("task_acks_late", False, id="acknowledged before it is done"),
        pytest.param("task_reject_on_worker_lost", False, id="lost with its worker"),
        pytest.param("worker_prefetch_multiplier", 4, id="hoarded"),
        pytest.param("task_create_missing_queues", True, id="sent where nobody listens"),
        pytest.param("accept_content", ["json", "pickle"], id="runs what it is sent"),
        pytest.param("task_time_limit", 600, id="longer than the visibility time-out"),
    ],
)
def test_a_dangerous_celery_setting_is_refused_by_name(
    tmp_path: Path, name: str, value: object
) -> None:
    app = make_app(tmp_path)
    app.conf[name] = value

    with pytest.raises(ConfigurationError, match=name):
        check(app)


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        pytest.param(
            {"visibility_timeout_seconds": 80},
            "ORDERS_SYNC_VISIBILITY_TIMEOUT_SECONDS=80",
            id="visibility below the longest step",
        ),
        pytest.param(
            {"lease_seconds": 20}, "ORDERS_SYNC_LEASE_SECONDS=20", id="lease below one call"
        ),
        pytest.param(
            {"lease_seconds": 35},
            "ORDERS_SYNC_LEASE_SECONDS=35",
            id="lease above one call of 30 s, and below those of a step",
        ),
    ],
)
def test_times_that_do_not_fit_together_are_refused_with_a_right_value(
    tmp_path: Path, changes: dict[str, int], setting: str
) -> None:
    app = make_app(tmp_path, **changes)

    with pytest.raises(ConfigurationError, match=f"{setting}.*A right value") as caught:
        check(app)

    right = str(caught.value).rsplit("=", 1)[1]
    [name] = changes
    check(make_app(tmp_path, **{name: float(right)}))


def test_a_task_without_a_queue_is_refused(tmp_path: Path) -> None:
    app = make_app(tmp_path)

    @app.task(name="emails.send", shared=False)
    def send() -> None: ...

    with pytest.raises(ConfigurationError, match=r"emails\.send has no queue"):
        check(app)


@pytest.mark.parametrize("name", ["", "orders", "orders_sync.invoice", "ordersfetch", "mail.send"])
def test_only_a_queues_prefix_makes_an_address(name: str) -> None:
    with pytest.raises(ConfigurationError):
        queue_of(name)


def test_every_queue_is_routed_and_has_a_retry_policy() -> None:
    route = route_by_prefix("intake")

    assert all(route(f"{queue}.verb") == {"queue": queue.value} for queue in Queue)
    assert route("orders_sync.invoice") == {"queue": "intake"}
    assert route("mail.send") is None
    assert set(RetrySettings.model_fields) == set(Queue)


def test_the_router_sends_each_scheduled_task_to_the_queue_of_its_name(tmp_path: Path) -> None:
    app = make_app(tmp_path)

    for entry in beat_schedule(app.orders_sync_settings).values():
        queue = app.amqp.router.route({}, entry["task"])["queue"]
        assert queue.name == queue_of(entry["task"])


def test_a_tick_expires_before_it_piles_up_but_not_because_two_clocks_differ(
    tmp_path: Path,
) -> None:
    schedule = beat_schedule(make_app(tmp_path).orders_sync_settings)

    assert set(schedule) == {"feed.tick", "upkeep.tick"}
    for entry in schedule.values():
        late = entry["options"]["expires"] - entry["schedule"].total_seconds()
        assert 90 < late <= 120


def test_tls_brokers_have_their_certificate_checked(tmp_path: Path) -> None:
    plain = make_app(tmp_path).orders_sync_settings
    tls = plain.model_copy(update={"broker_url": "rediss://broker:6380/0"})

    assert celery_settings(plain)["broker_use_ssl"] is None
    assert celery_settings(tls)["broker_use_ssl"]["ssl_cert_reqs"].name == "CERT_REQUIRED"


def test_what_is_dispatched_without_a_broker_is_due_within_seconds(tmp_path: Path) -> None:
    app = impatient(make_app(tmp_path))
    make_ledger(app.orders_sync_settings.ledger)
    ledger, now = app.services.ledger, app.services.clock()
    [following] = ledger.orders.look_again("mystore", "1-01", now=now)

    with structlog.testing.capture_logs() as logged:
        app.dispatch_all([following])

    later = app.services.clock() + DISPATCHED_FOR
    due = ledger.due_work.take("mystore", Step.FETCH, limit=10, now=later)
    app.services.close()
    assert due == [following]
    assert [line["event"] for line in logged] == ["dispatch.postponed"]


def test_a_dispatch_without_broker_and_ledger_fails_nobody(tmp_path: Path) -> None:
    app = impatient(make_app(tmp_path))

    with structlog.testing.capture_logs() as logged:
        app.dispatch_all([Dispatch("mystore", "1-01", Step.FETCH)])

    app.services.close()
    assert [line["event"] for line in logged] == ["dispatch.postponed"]
