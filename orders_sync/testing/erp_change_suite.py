"""The promises of `Erp.order_changed`, each as a test; a part of `ErpSuite`.

With an adapter that takes no changes they show that it leaves its orders alone.
"""
# ruff: noqa: S101 -- a test asserts

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import ClassVar

import pytest

from orders_sync.domain.differences import Changes, compare
from orders_sync.domain.order import Order
from orders_sync.erp.base import CancelAnswer, ChangeAnswer, Erp
from orders_sync.errors import ErpRefused, ErpUnavailable
from orders_sync.testing.erp_hooks import ErpHooks
from orders_sync.testing.zoo import ZOO, Kind, with_lines

_THREADS = 6
_BARRIER_SECONDS = 30.0


def revised(order: Order, pieces: int, *, revision: int) -> tuple[Order, Changes]:
    """Return an order whose first line has so many pieces, and how it differs."""
    line = replace(order.lines[0], quantity=pieces, total_cents=pieces * 100)
    later = with_lines(order, line, *order.lines[1:])
    return later, compare(order, later, revision=revision)


def lines_of(order: Order) -> list[tuple[str, int]]:
    """Return SKU and pieces of each line."""
    return [(line.sku, line.quantity) for line in order.lines]


class ChangeSuite(ErpHooks):
    """What becomes of orders that VTEX changes after they were placed."""

    remembers_orders: ClassVar[bool] = True

    def test_a_change_is_taken_once(
        self, erp: Erp, second_erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """The same revision again, by any instance, changes nothing more."""
        order = self.order(new_id())
        erp.place_order(order)
        later, changes = revised(order, 7, revision=2)

        answers = [instance.order_changed(later, changes) for instance in (erp, erp, second_erp)]

        assert len(set(answers)) == 1
        assert erp.takes_changes or answers[0] is ChangeAnswer.IGNORED
        self._assert_lines(tmp_path, later if answers[0] is ChangeAnswer.TAKEN else order)
        self._assert_placed_once(tmp_path, order)

    def test_changes_follow_each_other(
        self, erp: Erp, second_erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """Each later revision is taken, and the order is as the last one has it."""
        order = self.order(new_id())
        erp.place_order(order)
        latest, earlier = order, order

        for revision, instance in ((2, erp), (3, second_erp), (5, erp)):
            later, _ = revised(order, revision + 1, revision=revision)
            changes = compare(earlier, later, revision=revision)
            if instance.order_changed(later, changes) is ChangeAnswer.TAKEN:
                latest = later
            earlier = later

        self._assert_lines(tmp_path, latest)
        self._assert_placed_once(tmp_path, order)

    def test_a_change_that_comes_after_a_later_one_changes_nothing(
        self, erp: Erp, second_erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """A call may hang until another worker has told the next revision."""
        order = self.order(new_id())
        erp.place_order(order)
        later, changes = revised(order, 9, revision=3)

        is_taken = erp.order_changed(later, changes) is ChangeAnswer.TAKEN
        second_erp.order_changed(*revised(order, 5, revision=2))
        second_erp.order_changed(*revised(order, 5, revision=2))

        self._assert_lines(tmp_path, later if is_taken else order)

    def test_changes_that_race_leave_the_latest(
        self, erp: Erp, second_erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """Revisions may be told at once; whoever meets `ErpUnavailable` tells again."""
        order = self.order(new_id())
        erp.place_order(order)
        barrier = Barrier(_THREADS)

        def change(revision: int) -> ChangeAnswer | None:
            barrier.wait(_BARRIER_SECONDS)
            instance = (erp, second_erp)[revision % 2]
            try:
                return instance.order_changed(*revised(order, revision + 10, revision=revision))
            except ErpUnavailable:
                return None

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(change, range(2, 2 + _THREADS)))
        latest, changes = revised(order, _THREADS + 11, revision=_THREADS + 1)
        answer = erp.order_changed(latest, changes)

        self._assert_lines(tmp_path, latest if answer is ChangeAnswer.TAKEN else order)
        self._assert_placed_once(tmp_path, order)

    def test_an_order_that_is_placed_again_keeps_its_changes(
        self, erp: Erp, second_erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """A hand-over that comes late brings no old lines back."""
        order = self.order(new_id())
        receipt = erp.place_order(order)
        later, changes = revised(order, 7, revision=2)
        is_taken = erp.order_changed(later, changes) is ChangeAnswer.TAKEN

        again = second_erp.place_order(order)

        assert again == receipt
        self._assert_lines(tmp_path, later if is_taken else order)

    def test_a_change_brings_no_cancelled_order_back(
        self, erp: Erp, second_erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """A change that was under way when VTEX cancelled may come after the cancellation."""
        order = self.order(new_id())
        erp.place_order(order)
        answer = erp.cancel_order(order.order_id, "Customer changed their mind")

        second_erp.order_changed(*revised(order, 7, revision=2))

        assert erp.cancel_order(order.order_id, "Customer changed their mind") is answer
        is_cancelled = answer is CancelAnswer.CANCELLED and self.remembers_orders
        assert not (is_cancelled and self.fulfils(tmp_path, order.order_id))

    def test_a_changed_order_can_be_cancelled(
        self, erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """A change takes no order out of reach."""
        order, other = self.order(new_id()), self.order(new_id())
        for placed in (order, other):
            erp.place_order(placed)
        erp.order_changed(*revised(order, 7, revision=2))

        answers = [erp.cancel_order(o.order_id, "Out of stock") for o in (order, other)]

        assert answers[0] is answers[1]
        is_cancelled = answers[0] is CancelAnswer.CANCELLED and self.remembers_orders
        assert not (is_cancelled and self.fulfils(tmp_path, order.order_id))

    def test_a_change_makes_no_order(
        self, erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """An order that the ERP does not have is refused, and can be placed afterwards."""
        order = self.order(new_id())
        if not (erp.takes_changes and self.remembers_orders):
            assert erp.order_changed(*revised(order, 7, revision=2)) is not ChangeAnswer.TOO_LATE
            return

        with pytest.raises(ErpRefused):
            erp.order_changed(*revised(order, 7, revision=2))
        before = self.placed_count(tmp_path, order.order_id)
        erp.place_order(order)

        assert before in {None, 0}
        self._assert_placed_once(tmp_path, order)

    def test_a_change_of_one_order_leaves_the_others(
        self, erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """Orders have the same SKUs."""
        order, other = self.order(new_id()), self.order(new_id())
        for placed in (order, other):
            erp.place_order(placed)

        erp.order_changed(*revised(order, 7, revision=2))

        self._assert_lines(tmp_path, other)

    @pytest.mark.parametrize("kind", ZOO.values(), ids=list(ZOO))
    def test_an_order_may_become_one_of_any_kind(
        self, kind: Kind, erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """Lines come and go, and all else may be another, also back again."""
        order = self.order(new_id())
        later = kind(order)
        erp.place_order(order)

        there = erp.order_changed(later, compare(order, later, revision=2))
        is_there = self.placed_lines(tmp_path, order.order_id)
        back = erp.order_changed(order, compare(later, order, revision=3))

        assert is_there is None or list(is_there) == lines_of(
            later if there is ChangeAnswer.TAKEN else order
        )
        if there is back:
            self._assert_lines(tmp_path, order)

    def _assert_lines(self, home: Path, order: Order) -> None:
        lines: Sequence[tuple[str, int]] | None = self.placed_lines(home, order.order_id)
        assert lines is None or list(lines) == lines_of(order)
