"""Calls of an adapter pass its breaker, and are given up when they take too long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import pytest
from support.waiting import until

from orders_sync.domain.commands import Command, Outcome, Page
from orders_sync.domain.differences import Changes
from orders_sync.domain.order import Order
from orders_sync.erp.base import CancelAnswer, ChangeAnswer, Decision, Erp, ErpBase, Receipt
from orders_sync.erp.guarded import BoundedCalls, GuardedErp
from orders_sync.errors import ErpUnavailable, WaitError
from orders_sync.testing.factories import make_order

CHANGES = Changes(revision=2, value_before_cents=make_order().value_cents, value_after_cents=90)


class Small(ErpBase):
    """An adapter that leaves to its base what it can."""

    def place_order(self, order: Order) -> Receipt:
        return Receipt(order.order_id)

    def cancel_order(self, order_id: str, reason: str) -> CancelAnswer:
        raise ErpUnavailable(f"{order_id}: {reason}")


class Whole(Small):
    """An adapter that asks its ERP everything."""

    def order_changed(self, order: Order, what: Changes) -> ChangeAnswer:
        is_known = order.value_cents == what.value_before_cents
        return ChangeAnswer.TAKEN if is_known else ChangeAnswer.TOO_LATE

    def consider_cancellation(self, order: Order) -> Decision:
        return Decision.deny(order.order_id)

    def pull(self, cursor: str | None) -> Page[Command]:
        return Page(rows=(), cursor=cursor)

    def answer(self, command: Command, outcome: Outcome) -> None:
        raise ErpUnavailable(f"{command.key}: {outcome.kind}")


class Guard:
    """Keeps how each call ended; it lets all pass, or none."""

    def __init__(self, refusal: WaitError | None = None) -> None:
        self.refusal = refusal
        self.ends: list[str] = []

    @contextmanager
    def __call__(self) -> Iterator[None]:
        if self.refusal is not None:
            raise self.refusal
        try:
            yield
        except ErpUnavailable:
            self.ends.append("away")
            raise
        self.ends.append("well")


def ask_everything(erp: Erp) -> None:
    order = make_order()
    erp.place_order(order)
    with pytest.raises(ErpUnavailable):
        erp.cancel_order(order.order_id, "canceled")
    erp.consider_cancellation(order)
    erp.order_changed(order, CHANGES)
    erp.pull(None)


def test_every_call_to_an_erp_passes_its_guard(tmp_path: Path) -> None:
    guard = Guard()
    erp = GuardedErp(Whole("mystore", {}, tmp_path), guard, seconds=60)

    ask_everything(erp)
    with pytest.raises(ErpUnavailable):
        erp.answer(Command("note", "1-01", None, "k"), Outcome("done"))

    assert guard.ends == ["well", "away", "well", "well", "well", "away"]


def test_what_an_adapter_left_as_it_was_tells_nothing_about_its_erp(tmp_path: Path) -> None:
    guard = Guard()
    erp = GuardedErp(Small("mystore", {}, tmp_path), guard, seconds=60)

    ask_everything(erp)
    erp.answer(Command("note", "1-01", None, "k"), Outcome("done"))

    assert guard.ends == ["well", "away"]


def test_a_call_that_never_ends_is_given_up_and_counts_as_a_failure(tmp_path: Path) -> None:
    guard, over = Guard(), threading.Event()

    class Hanging(Small):
        def place_order(self, order: Order) -> Receipt:
            over.wait()
            return super().place_order(order)

    erp = GuardedErp(Hanging("mystore", {}, tmp_path), guard, seconds=0.01)

    with pytest.raises(ErpUnavailable, match=r"did not answer within 0\.01 s"):
        erp.place_order(make_order())

    over.set()
    assert guard.ends == ["away"]


def test_an_erp_that_is_left_alone_is_not_asked_and_can_be_examined(tmp_path: Path) -> None:
    refusal = WaitError("left alone", 5)
    erp = GuardedErp(Whole("mystore", {}, tmp_path), Guard(refusal), seconds=60)

    with pytest.raises(WaitError) as raised:
        erp.place_order(make_order())
    erp.check()
    erp.close()

    assert raised.value is refusal


def test_an_adapter_that_left_order_changed_as_it_was_takes_no_changes(tmp_path: Path) -> None:
    small, whole = Small("mystore", {}, tmp_path), Whole("mystore", {}, tmp_path)
    guarded = [GuardedErp(erp, Guard(), seconds=60) for erp in (small, whole)]

    assert [erp.takes_changes for erp in guarded] == [False, True]
    assert [erp.order_changed(make_order(), CHANGES) for erp in guarded] == [
        ChangeAnswer.IGNORED,
        ChangeAnswer.TAKEN,
    ]


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
