"""A file as old as the last word that a worker's consuming loop had of the broker.

What proves that a worker consumes is that the loop asks for messages and hears of it: "there are
none" is an answer, and so is that the broker cannot be reached or refuses. So a worker that waits
for a broker is not taken for deaf, and its silence counts from its last attempt on, at most half
a minute before the broker is back. A loop that hangs, does not ask, or is never answered leaves
the file to age.

A file, because its age can be read without the broker and without starting Python: by the
supervisor of `orders-sync up`, by a container's health check, by a person. A worker that systemd
runs tells it too, whose watchdog replaces a process that falls silent.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

#: The file is touched no oftener; a busy loop has hundreds of answers in that time.
_TOUCH_SECONDS: Final = 1.0


def pulse_file(folder: Path, node: str) -> Path:
    """Give the file of a worker; `node` is its Celery name, as in worker1@host."""
    return folder / f"{node}.pulse"


def pulse_of(options: Mapping[str, Any]) -> Pulse:
    """Make the pulse that the transport options of a connection ask for.

    They are `node`, `pulse_folder` and `watchdog_address`; without a node it leaves no trace.
    """
    node, folder = options.get("node", ""), options.get("pulse_folder")
    if not node:
        return Pulse(node, None)
    path = pulse_file(Path(folder), node) if folder else None
    return Pulse(node, path, watchdog=options.get("watchdog_address"))


class Pulse:
    """Notes when the broker was heard of; in a file too, and to systemd, where there is one.

    `node` names the worker; it is empty for what is no worker, such as a command. `watchdog` is the
    address of systemd's socket.
    """

    def __init__(
        self,
        node: str,
        path: Path | None,
        *,
        watchdog: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.node = node
        self._path = path
        self._watchdog = watchdog
        self._clock = clock
        self._touched_at = float("-inf")
        self._answered_at = clock()

    @property
    def silent_seconds(self) -> float:
        """How long ago the loop last had an answer, or began."""
        return self._clock() - self._answered_at

    def answered(self) -> None:
        """Note that the broker answered the loop; called for each answer, so it must be cheap."""
        self._answered_at = now = self._clock()
        if now - self._touched_at >= _TOUCH_SECONDS:
            self._touch(now)

    def tried(self) -> None:
        """Note that the loop tried to reach the broker, in vain."""
        self._touch(self._clock())

    def remove(self) -> None:
        """Remove the file: a worker without one is just starting, or finishes what it has."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _touch(self, now: float) -> None:
        self._touched_at = now
        # A disk that is full or read-only must not keep a worker from its work.
        with suppress(OSError):
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.touch()
        with suppress(OSError):
            if self._watchdog is not None:
                _tell(self._watchdog)


def _tell(address: str) -> None:
    if address.startswith("@"):
        # It is in Linux's abstract namespace.
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.setblocking(False)
        systemd.sendto(b"WATCHDOG=1", address)
