"""The parts of an order's document that we read, as VTEX names them.

Read tolerantly: fields that VTEX adds are passed over, lists and parts may be null, and a number
may come as a string or as a float. What an ERP cannot do without has no default.
https://developers.vtex.com/docs/api-reference/orders-api#get-/api/oms/pvt/orders/-orderId-
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.alias_generators import to_camel

from orders_sync.vtex.documents import clean_text, is_whole_text, parse_timestamp

T = TypeVar("T")


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a whole number")  # noqa: TRY004 - pydantic collects ValueError.
    return value


def _or(default: Any) -> BeforeValidator:
    return BeforeValidator(lambda value: default if value is None else value)


def _without_nulls(value: Any) -> Any:
    if value is None:
        return []
    return [row for row in value if row is not None] if isinstance(value, list) else value


def _flag(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _in_cents(value: Any) -> int | None:
    """Read an amount that decides nothing by itself; what is none is None."""
    try:
        return None if isinstance(value, bool) else round(Decimal(str(value)))
    except (ArithmeticError, ValueError):
        return None


def _whole_text(value: Any) -> Any:
    if isinstance(value, float) or (value and isinstance(value, str) and not is_whole_text(value)):
        raise ValueError("must be a text of whole characters")
    return value


def _multiplier(value: Any) -> Any:
    """Read how many units are in a piece; VTEX means one where it says nothing, or nothing real."""
    try:
        multiplier = float(1 if value is None else value)
    except (TypeError, ValueError):
        return value
    return multiplier if isfinite(multiplier) and multiplier > 0 else 1.0


def _or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Read a part, or leave it out: an odd remark must not keep a paid order back."""
    try:
        return handler(value)
    except ValidationError:
        return None


def _rows_or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    rows = value if isinstance(value, list) else []
    return [part for row in rows if row is not None for part in _or_none([row], handler) or ()]


Number = Annotated[int, BeforeValidator(_no_boolean)]
NumberOrZero = Annotated[Number, _or(0)]
Cents = Number
CentsOrZero = NumberOrZero
CleanText = Annotated[str, BeforeValidator(clean_text)]
Text = CleanText | None
TextOrEmpty = Annotated[CleanText, _or("")]
WholeText = Annotated[str, Field(min_length=1), BeforeValidator(_whole_text)]
Multiplier = Annotated[float, BeforeValidator(_multiplier)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Moment = Annotated[datetime | None, BeforeValidator(parse_timestamp)]
Rows = Annotated[list[T], BeforeValidator(_without_nulls)]
Odd = WrapValidator(_or_none)
OddText = Annotated[Text, Odd]
OddCents = Annotated[int | None, BeforeValidator(_in_cents)]
OddRows = Annotated[list[T], WrapValidator(_rows_or_none)]


class WireModel(BaseModel):
    """A part of a document: names in VTEX's camelCase, and no values in its errors."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        coerce_numbers_to_str=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )


class ClientProfile(WireModel):
    """Who bought."""

    first_name: TextOrEmpty = ""
    last_name: TextOrEmpty = ""
    document_type: Text = None
    document: Text = None
    email: Text = None
    phone: Text = None
    is_corporate: Flag = False
    corporate_name: Text = None
    corporate_document: Text = None
    trade_name: OddText = None
    state_inscription: OddText = None
    corporate_phone: OddText = None
    customer_class: OddText = None
    customer_code: OddText = None


class ShippingAddress(WireModel):
    """Where the order goes, a line of it, or its invoice."""

    address_id: OddText = None
    address_type: Text = None
    receiver_name: Text = None
    postal_code: Text = None
    street: Text = None
    number: Text = None
    complement: Text = None
    neighborhood: Text = None
    reference: Text = None
    city: Text = None
    state: Text = None
    country: Text = None


class DeliveryId(WireModel):
    """The courier, the dock and the warehouse that serve so many pieces of a line."""

    courier_id: Text = None
    courier_name: OddText = None
    dock_id: OddText = None
    warehouse_id: Text = None
    quantity: OddCents = None


class DeliveryWindow(WireModel):
    """The hours that the customer chose for a scheduled delivery."""

    start_date_utc: Moment = None
    end_date_utc: Moment = None


class PickupStore(WireModel):
    """Where a pickup waits."""

    address: Annotated[ShippingAddress | None, Odd] = None


class LogisticsInfo(WireModel):
    """How the line at `itemIndex` is delivered."""

    item_index: Number
    delivery_channel: Text = Field(
        default=None, validation_alias=AliasChoices("deliveryChannel", "selectedDeliveryChannel")
    )
    selected_sla: Text = None
    delivery_company: Text = None
    price: CentsOrZero = 0
    selling_price: OddCents = None
    address_id: OddText = None
    delivery_window: Annotated[DeliveryWindow | None, Odd] = None
    pickup_store_info: Annotated[PickupStore | None, Odd] = None
    shipping_estimate: Text = None
    shipping_estimate_date: Moment = None
    pickup_point_id: Text = None
    delivery_ids: Rows[DeliveryId] = Field(default_factory=list)

    @property
    def paid_cents(self) -> int:
        """The line's part of the freight, its discounts taken off."""
        return self.price if self.selling_price is None else self.selling_price


class ShippingData(WireModel):
    """The order's address and its deliveries."""

    address: ShippingAddress | None = None
    selected_addresses: OddRows[ShippingAddress] = Field(default_factory=list)
    logistics_info: Rows[LogisticsInfo] = Field(default_factory=list)


def _lower_keys(value: Any) -> Any:
    return {str(k).lower(): v for k, v in value.items()} if isinstance(value, Mapping) else None


class ConnectorResponses(BaseModel):
    """What the payment's connector answered; its names are in any capitals."""

    model_config = ConfigDict(coerce_numbers_to_str=True, frozen=True, hide_input_in_errors=True)

    authid: OddText = None
    acquirercnpj: OddText = None


class PaymentEntry(WireModel):
    """One means of payment."""

    id: Text = None
    payment_system: Text = None
    payment_system_name: Text = None
    group: Text = None
    value: CentsOrZero = 0
    installments: NumberOrZero = 0
    connector_responses: Annotated[ConnectorResponses | None, Odd, BeforeValidator(_lower_keys)] = (
        None
    )


class Transaction(WireModel):
    """One transaction; one that is not active was replaced by another."""

    is_active: bool | None = None
    transaction_id: OddText = None
    payments: Rows[PaymentEntry] = Field(default_factory=list)


class PaymentData(WireModel):
    """How the order is paid; a seller's side of an order often has none."""

    transactions: Rows[Transaction] = Field(default_factory=list)


class StorePreferences(WireModel):
    """The store's currency, and its time zone by the name that Windows gives it."""

    currency_code: Text = None
    time_zone: Text = None
