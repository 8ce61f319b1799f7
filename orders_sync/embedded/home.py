"""The home folder, which has all files of an installation: one `up` or `demo` at a time uses it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from orders_sync.embedded.launcher import hold
from orders_sync.errors import OrdersSyncError
from orders_sync.private_files import private_folder

_LOOK_EVERY_SECONDS = 0.02
_LEFTOVER_DEADLINE_SECONDS = 10.0


class HomeInUse(OrdersSyncError):
    """Raised when the home folder's processes are run by somebody else already."""


def logs_folder(home: Path) -> Path:
    """Return the folder with one log a process."""
    return home / "logs"


def run_folder(home: Path) -> Path:
    """Return the folder with one locked process id a process."""
    return home / "run"


def beat_pulse_file(home: Path) -> Path:
    """Return the file that beat touches with each message that the broker took."""
    return home / "beat.pulse"


def write_privately(path: Path, text: str) -> None:
    """Write a file that only its owner may read, all of it or nothing."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(text)
    unfinished.replace(path)


@contextlib.contextmanager
def sole_use(home: Path) -> Iterator[None]:
    """Be the only one that runs the processes of `home`; the kernel ends this with the process.

    Raises:
        HomeInUse: another process does.
    """
    private_folder(home)
    lock = home / "up.lock"
    descriptor = hold(lock)
    if descriptor is None:
        raise HomeInUse(
            f"{home} is in use by process {lock.read_text()}. Stop that one first, or set "
            "ORDERS_SYNC_HOME to another folder."
        )
    try:
        yield
    finally:
        os.close(descriptor)


def stop_leftovers(home: Path, *, pause: Callable[[float], None] = time.sleep) -> list[str]:
    """Kill what an earlier run left behind when it was killed itself; return the names.

    Call this under `sole_use`: then a process that holds a lock in the run folder has no parent
    that wants it.

    Raises:
        HomeInUse: a leftover cannot be killed.
    """
    locks = sorted(run_folder(home).glob("*.pid"))
    return [path.stem for path in locks if _kill_holder(path, pause)]


def _kill_holder(path: Path, pause: Callable[[float], None]) -> bool:
    deadline = time.monotonic() + _LEFTOVER_DEADLINE_SECONDS
    was_locked = False
    while _is_locked(path):
        was_locked = True
        if time.monotonic() > deadline:
            raise HomeInUse(f"{path} is locked by a process that cannot be stopped; stop it first.")
        pid = path.read_text()
        if pid.isdigit():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        pause(_LOOK_EVERY_SECONDS)
    return was_locked


def _is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
