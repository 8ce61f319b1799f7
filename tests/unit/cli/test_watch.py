"""`orders-sync watch` on a real ledger and broker, look by look."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.office import STORE, Office
from support.parking import CAUSE, ORDER_CAUSE, parked_invoice, parked_order
from support.running import Running
from support.shop import Shop
from support.turns import leave_poll
from support.waiting import until

from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.settings import child_environment
from orders_sync.status.watch import sole_watch, state_file

LOOK = ("watch", "--once", "--for", "0", "--json")

#: Keeps what it was given, line by line, in the file that it is called with.
KEEP = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + chr(10))"


@pytest.fixture
def quiet(shop: Shop, tmp_path: Path) -> Iterator[Shop]:
    """A shop with a broker, whose feed is polled for the whole test."""
    broker = EmbeddedBroker(tmp_path / "broker")
    shop.environment["ORDERS_SYNC_BROKER_URL"] = broker.start()
    leave_poll(shop.ledger, STORE, at=datetime.now(UTC), due_in=3600)
    yield shop
    broker.stop()


def messages(shop: Shop, *options: str) -> list[dict[str, Any]]:
    result = shop.types(*LOOK, *options)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def events(shop: Shop, *options: str) -> list[str]:
    return [f"{each['event']} {each['check']} {each['cause']}" for each in messages(shop, *options)]


def discard(shop: Shop, what: str) -> None:
    shop.prints("parked", "discard", what, "--reason", "sold in the shop")


def test_a_cause_is_told_once_however_many_have_it_and_once_when_it_is_over(
    quiet: Shop, office: Office
) -> None:
    parked_order(office, "a-01")
    parked_order(office, "b-01")
    command_id = parked_invoice(office)

    first, second = events(quiet), events(quiet)
    discard(quiet, command_id)
    third, fourth = events(quiet), events(quiet)

    assert first == [f"needed parked orders {ORDER_CAUSE}", f"needed parked commands {CAUSE}"]
    assert third == [f"over parked commands {CAUSE}"]
    assert second == fourth == []


def test_the_facts_name_the_account_and_a_command_and_no_order(quiet: Shop, office: Office) -> None:
    parked_order(office, "a-01")

    [message] = messages(quiet)

    assert message["subject"] == STORE
    assert message["says"] == f"1: {ORDER_CAUSE}"
    assert message["do"].startswith("orders-sync parked list")
    assert "a-01" not in str(message)


def test_a_command_may_run_commands_of_ours(quiet: Shop, office: Office) -> None:
    parked_order(office, "a-01")
    config = shlex.join([sys.executable, "-m", "orders_sync", "config"])

    assert messages(quiet, "--exec", config) != []


def test_a_channel_that_failed_is_told_later_and_the_others_are_not_told_twice(
    quiet: Shop, office: Office, tmp_path: Path
) -> None:
    parked_order(office, "a-01")
    kept = tmp_path / "kept"

    failed = quiet.types(*LOOK, "--exec", "/nowhere/at/all")
    later = messages(quiet, "--exec", shlex.join([sys.executable, "-c", KEEP, str(kept)]))

    assert failed.exit_code == 1
    assert "/nowhere/at/all cannot be run" in failed.stderr
    assert len(failed.stdout.splitlines()) == 1
    assert later == []
    assert json.loads(kept.read_text())["event"] == "needed"


def test_killed_after_telling_it_tells_once_more_and_no_oftener(
    quiet: Shop, office: Office, tmp_path: Path
) -> None:
    parked_order(office, "a-01")
    kept, fatal = tmp_path / "kept", tmp_path / "fatal"
    fatal.touch()
    keep_and_kill = f"{KEEP}; import os; os.path.exists(sys.argv[2]) and "
    keep_and_kill += f"(os.remove(sys.argv[2]), os.kill(os.getppid(), {signal.SIGKILL.value}))"
    command = shlex.join([sys.executable, "-c", keep_and_kill, str(kept), str(fatal)])
    argv = [sys.executable, "-m", "orders_sync", *LOOK, "--exec", command]

    statuses = [
        subprocess.run(argv, env=child_environment(**quiet.environment), check=False).returncode
        for _ in range(3)
    ]

    told = [json.loads(line) for line in kept.read_text().splitlines()]
    assert statuses == [-signal.SIGKILL, 0, 0]
    assert [each["event"] for each in told] == ["needed", "needed"]
    assert told[0]["id"] == told[1]["id"]


def test_in_the_foreground_it_goes_on_looking(quiet: Shop, office: Office, tmp_path: Path) -> None:
    environment = child_environment(**quiet.environment)
    folder = tmp_path / "folder"
    folder.mkdir()
    with Running(folder, "watch", "--every", "1", "--for", "0", env=environment) as watch:
        until(state_file(tmp_path).exists, "it has looked")
        parked_order(office, "a-01")
        until(lambda: f"{ORDER_CAUSE}) needs a person" in watch.stdout, "it tells")
        discard(quiet, "a-01")
        until(lambda: f"{ORDER_CAUSE}) is over" in watch.stdout, "it tells that it is over")
        second = quiet.types(*LOOK)
        status = watch.ask(signal.SIGINT)

    assert second.exit_code == 1
    assert "watches in" in second.stderr
    assert status == 130


def test_what_it_keeps_is_its_owners_only_and_garbage_is_said(
    quiet: Shop, office: Office, tmp_path: Path
) -> None:
    parked_order(office, "a-01")
    state_file(tmp_path).write_text("no JSON")

    result = quiet.types(*LOOK)

    assert "cannot be read; all that is wrong is told again" in result.stderr
    assert len(result.stdout.splitlines()) == 1
    assert state_file(tmp_path).stat().st_mode & 0o077 == 0


def test_a_ledger_that_is_away_is_told_and_ends_nothing(quiet: Shop, office: Office) -> None:
    parked_order(office, "a-01")
    before = events(quiet)
    url = "postgresql://nobody@127.0.0.1:9/none"

    quiet.environment["ORDERS_SYNC_LEDGER_URL"] = url
    away = events(quiet)
    quiet.environment.pop("ORDERS_SYNC_LEDGER_URL")
    back = events(quiet)

    assert before == [f"needed parked orders {ORDER_CAUSE}"]
    assert away == ["needed reachable "]
    assert back == ["over reachable "]


def test_mail_without_a_server_is_a_matter_of_configuration(quiet: Shop) -> None:
    result = quiet.types(*LOOK, "--mail", "ann@shop.test")

    assert result.exit_code == 3
    assert "ORDERS_SYNC_MAIL__HOST" in result.stderr


def test_the_lock_ends_with_whoever_had_it(tmp_path: Path) -> None:
    for _ in range(2):
        with sole_watch(tmp_path):
            assert (tmp_path / "watch.lock").read_text() == str(os.getpid())
