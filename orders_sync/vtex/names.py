"""VTEX's names of the fields that callers give, and how VTEX wants their values. Pure.

Every field of a body has a row here, or importing this module fails: what was accepted reaches VTEX
whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final

from orders_sync.commands.body import Part, Quantity
from orders_sync.commands.cancel import CancelBody
from orders_sync.commands.change import ChangeBody, Exchange, NewItem
from orders_sync.commands.deny import DenyBody
from orders_sync.commands.invoice import InvoiceBody
from orders_sync.commands.note import NoteBody
from orders_sync.commands.track import TrackBody, TrackingEvent
from orders_sync.errors import ParkedError


@dataclass(frozen=True, slots=True)
class Row:
    """VTEX's name of a field, and what makes its value VTEX's; None of that: it is left out."""

    name: str
    write: Callable[[Any], Any] = lambda value: value


Table = Mapping[str, Row]


def encode(part: Part, table: Table, *, with_nulls: bool = False) -> dict[str, Any]:
    """Return the fields of a body that the table names, as VTEX's JSON.

    What is None is left out, since VTEX takes a field that is absent where it refuses null, unless
    it wants all fields (`with_nulls`).
    """
    written = {}
    for field, row in table.items():
        value = getattr(part, field)
        written[row.name] = None if value is None else row.write(value)
    return {name: value for name, value in written.items() if with_nulls or value is not None}


def not_sendable(what: str, hint: str) -> ParkedError:
    """Return the error for a command that VTEX would refuse or misread, so it was not sent.

    `what` and `hint` carry no personal data.
    """
    return ParkedError(f"{what}; VTEX was not asked.", cause="vtex.not_sendable", hint=hint)


def _table(model: type[Part], *tables: Table, in_path: str = "", **rows: Row) -> Table:
    """Return a table of a model's fields, but for one that is in the path.

    Raises:
        TypeError: the model has a field without a row, or a row is of no field.
    """
    rows = {name: row for table in (*tables, rows) for name, row in table.items()}
    unequal = ({*rows, in_path} - {""}) ^ set(model.model_fields)
    if unequal:
        raise TypeError(f"{model.__name__} and its table differ in: {', '.join(sorted(unequal))}")
    return MappingProxyType(rows)


def _moment(moment: datetime) -> str:
    """Format an instant with its offset, `2024-01-31T18:25:43-05:00`; VTEX reads none as UTC."""
    return moment.isoformat(timespec="seconds")


def _minute(moment: datetime) -> str:
    """Format the time of a delivery, `2022-10-01 21:15`, as the clock showed where it was taken."""
    return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="minutes")


def _day(day: date) -> str:
    """Format the day of an event, `2015-06-23`; of an instant, the day in its own offset."""
    return f"{day:%Y-%m-%d}"


def _each(table: Table) -> Callable[[Iterable[Part]], list[dict[str, Any]]]:
    return lambda parts: [encode(part, table) for part in parts]


def _side(table: Table) -> Callable[[Iterable[Part]], dict[str, Any] | None]:
    """Return what formats a side of a change, an object with items; an empty one is left out."""
    return lambda parts: {"items": [encode(part, table) for part in parts]} if parts else None


_QUANTITY: Final = _table(
    Quantity,
    line_id=Row("uniqueId"),
    sku=Row("id"),
    quantity=Row("quantity"),
    price_cents=Row("price"),
)
_NEW_ITEM: Final = _table(
    NewItem,
    sku=Row("id"),
    quantity=Row("quantity"),
    price_cents=Row("price"),
    measurement_unit=Row("measurementUnit"),
    unit_multiplier=Row("unitMultiplier"),
)
_EVENT: Final = _table(
    TrackingEvent,
    city=Row("city"),
    state=Row("state"),
    description=Row("description"),
    date=Row("date", _day),
)

#: How a package travels: the body of Updatepartialinvoice, and a part of InvoiceNotification's.
#: https://developers.vtex.com/docs/api-reference/orders-api#patch-/api/oms/pvt/orders/-orderId-/invoice/-invoiceNumber-
PARCEL: Final[Table] = {
    "tracking_number": Row("trackingNumber"),
    "tracking_url": Row("trackingUrl"),
    "dispatched_at": Row("dispatchedDate", _moment),
    "courier": Row("courier"),
}

#: What happened to a package: the body of UpdateTrackingStatus.
#: https://developers.vtex.com/docs/api-reference/orders-api#put-/api/oms/pvt/orders/-orderId-/invoice/-invoiceNumber-/tracking
PROGRESS: Final[Table] = {
    "events": Row("events", _each(_EVENT)),
    "delivered": Row("isDelivered"),
    "delivered_at": Row("deliveredDate", _minute),
}

#: InvoiceNotification. `cfop` is in what VTEX stores of a package, though not among what it says
#: the route takes.
#: https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/invoice
INVOICE: Final = _table(
    InvoiceBody,
    PARCEL,
    number=Row("invoiceNumber"),
    type=Row("type"),
    issued_at=Row("issuanceDate", _moment),
    value_cents=Row("invoiceValue", str),
    items=Row("items", _each(_QUANTITY)),
    access_key=Row("invoiceKey"),
    url=Row("invoiceUrl"),
    embedded_invoice=Row("embeddedInvoice"),
    cfop=Row("cfop"),
)
TRACKING: Final = _table(TrackBody, PARCEL, PROGRESS, in_path="invoice_number")

CANCEL: Final = _table(CancelBody, reason=Row("reason"))
DENY: Final = _table(DenyBody, reason=Row("denyReason"))
NOTE: Final = _table(NoteBody, source=Row("source"), message=Row("message"))

_EXCHANGE: Final = _table(
    Exchange,
    from_=Row("from", _side(_QUANTITY)),
    to=Row("to", _side(_NEW_ITEM)),
)

#: Createchange and PreviewChange; values are cents.
#: https://developers.vtex.com/docs/guides/order-modifications
CHANGE: Final = _table(
    ChangeBody,
    reason=Row("reason"),
    add=Row("add", _side(_NEW_ITEM)),
    remove=Row("remove", _side(_QUANTITY)),
    replace=Row("replace", lambda swaps: _each(_EXCHANGE)(swaps) or None),
    manual_discount_cents=Row("manualDiscountValue", lambda cents: cents or None),
    manual_increment_cents=Row("manualIncrementValue", lambda cents: cents or None),
)


def encode_legacy_change(change: ChangeBody, request_id: str) -> dict[str, Any]:
    """Return a change for VTEX's legacy API: every item has a price, a replacement is two lists.

    https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/changes

    Raises:
        ParkedError: an item has no price, or a weight that was picked.
    """
    removed = [*change.remove, *(item for swap in change.replace for item in swap.from_)]
    added = [*change.add, *(item for swap in change.replace for item in swap.to)]
    return {
        "requestId": request_id,
        "reason": change.reason,
        "discountValue": change.manual_discount_cents,
        "incrementValue": change.manual_increment_cents,
        "itemsRemoved": [_legacy_item(item) for item in removed],
        "itemsAdded": [_legacy_item(item) for item in added],
    }


def _legacy_item(item: Quantity | NewItem) -> dict[str, Any]:
    if item.price_cents is None:
        raise not_sendable(
            f"SKU {item.sku} has no price, and VTEX's legacy changes want one",
            f"Give the unit price of SKU {item.sku} in cents.",
        )
    if isinstance(item, NewItem) and item.unit_multiplier is not None:
        raise not_sendable(
            f"SKU {item.sku} has a weight, and VTEX's legacy changes take none",
            "Set ORDERS_SYNC_CHANGE_API=v2, or give the price alone.",
        )
    return {"id": item.sku, "price": item.price_cents, "quantity": item.quantity}
