"""Runs calls side by side, each within its time: one that hangs or fails hides no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from orders_sync.doctor.findings import Finding, State, of_error

T = TypeVar("T")


class BoundedCall(Generic[T]):
    """A call in a thread of its own, which ends with the process if it hangs."""

    def __init__(self, subject: str, check: str, call: Callable[[], T]) -> None:
        self._subject = subject
        self._check = check
        self._call = call
        self._outcome: tuple[T | None, Finding | None] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome = self._call(), None
        except Exception as error:  # noqa: BLE001 - Whatever a driver or an adapter raises is shown.
            self._outcome = None, of_error(self._subject, self._check, error)

    def result(self, deadline: float, seconds: float) -> tuple[T | None, Finding | None]:
        """Return what the call returned by `deadline`, or the finding that it did not."""
        self._thread.join(max(deadline - time.monotonic(), 0.0))
        late = Finding(self._subject, self._check, State.FAILED, f"No answer within {seconds:g} s.")
        return self._outcome or (None, late)


@dataclass(frozen=True, slots=True)
class Probe:
    """Looks at one subject and yields its findings; `check` names the whole of it."""

    subject: str
    check: str
    look: Callable[[], Iterable[Finding]]


def run_probes(probes: Sequence[Probe], *, seconds: float) -> Iterator[Finding]:
    """Run all probes at once and yield their findings, in the order of the probes.

    What a probe found in time is kept, also where it failed or is late.
    """
    findings: list[list[Finding]] = [[] for _ in probes]
    calls = [
        BoundedCall(probe.subject, probe.check, partial(_collect, probe, into))
        for probe, into in zip(probes, findings, strict=True)
    ]
    deadline = time.monotonic() + seconds
    for call, in_time in zip(calls, findings, strict=True):
        _, trouble = call.result(deadline, seconds)
        yield from tuple(in_time)
        if trouble is not None:
            yield trouble


def _collect(probe: Probe, into: list[Finding]) -> None:
    for finding in probe.look():
        into.append(finding)  # noqa: PERF402 - What came before a failure is kept.
