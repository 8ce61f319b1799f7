from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from orders_sync.broker.liveness import Pulse, pulse_file, pulse_of
from orders_sync.testing.clock import SettableClock

LONG_AGO = 1_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return pulse_file(tmp_path / "run", "worker1@host")


@pytest.fixture
def pulse(path: Path, clock: SettableClock) -> Pulse:
    return Pulse("worker1@host", path, clock=clock.epoch)


def _age(path: Path) -> None:
    os.utime(path, (LONG_AGO, LONG_AGO))


def _is_fresh(path: Path) -> bool:
    return path.stat().st_mtime > LONG_AGO


def test_an_answer_touches_the_file(pulse: Pulse, path: Path) -> None:
    pulse.answered()

    assert path.exists()


def test_the_file_is_touched_once_a_second_however_many_answers_come(
    pulse: Pulse, path: Path, clock: SettableClock
) -> None:
    pulse.answered()
    _age(path)

    clock.advance(0.9)
    pulse.answered()
    within_the_second = _is_fresh(path)
    clock.advance(0.2)
    pulse.answered()

    assert not within_the_second
    assert _is_fresh(path)


def test_a_broker_that_is_away_touches_the_file_and_is_no_answer(
    pulse: Pulse, path: Path, clock: SettableClock
) -> None:
    pulse.answered()
    _age(path)
    clock.advance(7)

    pulse.tried()

    assert _is_fresh(path)
    assert pulse.silent_seconds == 7


def test_silence_counts_from_the_start_and_then_from_each_answer(
    pulse: Pulse, clock: SettableClock
) -> None:
    clock.advance(3)
    before = pulse.silent_seconds

    pulse.answered()
    clock.advance(2)

    assert before == 3
    assert pulse.silent_seconds == 2


def test_a_pulse_that_was_removed_is_gone_and_may_be_removed_again(
    pulse: Pulse, path: Path
) -> None:
    pulse.answered()

    pulse.remove()
    pulse.remove()

    assert not path.exists()


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop_working(
    tmp_path: Path, clock: SettableClock
) -> None:
    (tmp_path / "run").touch()
    pulse = Pulse("worker1@host", tmp_path / "run" / "it.pulse", clock=clock.epoch)

    pulse.answered()

    assert pulse.silent_seconds == 0


@pytest.mark.skipif(sys.platform != "linux", reason="systemd and its addresses are Linux's")
@pytest.mark.parametrize("name", ["notify", "@orders-sync-notify-{}"])
def test_systemd_is_told_as_often_as_the_file_is_touched(
    name: str, path: Path, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.mkdir()
    monkeypatch.chdir(path.parent)
    address = name.format(os.getpid())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(30)
        systemd.bind(address.replace("@", "\0"))
        pulse = Pulse("worker1@host", path, watchdog=address, clock=clock.epoch)

        pulse.answered()
        pulse.answered()
        first = systemd.recv(100)
        systemd.setblocking(False)

        assert first == b"WATCHDOG=1"
        with pytest.raises(BlockingIOError):
            systemd.recv(100)


def test_a_systemd_that_does_not_listen_is_no_reason_to_stop_working(
    path: Path, clock: SettableClock
) -> None:
    pulse = Pulse("worker1@host", path, watchdog=str(path), clock=clock.epoch)

    pulse.answered()

    assert path.exists()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="a command"),
        pytest.param({"pulse_folder": "run"}, id="a command of an app that has workers"),
        pytest.param({"node": "worker1@host"}, id="a worker without a home"),
    ],
)
def test_what_is_no_worker_of_a_home_leaves_no_file(
    options: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    pulse_of(options).answered()

    assert list(tmp_path.iterdir()) == []
