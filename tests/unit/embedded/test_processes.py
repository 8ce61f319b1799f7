from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.waiting import until

from orders_sync.embedded.home import HomeInUse, sole_use, stop_leftovers
from orders_sync.embedded.launcher import hold
from orders_sync.embedded.processes import Child, ProcessSpec
from orders_sync.settings import child_environment

Program = Callable[..., ProcessSpec]

FOREVER = "import signal; print('ready', flush=True); signal.pause()"
#: Starts a process as a supervisor does, and waits to be killed.
PARENT = """
import pathlib, signal, sys
from orders_sync.embedded.processes import Child, ProcessSpec
home = pathlib.Path(sys.argv[1])
argv = (sys.executable, "-c", {code!r})
child = Child(ProcessSpec("sleeper", argv, home / "sleeper.log", {{}}), home / "run")
child.start()
print(child.pid, flush=True)
signal.pause()
"""


@pytest.fixture
def sleeper(tmp_path: Path, program: Program) -> Iterator[Child]:
    """Run a process that would go on for ever."""
    child = Child(program("sleeper", FOREVER), tmp_path / "run")
    child.start()
    until(lambda: "ready" in child.spec.log.read_text())
    yield child
    child.kill()


def _is_locked(path: Path) -> bool:
    descriptor = hold(path)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def test_a_child_is_in_a_session_of_its_own(sleeper: Child) -> None:
    assert sleeper.pid is not None

    assert os.getsid(sleeper.pid) == sleeper.pid


def test_the_lock_says_who_runs_and_is_free_afterwards(sleeper: Child, tmp_path: Path) -> None:
    lock = tmp_path / "run" / "sleeper.pid"
    running = _is_locked(lock), lock.read_text()

    sleeper.kill()

    assert running == (True, str(sleeper.pid))
    assert not _is_locked(lock)


@pytest.mark.usefixtures("sleeper")
def test_the_same_program_does_not_run_twice_in_a_folder(tmp_path: Path, program: Program) -> None:
    second = Child(program("sleeper", FOREVER), tmp_path / "run")

    second.start()

    assert second.ended_within(30)
    assert second.exit_status() == 1
    assert "already runs" in second.spec.log.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_child_does_not_outlive_a_parent_that_was_killed(tmp_path: Path) -> None:
    lock = tmp_path / "run" / "sleeper.pid"
    with subprocess.Popen(
        [sys.executable, "-c", PARENT.format(code=FOREVER), str(tmp_path)],
        stdout=subprocess.PIPE,
        env=child_environment(),
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pid = parent.stdout.readline().strip()
        until(lambda: lock.exists() and lock.read_text() == pid)

        parent.send_signal(signal.SIGKILL)

    until(lambda: not _is_locked(lock))


def test_a_leftover_is_stopped_and_named(sleeper: Child, tmp_path: Path) -> None:
    assert stop_leftovers(tmp_path) == ["sleeper"]

    assert sleeper.ended_within(30)
    assert sleeper.exit_status() == -signal.SIGKILL
    assert stop_leftovers(tmp_path) == []


def test_a_process_that_only_has_the_id_of_a_former_one_is_left_alone(
    sleeper: Child, tmp_path: Path
) -> None:
    (tmp_path / "other" / "run").mkdir(parents=True)
    (tmp_path / "other" / "run" / "worker1.pid").write_text(str(sleeper.pid))

    stopped = stop_leftovers(tmp_path / "other")

    assert stopped == []
    assert sleeper.exit_status() is None


def test_a_home_has_one_user_at_a_time(tmp_path: Path) -> None:
    home = tmp_path / "home"

    with sole_use(home), pytest.raises(HomeInUse) as raised, sole_use(home):
        pytest.fail("two use the same folder")

    assert f"in use by process {os.getpid()}" in str(raised.value)
    assert "ORDERS_SYNC_HOME" in str(raised.value)


def test_a_home_is_free_once_its_user_is_gone(tmp_path: Path) -> None:
    with sole_use(tmp_path):
        pass

    with sole_use(tmp_path):
        in_use = _is_locked(tmp_path / "up.lock")

    assert in_use
