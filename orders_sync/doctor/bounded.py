"""Runs probes side by side, each within its time: one that hangs or fails hides no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from orders_sync.doctor.findings import Finding, State, of_error


@dataclass(frozen=True, slots=True)
class Probe:
    """Looks at one subject and gives finding after finding; `check` names the whole of it."""

    subject: str
    check: str
    look: Callable[[], Iterable[Finding]]


@dataclass(slots=True)
class _Run:
    probe: Probe
    findings: list[Finding] = field(default_factory=list)

    def __call__(self) -> None:
        try:
            for finding in self.probe.look():
                self.findings.append(finding)
        except Exception as error:  # noqa: BLE001 - Whatever an ERP's adapter raises is a finding.
            self.findings.append(of_error(self.probe.subject, self.probe.check, error))


def run_probes(probes: Sequence[Probe], *, seconds: float) -> Iterator[Finding]:
    """Run all probes at once and give their findings, in the order of the probes.

    What a probe found in time is kept. Its thread may outlive this and ends with the process.
    """
    runs = [_Run(probe) for probe in probes]
    threads = [threading.Thread(target=run, daemon=True) for run in runs]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for run, thread in zip(runs, threads, strict=True):
        thread.join(max(deadline - time.monotonic(), 0.0))
        is_late = thread.is_alive()
        yield from tuple(run.findings)
        if is_late:
            says = f"No answer within {seconds:g} s."
            yield Finding(run.probe.subject, run.probe.check, State.FAILED, says)
