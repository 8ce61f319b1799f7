"""The parts of an order's document that we read, as VTEX names them.

Read tolerantly: fields that VTEX adds are passed over, lists and parts may be null, and a number
may come as a string or as a float. What an ERP cannot do without has no default.
https://developers.vtex.com/docs/api-reference/orders-api#get-/api/oms/pvt/orders/-orderId-
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from orders_sync.vtex.feed_configuration import FeedConfiguration, FeedFilter, FeedQueue
from orders_sync.vtex.parsing import parse_timestamp

__all__ = ["FeedConfiguration", "FeedFilter", "FeedItem", "FeedQueue", "OrderDocument"]

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


Number = Annotated[int, BeforeValidator(_no_boolean)]
NumberOrZero = Annotated[Number, _or(0)]
Cents = Number
CentsOrZero = NumberOrZero
Text = str | None
TextOrEmpty = Annotated[str, _or("")]
Flag = Annotated[bool, BeforeValidator(_flag)]
Moment = Annotated[datetime | None, BeforeValidator(parse_timestamp)]
Rows = Annotated[list[T], BeforeValidator(_without_nulls)]


class WireModel(BaseModel):
    """A part of a document: names in VTEX's camelCase, and no values in its errors."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        coerce_numbers_to_str=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )


class FeedItem(WireModel):
    """One item of the feed; `state` and `lastState` may be null, and are any text."""

    order_id: str = Field(min_length=1)
    handle: str = Field(min_length=1)
    current_change: str = Field(min_length=1)
    domain: TextOrEmpty = ""
    event_id: TextOrEmpty = ""
    state: Text = None
    last_state: Text = None


class PriceDefinition(WireModel):
    """How VTEX priced a line; `total` is the line's, rounded as the customer pays it."""

    total: Cents | None = None


class Item(WireModel):
    """One line. VTEX's schema says `priceDefinitions`, its documents `priceDefinition`."""

    unique_id: str = Field(min_length=1)
    id: str = Field(min_length=1)
    seller_sku: Text = None
    ref_id: Text = None
    name: TextOrEmpty = ""
    quantity: Annotated[Number, Field(ge=0)]
    price: Cents
    list_price: Cents | None = None
    selling_price: Cents | None = None
    tax: CentsOrZero = 0
    is_gift: Flag = False
    measurement_unit: Text = None
    unit_multiplier: Annotated[float, _or(1.0)] = 1.0
    price_definition: PriceDefinition | None = Field(
        default=None, validation_alias=AliasChoices("priceDefinition", "priceDefinitions")
    )


class Total(WireModel):
    """One of the order's sums; its id is one of an open set."""

    id: TextOrEmpty = ""
    value: CentsOrZero = 0


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


class ShippingAddress(WireModel):
    """Where the order goes."""

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
    """The courier and the warehouse that serve a line."""

    courier_id: Text = None
    warehouse_id: Text = None


class LogisticsInfo(WireModel):
    """How the line at `itemIndex` is delivered."""

    item_index: Number
    delivery_channel: Text = Field(
        default=None, validation_alias=AliasChoices("deliveryChannel", "selectedDeliveryChannel")
    )
    selected_sla: Text = None
    delivery_company: Text = None
    price: CentsOrZero = 0
    shipping_estimate: Text = None
    shipping_estimate_date: Moment = None
    pickup_point_id: Text = None
    delivery_ids: Rows[DeliveryId] = Field(default_factory=list)


class ShippingData(WireModel):
    """The order's address and its deliveries."""

    address: ShippingAddress | None = None
    logistics_info: Rows[LogisticsInfo] = Field(default_factory=list)


class PaymentEntry(WireModel):
    """One means of payment."""

    id: Text = None
    payment_system: Text = None
    payment_system_name: Text = None
    group: Text = None
    value: CentsOrZero = 0
    installments: NumberOrZero = 0


class Transaction(WireModel):
    """One transaction; one that is not active was replaced by another."""

    is_active: bool | None = None
    payments: Rows[PaymentEntry] = Field(default_factory=list)


class PaymentData(WireModel):
    """How the order is paid; a seller's side of an order often has none."""

    transactions: Rows[Transaction] = Field(default_factory=list)


class StorePreferences(WireModel):
    """The store's currency."""

    currency_code: Text = None


class OrderDocument(WireModel):
    """An order, as far as we read it."""

    order_id: str = Field(min_length=1)
    sequence: Text = None
    order_group: Text = None
    marketplace_order_id: Text = None
    seller_order_id: Text = None
    origin: Text = None
    sales_channel: Text = None
    creation_date: Moment = None
    value: Cents
    cancel_reason: Text = None
    items: list[Item] = Field(min_length=1)
    totals: Rows[Total] = Field(default_factory=list)
    client_profile_data: ClientProfile | None = None
    shipping_data: ShippingData | None = None
    payment_data: PaymentData | None = None
    store_preferences_data: StorePreferences | None = None
