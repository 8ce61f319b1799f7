"""How a change of an order is accepted, carried out a while later, or given up.

https://help.vtex.com/en/tutorial/how-order-modification-works--tutorials_7198
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from random import Random
from typing import Final
from uuid import UUID

from orders_sync.sandbox import workflow as w
from orders_sync.sandbox.changes import ChangeTerms, OrderChange
from orders_sync.sandbox.dials import Dials
from orders_sync.sandbox.envelopes import checkout_error
from orders_sync.sandbox.invoice_operations import Invoicing
from orders_sync.sandbox.oms import Oms
from orders_sync.sandbox.orders import OmsOrder
from orders_sync.sandbox.repricing import (
    ChangeFailed,
    Repriced,
    change_document,
    reprice,
    require_not_invoiced,
)
from orders_sync.sandbox.wire import CallRefused, receipt, to_ticks, utc_text

_INVOICED: Final = frozenset({"invoice", "invoiced"})
#: What the first version answers with 404.
_UNKNOWN_ITEM: Final = frozenset({"SalesOrderSystem010", "CHK0022"})


class Changing:
    """Changes orders: at once for the first API version, a while later for the second."""

    def __init__(self, oms: Oms, invoicing: Invoicing, dials: Dials, random: Random) -> None:
        self._oms = oms
        self._invoicing = invoicing
        self._dials = dials
        self._random = random

    def accept(self, order: OmsOrder, terms: ChangeTerms, now: float) -> OrderChange:
        """Begin a change; whether it fits the order is seen when it is carried out.

        Raises:
            CallRefused: the order is in no status for it, or another change is in the way.
        """
        require_changeable(order, terms)
        if any(change.in_progress for change in order.changes):
            raise refused("SalesOrderSystem014", "Change In Progress")
        if any(change.version == 1 for change in order.changes):
            message = "A Change V1 has already been applied to this order."
            raise refused("SalesOrderSystem015", message)
        change = self._begin(order, terms, now)
        if self._dials.change_stuck and self._random.random() < self._dials.change_stuck:
            change.is_stuck = True
            change.log(utc_text(to_ticks(now)), "The participants client did not answer.")
        else:
            self._later(order, change, now)
        return change

    def try_out(self, order: OmsOrder, terms: ChangeTerms, now: float) -> OrderChange:
        """Compute a change without making it; raise CallRefused where it does not fit."""
        require_changeable(order, terms)
        change = self._draft(terms, now)
        try:
            _price(change, order, self._reprice(order, terms))
        except ChangeFailed as failure:
            raise refused(failure.code, failure.message) from failure
        return change

    def apply(
        self, order: OmsOrder, terms: ChangeTerms, now: float, request_id: str
    ) -> OrderChange:
        """Change the order at once, as the first version does; raise CallRefused if it cannot."""
        change = self._draft(terms, now)
        change.request_id, change.version = request_id, 1
        change.receipt = receipt(self._random, order.order_id, now)
        try:
            self._carry_out(order, change, now)
        except ChangeFailed as failure:
            status = 404 if failure.code in _UNKNOWN_ITEM else 400
            raise refused(failure.code, failure.message, status) from failure
        order.changes.append(change)
        return change

    def retry(self, order: OmsOrder, change: OrderChange, now: float) -> None:
        """Carry out a change that was stuck; raise CallRefused where it is not."""
        require_stuck(change)
        change.is_stuck = False
        self._later(order, change, now)

    def give_up(self, change: OrderChange, reason: str, now: float) -> None:
        """Cancel a change that was stuck; raise CallRefused where it is not."""
        require_stuck(change)
        change.is_stuck = False
        self._cancel(change, reason, now)

    def _begin(self, order: OmsOrder, terms: ChangeTerms, now: float) -> OrderChange:
        change = self._draft(terms, now)
        change.receipt = receipt(self._random, order.order_id, now)
        order.changes.append(change)
        return change

    def _draft(self, terms: ChangeTerms, now: float) -> OrderChange:
        ids = [str(UUID(int=self._random.getrandbits(128))) for _ in range(2)]
        return OrderChange(ids[0], ids[1], 2, terms, utc_text(to_ticks(now)))

    def _later(self, order: OmsOrder, change: OrderChange, now: float) -> None:
        self._oms.later(now + self._dials.change_seconds, partial(self._run, order, change))
        self._oms.settle(now)

    def _run(self, order: OmsOrder, change: OrderChange, now: float) -> None:
        try:
            self._require_still_changeable(order)
            self._carry_out(order, change, now)
        except ChangeFailed as failure:
            self._cancel(change, str(failure), now)

    def _require_still_changeable(self, order: OmsOrder) -> None:
        raced = _INVOICED if self._dials.change_invoice_race else frozenset[str]()
        if order.status not in w.IN_HANDLING | raced:
            raise ChangeFailed("CHK0124", "Invalid change for order.")

    def _carry_out(self, order: OmsOrder, change: OrderChange, now: float) -> None:
        repriced = self._reprice(order, change.terms)
        _price(change, order, repriced)
        order.rewrite(
            change_document(
                order.document,
                change,
                repriced,
                lingers=self._dials.removed_lines_linger,
                is_left=self._leaves_items(order),
            )
        )
        change.status = "done"
        change.log(utc_text(to_ticks(now)), "The change was made.")
        self._invoicing.recount(order, now)

    def _leaves_items(self, order: OmsOrder) -> bool:
        """Check whether `items` stays as it was sold; what the first change did, all do."""
        if order.original is not None:
            return bool(order.document.sold)
        chance = self._dials.changes_leave_items
        return bool(chance) and self._random.random() < chance

    def _reprice(self, order: OmsOrder, terms: ChangeTerms) -> Repriced:
        repriced = reprice(order.document, terms, self._random)
        # Known issue 1348894: a change that runs while an invoice comes in does not see it.
        if not self._dials.change_invoice_race:
            require_not_invoiced(repriced, _invoiced(order), order.invoiced_cents)
        return repriced

    def _cancel(self, change: OrderChange, reason: str, now: float) -> None:
        change.status = "canceling"
        change.cancel_reason = reason
        change.log(utc_text(to_ticks(now)), reason)
        self._oms.later(now + self._dials.change_seconds, partial(_canceled, change))
        self._oms.settle(now)


def require_changeable(order: OmsOrder, terms: ChangeTerms) -> None:
    """Raise CallRefused where the order's status allows no change, or nothing would change."""
    if order.status not in w.IN_HANDLING:
        message = f"Order {order.order_id} cannot be changed in status {order.status}."
        raise refused("CHK0124", message)
    if terms.is_empty:
        raise refused("CHK0124", "Invalid change for order.")


def require_stuck(change: OrderChange) -> None:
    """Raise CallRefused where a change goes its way."""
    if not change.is_stuck:
        raise refused("SalesOrderSystem008", f"Change {change.request_id} is {change.status}.")


def refused(code: str, message: str, status: int = 400) -> CallRefused:
    """Refuse in the envelope of order modifications."""
    return CallRefused(checkout_error(status, code, message))


def _price(change: OrderChange, order: OmsOrder, repriced: Repriced) -> None:
    change.value_cents = repriced.value_cents - order.document.value_cents
    change.totals = repriced.deltas


def _canceled(change: OrderChange, _: float) -> None:
    change.status = "canceled"


def _invoiced(order: OmsOrder) -> Counter[str]:
    quantities: Counter[str] = Counter()
    for invoice in order.invoices:
        if invoice.type == "Output":
            for line in invoice.lines:
                quantities[line.sku] += line.quantity
    return quantities
