"""One child process: how it is started, told to stop, and killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orders_sync.embedded import launcher
from orders_sync.private_files import owner_only, private_folder


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A process to run.

    `argv` begins with the path of a program. Output of both kinds is appended to `log`. `folder`
    is where it runs; None is this process's own. One that is `vital` is never started again: when
    it ends, all ends. One that `stops_last` is needed by the others. `pulse` is the file that a
    worker touches while it consumes, and beat while it sends.
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    env: Mapping[str, str] = field(repr=False)
    folder: Path | None = None
    vital: bool = False
    stops_last: bool = False
    pulse: Path | None = None


class Child:
    """A process of a `ProcessSpec`, in its own session: a Ctrl-C at the terminal passes it by.

    It does not outlive the thread that started it (see `launcher`), so start children from the
    main thread.
    """

    def __init__(self, spec: ProcessSpec, run: Path) -> None:
        self.spec = spec
        self._run = run
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process."""
        private_folder(self._run)
        private_folder(self.spec.log.parent)
        if self.spec.pulse is not None:
            self.spec.pulse.unlink(missing_ok=True)
        lock = (self._run / f"{self.spec.name}.pid").absolute()
        starter = (sys.executable, "-I", "-S", launcher.__file__, str(lock), str(os.getpid()))
        with owner_only(), self.spec.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 # The programs are named in `process_list`.
                (*starter, *self.spec.argv),
                env=self.spec.env,
                cwd=self.spec.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int | None:
        """The process id, or None before the first start."""
        return self._process.pid if self._process else None

    def exit_status(self) -> int | None:
        """Return how the process ended (-9: by SIGKILL), or None while it runs."""
        return self._process.poll() if self._process else 0

    def terminate(self) -> None:
        """Send SIGTERM: the process finishes what it does, and ends."""
        if self._process:
            self._process.terminate()

    def kill(self) -> None:
        """End the process and all that it started, at once."""
        if self._process and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def ended_within(self, seconds: float) -> bool:
        """Wait for the end, at most so long."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(seconds, 0))
        except subprocess.TimeoutExpired:
            return False
        return True
