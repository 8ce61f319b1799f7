"""`orders-sync up`, against a sandbox in place of VTEX, through every kind of accident."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from support import deafening_erp
from support.running import Running, kill_everything, process_ids
from support.waiting import until

from orders_sync.demo.environment import ACCOUNT, demo_environment, plain_environment
from orders_sync.demo.evidence import collect_evidence
from orders_sync.demo.played_staging import open_as_erp, read_erp
from orders_sync.demo.promises import judge
from orders_sync.demo.sandbox_api import SandboxApi
from orders_sync.demo.settled import is_settled
from orders_sync.embedded.broker import running_broker_url
from orders_sync.embedded.supervisor import STOP_SECONDS
from orders_sync.sandbox import Box, Dials
from orders_sync.sandbox.server import serving
from orders_sync.settings import child_environment

_TESTS = Path(__file__).parents[1]
EVERYBODY = {"broker", "worker1", "beat"}
ORDERS = 40
#: A worker is killed in the middle: then VTEX delivers again what it had read, after 30 s.
DONE_SECONDS = 120.0

Up = Callable[..., Running]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def box() -> Box:
    """A VTEX that takes its time, so that there is a middle in which things can happen."""
    return Box(ACCOUNT, dials=Dials(latency_min_seconds=0.05, latency_max_seconds=0.1))


@pytest.fixture
def api(box: Box) -> Iterator[SandboxApi]:
    with serving(box) as base_url:
        api = SandboxApi(base_url)
        yield api
        api.close()


@pytest.fixture
def up(tmp_path: Path, home: Path, api: SandboxApi) -> Iterator[Up]:
    """Start `orders-sync up` for the sandbox's account; several times, if asked."""
    env = demo_environment(home, broker_url="", sandbox_url=api.base_url)
    del env["ORDERS_SYNC_BROKER_URL"]
    running: list[Running] = []

    def start(**changes: str) -> Running:
        env.update(changes)
        folder = tmp_path / f"start{len(running)}"
        folder.mkdir()
        running.append(
            Running(folder, "up", "--workers", "1", "--no-flower", "--no-gateway", env=env)
        )
        running[-1].wait_for("Running for sandbox")
        until(lambda: set(process_ids(home)) == EVERYBODY)
        return running[-1]

    yield start
    for one in running:
        with one:
            pass


def _all_is_done(api: SandboxApi) -> bool:
    return api.report().feed_is_empty and all(is_settled(order) for order in api.orders())


def _broken(home: Path, api: SandboxApi) -> list[str]:
    seen = api.everything()
    engine = open_as_erp(f"sqlite:///{home / 'erp.sqlite3'}")
    verdicts = judge(collect_evidence(home, seen, read_erp(engine)))
    engine.dispose()
    return [f"{verdict.name}: {verdict.why}" for verdict in verdicts if not verdict.kept]


def _pour(api: SandboxApi) -> None:
    until(lambda: api.report().feed_configured)
    api.create_orders("plain", ORDERS)


def _reach_the_middle(api: SandboxApi) -> None:
    until(lambda: api.report().taken_over >= ORDERS // 8)
    assert api.report().taken_over < ORDERS


def test_without_an_account_it_says_in_one_line_what_to_set(tmp_path: Path, home: Path) -> None:
    env = child_environment(ORDERS_SYNC_HOME=str(home))

    with Running(tmp_path, "up", env=env) as up:
        status = up.end()

        (line,) = up.stderr.splitlines()
        assert line.startswith("orders-sync: ORDERS_SYNC_ACCOUNTS__MYSTORE__APP_KEY is missing")
        assert status == 3
        assert not home.exists()


def test_a_setting_that_only_the_workers_can_judge_stops_it_with_their_line(
    tmp_path: Path, home: Path
) -> None:
    env = demo_environment(home, broker_url="", sandbox_url="http://127.0.0.1:9")
    del env["ORDERS_SYNC_BROKER_URL"]
    env["ORDERS_SYNC_ACCOUNTS__SANDBOX__ERP"] = "nonsense"

    with Running(tmp_path, "up", "--no-flower", "--no-gateway", env=env) as up:
        status = up.end()

        assert status == 3
        assert "orders-sync: ORDERS_SYNC_ACCOUNTS__SANDBOX__ERP" in up.stderr
        assert "Running" not in up.stderr
        assert process_ids(home) == {}


def test_times_that_the_start_up_check_refuses_are_said_before_anything_runs(
    tmp_path: Path, home: Path
) -> None:
    env = demo_environment(home, broker_url="", sandbox_url="http://127.0.0.1:9")
    del env["ORDERS_SYNC_BROKER_URL"]
    env["ORDERS_SYNC_LEASE_SECONDS"] = "5"

    with Running(tmp_path, "up", "--no-flower", "--no-gateway", env=env) as up:
        status = up.end()

        assert (status, "Running" in up.stderr) == (3, False)
        assert "ORDERS_SYNC_LEASE_SECONDS=5 is shorter" in up.stderr


@pytest.mark.parametrize(("whose", "other"), [("flower", "gateway"), ("gateway", "flower")])
def test_a_port_that_a_stranger_has_is_said_before_anything_runs(
    tmp_path: Path, home: Path, whose: str, other: str
) -> None:
    env = demo_environment(home, broker_url="", sandbox_url="http://127.0.0.1:9")
    del env["ORDERS_SYNC_BROKER_URL"]
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]

        with Running(tmp_path, "up", f"--{whose}-port", str(port), f"--no-{other}", env=env) as up:
            status = up.end()

            assert status == 1
            assert up.stderr.startswith(f"orders-sync: Port {port} of 127.0.0.1 is in use")
            assert "http://" not in up.stderr
            assert process_ids(home) == {}


