"""`orders-sync demo` and `orders-sync up` as real processes, seen from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from support.waiting import until

from orders_sync.embedded.launcher import hold
from orders_sync.settings import child_environment

_END_SECONDS = 60.0


class Running:
    """One `orders-sync` command; left running, it is killed when the block ends.

    `folder` is where it runs and keeps its temporary files.
    """

    def __init__(self, folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._errors = folder / "stderr.txt"
        self._output = folder / "stdout.txt"
        with self._errors.open("wb") as errors, self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "orders_sync", *arguments],
                env=env if env is not None else child_environment(TMPDIR=str(folder)),
                cwd=folder,
                stdout=output,
                stderr=errors,
            )

    @property
    def stderr(self) -> str:
        """What it has said so far."""
        return self._errors.read_text()

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        return self._output.read_text()

    @property
    def files_beside(self) -> list[str]:
        """Name what it left in the folder it runs in."""
        ours = {self._errors.name, self._output.name}
        return [path.name for path in self._folder.iterdir() if path.name not in ours]

    def wait_for(self, words: str) -> None:
        """Wait until it says something."""
        until(lambda: words in self.stderr or self.process.poll() is not None)
        assert words in self.stderr, self.stderr

    def ask(self, number: signal.Signals, *, within: float = _END_SECONDS) -> int:
        """Send a signal to this process alone, and give the status it ends with."""
        self.process.send_signal(number)
        return self.end(within)

    def end(self, seconds: float = _END_SECONDS) -> int:
        """Wait for the end; give the status."""
        return self.process.wait(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def process_ids(home: Path) -> dict[str, int]:
    """Return the ids of the processes that run for a home folder, by name."""
    locked = [path for path in (home / "run").glob("*.pid") if _is_locked(path)]
    ids = {path.stem: path.read_text() for path in locked}
    return {name: int(pid) for name, pid in ids.items() if pid}


def kill_everything(home: Path, parent: Running) -> None:
    """Kill a command and all its processes, as a power cut would."""
    for pid in [parent.process.pid, *process_ids(home).values()]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    parent.end()
    until(lambda: not process_ids(home))


def _is_locked(path: Path) -> bool:
    descriptor = hold(path)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False
