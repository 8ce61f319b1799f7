"""When a worker is deaf: its pulses and a clock in, yes or no out."""

from __future__ import annotations

from pathlib import Path

import pytest

from orders_sync.embedded.supervisor import PulseWatch, read_stamp

SILENCE = 90

Look = tuple[float, int | None]


def _every(seconds: int, stamp: int | None, *, since: int, until: int) -> list[Look]:
    return [(now, stamp) for now in range(since, until + 1, seconds)]


@pytest.mark.parametrize(
    ("looks", "is_deaf"),
    [
        pytest.param([(t, t) for t in range(1, 600)], False, id="it consumes"),
        pytest.param(_every(1, 1, since=1, until=90), False, id="it is silent, not yet too long"),
        pytest.param(_every(1, 1, since=1, until=91), True, id="it is silent for too long"),
        pytest.param(
            [*_every(1, 1, since=1, until=90), (91, 2), *_every(1, 2, since=92, until=180)],
            False,
            id="it is heard in the last moment",
        ),
        pytest.param(_every(1, None, since=1, until=600), False, id="it starts"),
        pytest.param(_every(1, None, since=1, until=601), True, id="it never gets to consume"),
        pytest.param(
            [*_every(1, 1, since=1, until=60), *_every(1, None, since=61, until=300)],
            False,
            id="it stops, and its tasks take their time",
        ),
        pytest.param(
            [*_every(1, 9, since=1, until=50), *_every(1, 2, since=51, until=140)],
            False,
            id="the wall clock was set back",
        ),
        pytest.param(
            [(1, 1), (2, 1), (500, 1), (501, 1)],
            False,
            id="we ourselves were held up, and cannot tell",
        ),
        pytest.param(
            [(1, 1), (500, 1), *_every(1, 1, since=501, until=591)],
            True,
            id="we were held up, and it is silent ever since",
        ),
    ],
)
def test_a_worker_is_deaf_when_its_pulse_stands_still_for_too_long(
    looks: list[Look], is_deaf: bool
) -> None:
    pulse_watch = PulseWatch(looks[0][1], 0, 0)

    for now, stamp in looks:
        pulse_watch = pulse_watch.after(stamp, now)

    assert pulse_watch.is_deaf(SILENCE) is is_deaf


def test_a_pulse_is_the_time_that_the_file_was_touched(tmp_path: Path) -> None:
    file = tmp_path / "worker1@host.pulse"
    before = read_stamp(file)

    file.touch()

    assert before is None
    assert read_stamp(file) == file.stat().st_mtime_ns
