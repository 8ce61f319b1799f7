"""Becomes another program that dies with the process that started it.

    python -I -S launcher.py LOCK_FILE PARENT_PID PROGRAM [ARGUMENT...]

The lock is held for as long as the program runs, for the program inherits it: while the file is
locked, the process id in it is alive, and is the right one. Nothing but the
standard library is imported, so that starting costs milliseconds.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def hold(path: Path) -> int | None:
    """Lock a file and write this process's id into it; None where another process holds it.

    The descriptor is not inherited by programs that this process starts.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor


def die_with(parent: int) -> None:
    """Make the kernel kill this process when `parent` ends, where the kernel can (Linux).

    Elsewhere the lock lets the next start find what was left running.
    """
    if sys.platform == "linux":
        # https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("The process that started this one is gone already.")


def main(arguments: list[str]) -> None:
    """Lock, tie this process to its parent, and become the program."""
    lock_file, parent, *program = arguments
    die_with(int(parent))
    descriptor = hold(Path(lock_file))
    if descriptor is None:
        sys.exit(f"{lock_file} is locked: this program already runs in this folder.")
    os.set_inheritable(descriptor, True)
    os.execv(program[0], program)  # noqa: S606 # No shell is wanted.


if __name__ == "__main__":
    main(sys.argv[1:])