def test_ctrl_c_ends_it_with_the_status_for_that(up: Up, home: Path) -> None:
    running = up()
    shown = subprocess.run(
        [sys.executable, "-m", "orders_sync", "broker", "url"],
        env={**plain_environment(), "ORDERS_SYNC_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert redis.Redis.from_url(shown.stdout.strip()).ping()
    assert running.ask(signal.SIGINT, within=STOP_SECONDS) == 130
    assert process_ids(home) == {}


def test_it_works_until_it_is_told_to_stop(up: Up, home: Path, api: SandboxApi) -> None:
    running = up()
    _pour(api)
    until(lambda: _all_is_done(api), seconds=DONE_SECONDS)
    before = process_ids(home)

    status = running.ask(signal.SIGTERM, within=STOP_SECONDS)

    assert set(before) == EVERYBODY
    assert process_ids(home) == {}
    assert status == 0
    assert running.files_beside == []
    assert _broken(home, api) == []


def test_what_dies_is_started_again_and_said(up: Up, home: Path) -> None:
    running = up()
    before = process_ids(home)

    for name in sorted(EVERYBODY):
        os.kill(before[name], signal.SIGKILL)

    until(lambda: set(process_ids(home)) == EVERYBODY and _all_differ(process_ids(home), before))
    for name in EVERYBODY:
        assert f"{name} ended (signal 9)" in running.stderr
    assert running.ask(signal.SIGTERM) == 0


def test_a_worker_that_becomes_deaf_is_replaced_and_its_orders_go_on(
    up: Up, tmp_path: Path, home: Path, api: SandboxApi
) -> None:
    deafening_erp.install(tmp_path)
    running = up(
        ORDERS_SYNC_ACCOUNTS__SANDBOX__ERP=deafening_erp.NAME,
        ORDERS_SYNC_SILENCE_SECONDS="12",
        PYTHONPATH=f"{tmp_path}:{_TESTS}:{_TESTS.parent}",
    )
    before = process_ids(home)
    _pour(api)

    until(deafening_erp.deafened(home).exists, "the worker is deaf")
    until(lambda: _all_is_done(api), "the orders are done", seconds=DONE_SECONDS)

    assert "worker1 has not heard from the broker for" in running.stderr
    assert process_ids(home)["worker1"] != before["worker1"]
    assert running.ask(signal.SIGTERM) == 0
    assert _broken(home, api) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a process's environment")
@pytest.mark.parametrize(
    ("changes", "shares"),
    [
        pytest.param({}, b"1", id="as many as there are workers"),
        pytest.param({"ORDERS_SYNC_PROCESSES": "7"}, b"7", id="as many as somebody set"),
    ],
)
def test_workers_are_told_among_how_many_they_share_the_budget(
    up: Up, home: Path, changes: dict[str, str], shares: bytes
) -> None:
    up(**changes)

    environment = Path(f"/proc/{process_ids(home)['worker1']}/environ").read_bytes()

    assert b"ORDERS_SYNC_PROCESSES=" + shares in environment.split(b"\0")


def _all_differ(after: dict[str, int], before: dict[str, int]) -> bool:
    return all(after[name] != before[name] for name in before)


def test_a_second_one_is_refused_and_disturbs_nothing(up: Up, home: Path) -> None:
    running = up()
    before = process_ids(home)

    with pytest.raises(AssertionError, match="is in use by process"):
        up()

    assert process_ids(home) == before
    assert running.process.poll() is None


def test_after_everything_was_killed_in_the_middle_it_ends_the_same(
    up: Up, home: Path, api: SandboxApi
) -> None:
    first = up()
    _pour(api)
    _reach_the_middle(api)

    kill_everything(home, first)
    second = up()

    until(lambda: _all_is_done(api), seconds=DONE_SECONDS)
    assert second.ask(signal.SIGTERM) == 0
    assert _broken(home, api) == []


def test_a_broker_that_is_emptied_in_the_middle_costs_time_only(
    up: Up, home: Path, api: SandboxApi
) -> None:
    running = up()
    _pour(api)
    _reach_the_middle(api)

    with redis.Redis.from_url(running_broker_url(home) or "") as broker:
        broker.flushall()

    until(lambda: _all_is_done(api), seconds=DONE_SECONDS)
    assert running.ask(signal.SIGTERM) == 0
    assert _broken(home, api) == []


def test_a_broker_that_is_killed_in_the_middle_costs_time_only(
    up: Up, home: Path, api: SandboxApi
) -> None:
    running = up()
    _pour(api)
    _reach_the_middle(api)

    os.kill(process_ids(home)["broker"], signal.SIGKILL)

    until(lambda: _all_is_done(api), seconds=DONE_SECONDS)
    assert running.ask(signal.SIGTERM) == 0
    assert _broken(home, api) == []
