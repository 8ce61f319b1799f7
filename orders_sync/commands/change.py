"""Changes of an order: their body, and when one may be sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from orders_sync.commands.body import Body, Cents, Count, Part, Quantity, Text
from orders_sync.commands.kind import GOODS, Kind
from orders_sync.commands.unseen import (
    digest_of,
    shows_change,
    wait_for_cancellation,
    wait_for_changes,
    wait_for_invoices,
)
from orders_sync.commands.verdicts import AlreadyInVtex, Intent, Known, NotAllowed, Send, Wait
from orders_sync.domain.fulfilment import Fulfilment
from orders_sync.domain.rules import Group, group_of
from orders_sync.domain.steps import Step

_TAKES_CHANGES = frozenset({"handling", "waiting-for-fulfillment", "ready-for-invoicing"})


class NewItem(Part):
    """A SKU that a change adds.

    Of goods by weight, `unit_multiplier` is the weight of one piece, such as 0.412, in
    `measurement_unit`, such as kg; without it VTEX takes the catalogue's.
    """

    sku: Text
    quantity: Count
    price_cents: Cents | None = None
    measurement_unit: Text | None = None
    unit_multiplier: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class Exchange(Part):
    """Items that a change replaces by others."""

    from_: Annotated[tuple[Quantity, ...], Field(alias="from", min_length=1)]
    to: Annotated[tuple[NewItem, ...], Field(min_length=1)]


class ChangeBody(Body):
    """A change of the order's items or price; the shopper may see the reason."""

    reason: Text
    add: tuple[NewItem, ...] = ()
    remove: tuple[Quantity, ...] = ()
    replace: tuple[Exchange, ...] = ()
    manual_discount_cents: Cents = 0
    manual_increment_cents: Cents = 0

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        amounts = self.manual_discount_cents or self.manual_increment_cents
        if not (self.add or self.remove or self.replace or amounts):
            raise ValueError("give add, remove, replace, a discount or an increment")
        return self


def judge_change(
    body: ChangeBody, order: Fulfilment, known: Known
) -> Send[ChangeBody] | AlreadyInVtex | Wait | NotAllowed:
    """Judge a change against the order.

    https://developers.vtex.com/docs/guides/order-modifications
    """
    own = known.own_intent
    if own is not None and shows_change(order, known, own.content):
        asked = _named(body, order)
        # Where its lines are gone, the change itself took them, if it is what was sent.
        took_them = isinstance(asked, NotAllowed) and not own.is_edited
        if took_them or (isinstance(asked, ChangeBody) and digest_of(asked) == own.content):
            return AlreadyInVtex("the change is in the order")
    elif (wait := known.wait_for_own()) is not None:
        return wait
    refusal = _by_status(order, known)
    if refusal is not None:
        return refusal
    change = _named(body, order)
    if isinstance(change, NotAllowed):
        return change
    return Send(change, Intent("change", known.now, content=digest_of(change)))


def _by_status(order: Fulfilment, known: Known) -> Wait | NotAllowed | None:
    group = group_of(order.status, is_completed=order.is_completed)
    if group in {Group.CANCELLED, Group.INVOICED}:
        return NotAllowed(
            "change.order_closed",
            f"The order is {order.status}; VTEX changes it no more.",
            "Discard the command; a return is an Input invoice.",
        )
    if known.is_changing:
        return Wait("another change of the order is not finished", 10)
    if known.is_cancelling:
        return Wait("a cancellation was asked for and is not decided", 10)
    if order.status not in _TAKES_CHANGES:
        return Wait(f"VTEX takes changes in handling, and the order is {order.status}")
    return (
        wait_for_invoices(order, known)
        or wait_for_cancellation(known)
        or wait_for_changes(order, known)
    )


def _named(body: ChangeBody, order: Fulfilment) -> ChangeBody | NotAllowed:
    """Return the change with each line named as VTEX has it."""
    removed = _lines(body.remove, order)
    if isinstance(removed, NotAllowed):
        return removed
    replaced: list[Exchange] = []
    for exchange in body.replace:
        taken = _lines(exchange.from_, order)
        if isinstance(taken, NotAllowed):
            return taken
        taken_for = tuple(_with_unit(item, order) for item in exchange.to)
        replaced.append(exchange.model_copy(update={"from_": taken, "to": taken_for}))
    added = tuple(_with_unit(item, order) for item in body.add)
    changes = {"add": added, "remove": removed, "replace": tuple(replaced)}
    return body.model_copy(update=changes)


def _with_unit(item: NewItem, order: Fulfilment) -> NewItem:
    """Return an item whose weight is told with the unit that the order has for its SKU."""
    if item.unit_multiplier is None or item.measurement_unit is not None:
        return item
    units = (
        line.measurement_unit for line in order.lines if item.sku in {line.sku, line.seller_sku}
    )
    return item.model_copy(update={"measurement_unit": next(units, None)})


def _lines(items: Sequence[Quantity], order: Fulfilment) -> tuple[Quantity, ...] | NotAllowed:
    """Name each line by its uniqueId: by SKU alone VTEX fails where it stands on several."""
    named: list[Quantity] = []
    for item in items:
        lines = order.lines_of(item.line_id, item.sku)
        if len(lines) != 1:
            return NotAllowed(
                "change.item_unclear",
                f"{item.named} is on several lines."
                if lines
                else f"{item.named} is not in the order.",
                "Name the order's line by line_id (VTEX's uniqueId), then retry.",
            )
        [line] = lines
        if item.quantity > (available := line.quantity):
            return NotAllowed(
                "change.quantity_exceeded",
                f"{item.quantity} of {item.named} were asked for, and the order has {available}.",
                "Correct the quantity, then retry.",
            )
        named.append(item.model_copy(update={"sku": line.sku, "line_id": line.line_id or None}))
    return tuple(named)


CHANGE: Final = Kind(
    name="change",
    noun="change",
    collection="changes",
    summary="Change an order's items or price in VTEX.",
    body=ChangeBody,
    example={"reason": "Late delivery", "manual_discount_cents": 500},
    argument="change",
    step=Step.SEND_CHANGE,
    operations=("get_order", "create_change"),
    line=GOODS,
    judge=judge_change,
)
