"""Being asked to stop: Ctrl-C, SIGTERM or a closed terminal, noticed at the next pause."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Raised by a pause once a signal asked this process to stop; no error, so nothing eats it."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(number)
        self.number = number

    @property
    def status(self) -> int:
        """The exit status of a process that a signal ended before its end, as shells count it."""
        return 128 + self.number


class StopSignals:
    """Holds the signals back while it is entered, so that none interrupts what is half done.

    A second signal changes nothing: what runs is being stopped already.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._number: int = signal.SIGTERM
        self._former: dict[signal.Signals, Any] = {}

    def pause(self, seconds: float) -> None:
        """Wait, or raise `StopRequested` as soon as a signal has come."""
        if self._asked.wait(seconds):
            raise StopRequested(self._number)

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            self._former[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if not self._asked.is_set():
            self._number = number
        self._asked.set()
