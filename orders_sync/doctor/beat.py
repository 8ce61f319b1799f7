"""Says whose fault it is that no feed is polled: beat's, or that of workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from orders_sync.broker.liveness import LivingWorker
from orders_sync.doctor.findings import Finding, State
from orders_sync.doctor.workers import WORKERS
from orders_sync.domain.words import count_of

BEAT: Final = "beat"

#: A tick takes milliseconds: a worker that has had a message for so long is held up by it.
_HELD_UP_SECONDS: Final = 30.0
_BAD: Final = (State.FAILED, State.WARNING)


def acquit_beat(
    findings: Iterable[Finding], *, ticks: int, workers: Sequence[LivingWorker]
) -> Iterator[Finding]:
    """Put the blame for late polls on workers where they do not take what beat sends.

    `ticks` is the number of messages that wait where beat sends its ticks. Workers that were found
    wanting in the same examination are to blame too.
    """
    listed = list(findings)
    found_wanting = any(each.subject == WORKERS and each.state in _BAD for each in listed)
    to_blame = _to_blame(ticks, workers)
    is_told = False
    for finding in listed:
        if finding.subject != BEAT or finding.state is not State.FAILED:
            yield finding
        elif found_wanting:
            says = f"{finding.says}; whether beat runs shows once the workers work"
            yield Finding(BEAT, finding.check, State.NOT_PROBED, says)
        elif to_blame is None:
            yield finding
        elif not is_told:
            is_told = True
            yield Finding(
                WORKERS,
                "taking",
                State.FAILED,
                f"{finding.says}: {to_blame}",
                "The last lines of the workers' logs say what holds them up; restart them, and "
                "kill those that do not end. Their messages go on with others.",
            )


def _to_blame(ticks: int, workers: Sequence[LivingWorker]) -> str | None:
    held_up = [
        worker.node for worker in workers if max(worker.held_seconds, default=0) > _HELD_UP_SECONDS
    ]
    if held_up:
        return f"calls hold up {', '.join(held_up)}"
    if ticks:
        return f"beat sends, and no worker takes what lies on feed ({count_of(ticks, 'message')})"
    return None
