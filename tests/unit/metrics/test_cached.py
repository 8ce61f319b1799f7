from __future__ import annotations

from orders_sync.metrics.server import CachedReading


class Source:
    """Counts how often it is read, and fails when it is told to."""

    def __init__(self) -> None:
        self.reads = 0
        self.seconds = 0.0
        self.fails = False

    def read(self) -> int:
        self.reads += 1
        if self.fails:
            raise ConnectionError
        return self.reads

    def cached(self) -> CachedReading[int]:
        return CachedReading(
            self.read, failures=ConnectionError, seconds=10, timer=lambda: self.seconds
        )


def test_scrapes_within_the_time_share_one_reading() -> None:
    source = Source()
    reading = source.cached()

    values = [reading()]
    source.seconds = 9.9
    values.append(reading())
    source.seconds = 10.0
    values.append(reading())

    assert values == [1, 1, 2]


def test_a_failure_is_no_reading_and_is_not_tried_again_at_once() -> None:
    source = Source()
    reading = source.cached()
    source.fails = True

    values = [reading(), reading()]
    source.fails = False
    source.seconds = 10.0
    values.append(reading())

    assert values == [None, None, 2]
    assert source.reads == 2
