"""Calls that are given up when they take too long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest
from support.waiting import until

from orders_sync.erp.guarded import BoundedCalls
from orders_sync.errors import ErpUnavailable

_WORD: ContextVar[str] = ContextVar("_WORD")


class Hang:
    """A call that does not come back until it is let."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.threads: list[threading.Thread] = []

    def __call__(self) -> str:
        self.threads.append(threading.current_thread())
        self.over.wait()
        return "late"


@pytest.fixture
def hang() -> Iterator[Hang]:
    hang = Hang()
    yield hang
    hang.over.set()


def test_a_call_gives_and_raises_what_it_does_and_knows_its_context() -> None:
    bounded = BoundedCalls(60)
    _WORD.set("here")

    given = bounded.call(lambda word: f"{word} {_WORD.get()}", "it is")
    with pytest.raises(KeyError, match="sku"):
        bounded.call({}.__getitem__, "sku")

    assert given == "it is here"
    bounded.close()


def test_threads_are_used_again_and_end_when_it_is_closed() -> None:
    bounded = BoundedCalls(60)

    threads = {bounded.call(threading.current_thread) for _ in range(20)}
    bounded.close()

    [thread] = threads
    assert thread is not threading.current_thread()
    until(lambda: not thread.is_alive(), "the thread has ended")


def test_a_call_that_hangs_stops_no_other(hang: Hang) -> None:
    bounded = BoundedCalls(0.01)

    with pytest.raises(ErpUnavailable, match="may still take effect"):
        bounded.call(hang)

    assert BoundedCalls.call(bounded, str, 7) == "7"
    bounded.close()


def test_when_too_many_calls_hang_no_more_are_made_until_one_comes_back(hang: Hang) -> None:
    bounded = BoundedCalls(0.01, most_lost=2)
    for _ in range(2):
        with pytest.raises(ErpUnavailable):
            bounded.call(hang)

    with pytest.raises(ErpUnavailable, match="2 calls of the ERP's adapter do not come back"):
        bounded.call(str, 7)
    hang.over.set()

    until(lambda: _answers(bounded), "calls are made again")
    assert len(hang.threads) == 2
    bounded.close()


def _answers(bounded: BoundedCalls) -> bool:
    try:
        return bounded.call(str, 7) == "7"
    except ErpUnavailable:
        return False
