"""Keeps child processes running until a signal asks for the end, and stops them in order.

A signal is Ctrl-C, SIGTERM or a closed terminal. A worker's pulse is a file that its consuming loop
touches, see `orders_sync.broker.liveness`: by it a worker is seen to be deaf, alive and not
consuming.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final, NamedTuple, Self

from orders_sync.embedded.processes import Child, ProcessSpec
from orders_sync.errors import ConfigurationError, OrdersSyncError

#: `stop` is done within this time: the two deadlines below, and what killing takes.
STOP_SECONDS = 30.0

_FINISH_SECONDS = 20.0
_LAST_SECONDS = 5.0

#: What a deaf worker has to end by itself before it is killed.
_DEAF_SECONDS = 5.0

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: See `Settings.silence_seconds`.
_SILENCE_SECONDS = 90.0

#: The exit status of our processes when only a person can help, and their last line says how.
_UNCONFIGURED = 3

#: Without a pulse a worker is starting, or finishes what it has; neither takes longer.
_UNHEARD_SECONDS: Final = 600.0

#: After so long without a look this process was itself held up, and may have missed changes.
_HELD_UP_SECONDS: Final = 10.0


class PulseWatch(NamedTuple):
    """A worker's pulse as it was last read, when it last changed, and when it was read.

    `stamp` is None while there is no pulse. The times are a monotonic clock's.
    """

    stamp: int | None
    changed_at: float
    looked_at: float

    def after(self, stamp: int | None, now: float) -> PulseWatch:
        """Return the state after another look: only a change counts, as a wall clock may step."""
        has_changed = stamp != self.stamp or now - self.looked_at > _HELD_UP_SECONDS
        return PulseWatch(stamp, now if has_changed else self.changed_at, now)

    def is_deaf(self, silence_seconds: float) -> bool:
        """Check whether the worker has been silent for longer than one that works ever is."""
        allowed = silence_seconds
        if self.stamp is None:
            allowed = max(allowed, _UNHEARD_SECONDS)
        return self.looked_at - self.changed_at > allowed


def read_stamp(path: Path) -> int | None:
    """Return the time stamp of a pulse; None where there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


class ProcessEnded(OrdersSyncError):
    """Raised when a process ended that the others cannot do without."""


@dataclass(frozen=True, slots=True)
class RestartDelays:
    """How long a process that ended stays down, in seconds.

    The delay doubles from `first` to `cap`, and starts again once the process ran for `calm`.
    """

    first: float = 1.0
    cap: float = 30.0
    calm: float = 60.0

    def next(self, previous: float | None, lived: float) -> float:
        """Return the delay, from the one before it and from how long the process ran."""
        if previous is None or lived >= self.calm:
            return self.first
        return min(previous * 2, self.cap)


@dataclass(slots=True)
class _Watched:
    child: Child
    started_at: float
    delay: float | None = None
    restart_at: float | None = None
    pulse_watch: PulseWatch | None = None
    kill_at: float | None = None


class Supervisor:
    """Starts processes, restarts those that end or are deaf, and stops them all.

    Nothing happens in the background: call `tend` several times a second. `say` is told, in a
    sentence, what ended and what was started again. A worker that consumes nothing for
    `silence_seconds` is replaced. At the end, what works has `finish_seconds` to finish.
    """

    def __init__(
        self,
        run: Path,
        *,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        delays: RestartDelays = RestartDelays(),
        finish_seconds: float = _FINISH_SECONDS,
        silence_seconds: float = _SILENCE_SECONDS,
    ) -> None:
        self._run = run
        self._say = say
        self._clock = clock
        self._delays = delays
        self._finish_seconds = finish_seconds
        self._silence_seconds = silence_seconds
        self._watched: dict[str, _Watched] = {}
        self.restarts = 0

    def start(self, spec: ProcessSpec) -> Child:
        """Start a process and watch it."""
        child = Child(spec, self._run)
        child.start()
        self.watch(child)
        return child

    def watch(self, child: Child) -> None:
        """Watch a process that runs already."""
        self._watched[child.spec.name] = _Watched(child, self._clock())

    def kill(self, name: str) -> bool:
        """Kill a process, as the kernel would for want of memory; False where it does not run."""
        child = self._watched[name].child
        running = child.exit_status() is None
        child.kill()
        return running

    def tend(self) -> None:
        """Check what ended or is deaf, and start again what is due.

        Raises:
            ProcessEnded: a vital process ended.
            ConfigurationError: a process found, at its first start, that a setting is wrong.
        """
        for watched in self._watched.values():
            if watched.restart_at is not None:
                self._restart_when_due(watched)
            elif (status := watched.child.exit_status()) is not None:
                self._note_end(watched, status)
            elif watched.kill_at is not None:
                self._kill_when_due(watched)
            else:
                self._listen(watched)

    @property
    def is_consuming(self) -> bool:
        """Whether each process that has a pulse has shown it."""
        pulses = [watched.child.spec.pulse for watched in self._watched.values()]
        return all(pulse is None or pulse.exists() for pulse in pulses)

    def stop(self) -> None:
        """Stop everything within `STOP_SECONDS`: first all that work, then what they need."""
        children = [watched.child for watched in self._watched.values()]
        self._watched.clear()
        _stop([c for c in children if not c.spec.stops_last], self._finish_seconds)
        _stop([c for c in children if c.spec.stops_last], _LAST_SECONDS)

    def _note_end(self, watched: _Watched, status: int) -> None:
        spec = watched.child.spec
        ended = f"{spec.name} ended ({_describe(status)}); its log is {spec.log}"
        if spec.vital:
            raise ProcessEnded(f"{ended}. Nothing can go on without it.")
        if status == _UNCONFIGURED and watched.delay is None:
            raise ConfigurationError(_last_line(spec.log).removeprefix("orders-sync: ") or ended)
        now = self._clock()
        watched.delay = self._delays.next(watched.delay, now - watched.started_at)
        watched.restart_at = now + watched.delay
        self._say(f"{ended}. It is started again in {watched.delay:g} s.")

    def _listen(self, watched: _Watched) -> None:
        spec, now = watched.child.spec, self._clock()
        if spec.pulse is None:
            return
        stamp = read_stamp(spec.pulse)
        before = watched.pulse_watch or PulseWatch(stamp, watched.started_at, now)
        watched.pulse_watch = before.after(stamp, now)
        if watched.pulse_watch.is_deaf(self._silence_seconds):
            silence = f"{now - watched.pulse_watch.changed_at:.0f} s"
            self._say(f"{spec.name} has not heard from the broker for {silence}. It is replaced.")
            watched.child.terminate()
            watched.kill_at = now + _DEAF_SECONDS

    def _kill_when_due(self, watched: _Watched) -> None:
        if watched.kill_at is not None and self._clock() >= watched.kill_at:
            watched.child.kill()

    def _restart_when_due(self, watched: _Watched) -> None:
        if watched.restart_at is None or self._clock() < watched.restart_at:
            return
        watched.child.start()
        watched.started_at = self._clock()
        watched.restart_at = watched.pulse_watch = watched.kill_at = None
        self.restarts += 1


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
    """Delays the signals while it is entered, so that none interrupts what is half done.

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


def _stop(children: Iterable[Child], seconds: float) -> None:
    children = list(children)
    deadline = time.monotonic() + seconds
    for child in children:
        child.terminate()
    for child in children:
        if not child.ended_within(deadline - time.monotonic()):
            child.kill()


def _describe(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "")
