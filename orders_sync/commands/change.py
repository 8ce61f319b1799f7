"""Changes of an order: what their callers give, and what of it may be sent when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from orders_sync.commands.body import Body, Cents, Count, Part, Quantity, Text
from orders_sync.commands.intents import Intent
from orders_sync.commands.kind import GOODS, Kind
from orders_sync.commands.unseen import (
    digest_of,
    shows_change,
    unseen_invoices,
    wait_for_cancellation,
    wait_for_changes,
)
from orders_sync.commands.verdicts import AlreadySo, Known, NotAllowed, Send, Wait
from orders_sync.domain.fulfilment import Change, ChangeItem, Fulfilment, Replacement
from orders_sync.domain.rules import Group, group_of
from orders_sync.domain.steps import Step

_TAKES_CHANGES = frozenset({"handling", "waiting-for-fulfillment", "ready-for-invoicing"})


class NewItem(Part):
    """A SKU that a change adds."""

    sku: Text
    quantity: Count
    price_cents: Cents | None = None


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
) -> Send[Change] | AlreadySo | Wait | NotAllowed:
    """Judge a change against the order.

    https://developers.vtex.com/docs/guides/order-modifications
    """
    own = known.own_intent
    if own is not None and shows_change(order, known, own.content):
        asked = _change(body, order)
        # Where its lines are gone, the change itself took them, if it is what was sent.
        took_them = isinstance(asked, NotAllowed) and not own.is_edited
        if took_them or (isinstance(asked, Change) and digest_of(asked) == own.content):
            return AlreadySo("the change is in the order")
    elif (wait := known.wait_for_own()) is not None:
        return wait
    refusal = _by_status(order, known)
    if refusal is not None:
        return refusal
    change = _change(body, order)
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
        unseen_invoices(order, known, "Output").wait
        or wait_for_cancellation(known)
        or wait_for_changes(order, known)
    )


def _change(body: ChangeBody, order: Fulfilment) -> Change | NotAllowed:
    removed = _lines(body.remove, order)
    if isinstance(removed, NotAllowed):
        return removed
    replaced: list[Replacement] = []
    for exchange in body.replace:
        taken = _lines(exchange.from_, order)
        if isinstance(taken, NotAllowed):
            return taken
        replaced.append(Replacement(taken, _new(exchange.to)))
    return Change(
        reason=body.reason,
        add=_new(body.add),
        remove=removed,
        replace=tuple(replaced),
        manual_discount_cents=body.manual_discount_cents,
        manual_increment_cents=body.manual_increment_cents,
    )


def _new(items: Iterable[NewItem]) -> tuple[ChangeItem, ...]:
    return tuple(ChangeItem(it.sku, it.quantity, price_cents=it.price_cents) for it in items)


def _lines(wanted: Sequence[Quantity], order: Fulfilment) -> tuple[ChangeItem, ...] | NotAllowed:
    """Name each line by its uniqueId: by SKU alone VTEX fails where it stands on several."""
    found: list[ChangeItem] = []
    for each in wanted:
        lines = [
            line
            for line in order.lines
            if each.line_id == line.line_id
            or (each.sku is not None and each.sku in {line.sku, line.seller_sku})
        ]
        name = f"line {each.line_id}" if each.line_id else f"SKU {each.sku}"
        if len(lines) != 1:
            several = "is on several lines" if lines else "is not in the order"
            return NotAllowed(
                "change.item_unclear",
                f"{name} {several}.",
                "Name the order's line by line_id (VTEX's uniqueId), then retry.",
            )
        [line] = lines
        if each.quantity > line.quantity:
            return NotAllowed(
                "change.quantity_exceeded",
                f"{each.quantity} of {name} were asked for, and the order has {line.quantity}.",
                "Correct the quantity, then retry.",
            )
        found.append(ChangeItem(line.sku, each.quantity, line.line_id, each.price_cents))
    return tuple(found)


CHANGE: Final = Kind(
    name="change",
    body=ChangeBody,
    argument="change",
    step=Step.SEND_CHANGE,
    operations=("get_order", "create_change"),
    line=GOODS,
    judge=judge_change,
)
