"""Keeps child processes running, and stops them in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from orders_sync.embedded.hearing import Hearing, read_stamp
from orders_sync.embedded.processes import Child, ProcessSpec
from orders_sync.errors import ConfigurationError, OrdersSyncError

#: `stop` is done within this time: the two deadlines below, and what killing takes.
STOP_SECONDS = 30.0

_FINISH_SECONDS = 20.0
_LAST_SECONDS = 5.0

#: What a deaf worker has to end by itself before it is killed.
_DEAF_SECONDS = 5.0

#: See `Settings.silence_seconds`.
_SILENCE_SECONDS = 90.0

#: The exit status of our processes when only a person can help, and their last line says how.
_UNCONFIGURED = 3


class ProcessEnded(OrdersSyncError):
    """Raised when a process ended that the others cannot do without."""


@dataclass(frozen=True, slots=True)
class RestartDelays:
    """How long a process that ended stays down, in seconds.

    The delay doubles from `first` to `cap`, and starts anew once the process ran for `calm`.
    """

    first: float = 1.0
    cap: float = 30.0
    calm: float = 60.0

    def next(self, previous: float | None, lived: float) -> float:
        """Give the delay, from the one before it and from how long the process ran."""
        if previous is None or lived >= self.calm:
            return self.first
        return min(previous * 2, self.cap)


@dataclass(slots=True)
class _Watched:
    child: Child
    started_at: float
    delay: float | None = None
    restart_at: float | None = None
    hearing: Hearing | None = None
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
        """Take over a process that runs already."""
        self._watched[child.spec.name] = _Watched(child, self._clock())

    def kill(self, name: str) -> bool:
        """Kill a process, as the kernel would for want of memory; False where it does not run."""
        child = self._watched[name].child
        running = child.exit_status() is None
        child.kill()
        return running

    def tend(self) -> None:
        """Notice what ended or is deaf, and start again what is due.

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
        before = watched.hearing or Hearing(stamp, watched.started_at, now)
        watched.hearing = before.after(stamp, now)
        if watched.hearing.is_deaf(self._silence_seconds):
            silence = f"{now - watched.hearing.changed_at:.0f} s"
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
        watched.restart_at = watched.hearing = watched.kill_at = None
        self.restarts += 1


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
