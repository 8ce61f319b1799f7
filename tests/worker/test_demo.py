"""The demo, as a person runs it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from support.running import Running, process_ids
from support.waiting import until

from orders_sync.demo.environment import plain_environment


def _home(folder: Path) -> Path:
    (home,) = folder.glob("orders-sync-demo-*")
    return home


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    with Running(tmp_path, "demo", "--orders", "2000", "--no-flower", "--keep") as demo:
        demo.wait_for("ordered")
        # A process is seen once it holds its lock, which is a moment after it was started.
        assert "Starting, on this machine only: a broker" in demo.stderr
        everything = {"broker", "sandbox", "worker1", "worker2", "beat", "service"}
        until(lambda: set(process_ids(_home(tmp_path))) == everything, "all of it runs")

        status = demo.ask(number)

        assert process_ids(_home(tmp_path)) == {}
        assert status == 128 + number
        assert "Interrupted" in demo.stderr
        assert demo.stdout == ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_demo_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    with Running(tmp_path, "demo", "--orders", "2000", "--no-flower") as demo:
        demo.wait_for("ordered")

        demo.ask(signal.SIGKILL)

        until(lambda: process_ids(_home(tmp_path)) == {})


def test_flower_says_where_it_is_and_lets_only_its_user_in(tmp_path: Path) -> None:
    with Running(tmp_path, "demo", "--orders", "2000") as demo:
        demo.wait_for("ordered")
        found = re.search(r"Flower: http://(\S+):(\S+)@(127\.0\.0\.1:\d+)", demo.stderr)
        assert found is not None
        user, password, address = found.groups()
        until(lambda: _answers(address))

        stranger = requests.get(f"http://{address}/workers", timeout=30)
        owner = requests.get(f"http://{address}/workers", auth=(user, password), timeout=30)

        assert stranger.status_code == 401
        assert owner.status_code == 200
        demo.ask(signal.SIGINT)


def _answers(address: str) -> bool:
    try:
        return requests.get(f"http://{address}/healthcheck", timeout=5).ok
    except requests.ConnectionError:
        return False


def test_a_demo_does_not_touch_the_accounts_of_the_folder_it_is_run_in(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "ORDERS_SYNC_ACCOUNTS__MYSTORE__APP_KEY=k\n"
        "ORDERS_SYNC_ACCOUNTS__MYSTORE__APP_TOKEN=t\n"
        "ORDERS_SYNC_ACCOUNTS__MYSTORE__BASE_URL=http://127.0.0.1:9\n"
    )

    with Running(tmp_path, "demo", "--orders", "5", "--no-flower", "--keep") as demo:
        status = demo.end(120)

        logs = [path.read_text() for path in (_home(tmp_path) / "logs").glob("*.log")]
        assert status == 0
        assert "sandbox" in "".join(logs)
        assert "mystore" not in "".join(logs)


def test_a_demo_that_stays_can_be_looked_around_in(tmp_path: Path) -> None:
    options = ("--orders", "5", "--workers", "1", "--no-flower", "--json", "--stay")

    with Running(tmp_path, "demo", *options) as demo:
        until(lambda: "Look around: cd " in demo.stderr, seconds=120)
        home = _home(tmp_path)
        env = plain_environment()
        shown = subprocess.run(
            [sys.executable, "-m", "orders_sync", "orders", "list", "--json"],
            cwd=home,
            env=env,
            capture_output=True,
            check=True,
        )
        alive = set(process_ids(home))
        desk = re.search(
            r"Order desk: (http://127\.0\.0\.1:\d+)/desk/", " ".join(demo.stderr.split())
        )
        assert desk is not None
        until(lambda: _opens(f"{desk[1]}/desk/sign-in"), "the desk opens")
        status = demo.ask(signal.SIGINT)

        assert json.loads(shown.stdout)["total"] > 0
        assert {"broker", "sandbox", "worker1", "beat"} <= alive
        assert (status, json.loads(demo.stdout)["orders"]) == (0, 5)
        assert not home.exists()


def _opens(url: str) -> bool:
    try:
        return requests.get(url, timeout=10).status_code == 200
    except requests.ConnectionError:
        return False
