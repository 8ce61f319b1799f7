"""Any adapter is told a list of outcomes, by as few calls as it can take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from orders_sync.domain.commands import Command, Outcome, Page
from orders_sync.domain.differences import Changes
from orders_sync.domain.order import Order
from orders_sync.erp.base import (
    CancelAnswer,
    ChangeAnswer,
    CommandOutcome,
    Decision,
    Erp,
    ErpBase,
    Receipt,
)
from orders_sync.erp.guarded import GuardedErp, answer_all
from orders_sync.errors import ErpRefused, ErpUnavailable, WaitError

ANSWERS = [
    (Command("sync", "1-01", None, f"K{number}"), Outcome("accepted")) for number in range(5)
]


class Plain:
    """An adapter without a base, which meets an error at some keys."""

    takes_changes = False

    def __init__(self, **errors: Exception) -> None:
        self.errors = errors
        self.calls: list[list[str | None]] = []

    def place_order(self, order: Order) -> Receipt:
        return Receipt(order.order_id)

    def cancel_order(self, order_id: str, reason: str) -> CancelAnswer:
        del order_id, reason
        return CancelAnswer.UNKNOWN

    def order_changed(self, order: Order, what: Changes) -> ChangeAnswer:
        del order, what
        return ChangeAnswer.IGNORED

    def consider_cancellation(self, order: Order) -> Decision:
        del order
        return Decision.undecided()

    def pull(self, cursor: str | None) -> Page[Command]:
        return Page(rows=(), cursor=cursor)

    def answer(self, command: Command, outcome: Outcome) -> None:
        del outcome
        self.calls.append([command.key])
        if command.key in self.errors:
            raise self.errors[command.key]

    def check(self) -> None:
        pass

    def close(self) -> None:
        pass


class Derived(Plain, ErpBase):
    """An adapter with a base that leaves `answer_all` to it."""


class Bulk(Derived):
    """An adapter that takes two outcomes with one call, or neither."""

    answers_at_once = 2

    def answer_all(self, answers: Sequence[CommandOutcome]) -> None:
        keys = [command.key for command, _ in answers]
        self.calls.append(keys)
        for key in keys:
            if key in self.errors:
                raise self.errors[key]


class Guard:
    """Counts the calls that it lets pass."""

    passed = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.passed += 1
        yield


@pytest.fixture(params=["bare", "guarded"])
def is_guarded(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "guarded")


def protect(erp: Erp, *, is_guarded: bool) -> Erp:
    return GuardedErp(erp, Guard(), seconds=60) if is_guarded else erp


def tell(erp: Erp, told: list[CommandOutcome]) -> None:
    for lot, _ in answer_all(erp, ANSWERS):
        told.extend(lot)


@pytest.mark.parametrize(
    ("adapter", "calls"),
    [
        pytest.param(Plain, ["K0", "K1", "K2", "K3", "K4"], id="without a base"),
        pytest.param(Derived, ["K0", "K1", "K2", "K3", "K4"], id="with the base's answer_all"),
        pytest.param(Bulk, ["K0 K1", "K0", "K1", "K2 K3", "K4"], id="with its own"),
    ],
)
def test_every_answer_is_told_in_its_order_and_what_is_not_taken_is_named(
    adapter: type[Plain], calls: list[str], is_guarded: bool
) -> None:
    erp = adapter(K1=KeyError("Maria"), K4=ErpRefused("no"))

    told = list(answer_all(protect(erp, is_guarded=is_guarded), ANSWERS))

    assert [answer for lot, _ in told for answer in lot] == ANSWERS
    assert erp.calls == [call.split() for call in calls]
    assert {key: kind for _, not_taken in told for key, kind in not_taken.items()} == {
        "K1": KeyError,
        "K4": ErpRefused,
    }


@pytest.mark.parametrize("error", [ErpUnavailable("away"), WaitError("left alone", 5)])
def test_an_erp_that_goes_away_ends_it_and_what_was_told_before_is_known(
    error: Exception, is_guarded: bool
) -> None:
    erp = Plain(K2=error)
    told: list[CommandOutcome] = []

    with pytest.raises(type(error)):
        tell(protect(erp, is_guarded=is_guarded), told)

    assert told == ANSWERS[:2]
    assert erp.calls == [["K0"], ["K1"], ["K2"]]


def test_a_lot_that_finds_the_erp_away_is_not_told(is_guarded: bool) -> None:
    erp = Bulk(K3=ErpUnavailable("away"))
    told: list[CommandOutcome] = []

    with pytest.raises(ErpUnavailable):
        tell(protect(erp, is_guarded=is_guarded), told)

    assert told == ANSWERS[:2]


@pytest.mark.parametrize(
    ("adapter", "passed"),
    [
        pytest.param(Plain, 5, id="one by one"),
        pytest.param(Derived, 5, id="one by one, by the base"),
        pytest.param(Bulk, 3, id="in lots"),
    ],
)
def test_each_call_to_the_erp_passes_its_guard_once(adapter: type[Plain], passed: int) -> None:
    guard = Guard()
    erp = GuardedErp(adapter(), guard, seconds=60)

    list(answer_all(erp, ANSWERS))

    assert guard.passed == passed


def test_an_adapter_that_takes_no_answers_is_not_guarded(tmp_path: Path) -> None:
    class Silent(ErpBase):
        place_order = Plain.place_order
        cancel_order = Plain.cancel_order

    guard = Guard()
    erp = GuardedErp(Silent("mystore", {}, tmp_path), guard, seconds=60)

    told = list(answer_all(erp, ANSWERS))

    assert len(told) == len(ANSWERS)
    assert guard.passed == 0


def test_nothing_to_tell_asks_nobody(is_guarded: bool) -> None:
    erp = Bulk()

    assert list(answer_all(protect(erp, is_guarded=is_guarded), [])) == []
    assert erp.calls == []
