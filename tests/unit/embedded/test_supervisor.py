from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support.waiting import until

from orders_sync.embedded.processes import ProcessSpec
from orders_sync.embedded.supervisor import ProcessEnded, RestartDelays, Supervisor
from orders_sync.errors import ConfigurationError
from orders_sync.testing.clock import SettableClock

Program = Callable[..., ProcessSpec]

FOREVER = "import signal; print('ready', flush=True); signal.pause()"
#: Ends when it is asked to, and leaves its name in a file.
POLITE = """
import pathlib, signal, sys
def end(*_):
    with open({file!r}, "a") as file:
        file.write({name!r} + " ")
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
signal.pause()
"""
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True:
    signal.pause()
"""


def _is_ready(spec: ProcessSpec) -> bool:
    return spec.log.exists() and "ready" in spec.log.read_text()


@pytest.mark.parametrize(
    ("previous", "lived", "expected"),
    [
        pytest.param(None, 0.1, 1, id="the first end"),
        pytest.param(1, 0.1, 2, id="it ends again"),
        pytest.param(16, 59, 30, id="never longer than the cap"),
        pytest.param(30, 60, 1, id="after a calm minute it starts anew"),
    ],
)
def test_the_delay_grows_until_a_process_stays(
    previous: float | None, lived: float, expected: float
) -> None:
    assert RestartDelays().next(previous, lived) == expected


def test_what_ends_is_said_and_started_again_after_the_delay(
    supervisor: Supervisor, program: Program, said: list[str], clock: SettableClock
) -> None:
    child = supervisor.start(program("worker", "import sys; sys.exit(4)"))
    assert child.ended_within(30)
    first = child.pid

    supervisor.tend()
    supervisor.tend()
    unmoved = child.pid
    clock.advance(1)
    supervisor.tend()

    assert unmoved == first
    assert child.pid != first
    (sentence,) = said
    assert "worker ended (exit status 4)" in sentence
    assert "started again in 1 s" in sentence
    assert str(child.spec.log) in sentence


def test_what_ends_again_stays_down_longer(
    supervisor: Supervisor, program: Program, said: list[str], clock: SettableClock
) -> None:
    child = supervisor.start(program("worker", "pass"))

    for _ in range(4):
        assert child.ended_within(30)
        supervisor.tend()
        clock.advance(4)
        supervisor.tend()

    assert [sentence.split(" again in ")[1] for sentence in said] == [
        "1 s.",
        "2 s.",
        "4 s.",
        "4 s.",
    ]


def test_a_process_that_was_killed_is_started_again(
    supervisor: Supervisor, program: Program, said: list[str], clock: SettableClock
) -> None:
    child = supervisor.start(program("worker", FOREVER))

    killed = supervisor.kill("worker")
    killed_twice = supervisor.kill("worker")
    supervisor.tend()
    clock.advance(1)
    supervisor.tend()

    assert killed
    assert not killed_twice
    assert "signal 9" in said[0]
    assert child.exit_status() is None
    assert supervisor.restarts == 1


def test_the_end_of_a_vital_process_ends_it_all(supervisor: Supervisor, program: Program) -> None:
    child = supervisor.start(program("sandbox", "pass", vital=True))
    assert child.ended_within(30)

    with pytest.raises(ProcessEnded, match="sandbox ended"):
        supervisor.tend()


def test_a_setting_that_is_found_wrong_at_the_first_start_ends_it_all_with_its_line(
    supervisor: Supervisor, program: Program
) -> None:
    child = supervisor.start(
        program(
            "worker", "import sys; print('noise'); sys.exit(print('orders-sync: X is wrong.') or 3)"
        )
    )
    assert child.ended_within(30)

    with pytest.raises(ConfigurationError, match=r"^X is wrong\.$"):
        supervisor.tend()


def test_a_setting_that_is_found_wrong_later_does_not_stop_the_others(
    supervisor: Supervisor, program: Program, said: list[str], clock: SettableClock
) -> None:
    child = supervisor.start(program("worker", FOREVER))
    supervisor.kill("worker")
    supervisor.tend()
    child.spec = program("worker", "import sys; sys.exit(3)")
    clock.advance(1)
    supervisor.tend()
    assert child.ended_within(30)

    supervisor.tend()

    assert "exit status 3" in said[-1]


def test_what_others_need_stops_last(
    supervisor: Supervisor, program: Program, tmp_path: Path
) -> None:
    file = tmp_path / "ends"
    specs = [
        program(name, POLITE.format(file=str(file), name=name), stops_last=name == "broker")
        for name in ("broker", "worker", "beat")
    ]
    children = [supervisor.start(spec) for spec in specs]
    until(lambda: all(_is_ready(spec) for spec in specs))

    supervisor.stop()

    assert file.read_text().split()[-1] == "broker"
    assert [child.exit_status() for child in children] == [0, 0, 0]


def test_what_does_not_stop_is_killed(supervisor: Supervisor, program: Program) -> None:
    spec = program("worker", STUBBORN)
    child = supervisor.start(spec)
    until(lambda: _is_ready(spec))

    supervisor.stop()

    assert child.exit_status() == -signal.SIGKILL


def test_nothing_is_started_again_once_all_is_stopped(
    supervisor: Supervisor, program: Program, clock: SettableClock
) -> None:
    child = supervisor.start(program("worker", FOREVER))
    supervisor.stop()

    supervisor.tend()
    clock.advance(100)
    supervisor.tend()

    assert child.exit_status() is not None
