"""An order's document, as VTEX names its parts: the lines, the changes, and all beside them.

https://developers.vtex.com/docs/api-reference/orders-api#get-/api/oms/pvt/orders/-orderId-
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field

from orders_sync.vtex.schemas import (
    Cents,
    CentsOrZero,
    CleanText,
    ClientProfile,
    Flag,
    Moment,
    Multiplier,
    Number,
    NumberOrZero,
    Odd,
    OddCents,
    OddRows,
    OddText,
    PaymentData,
    Rows,
    ShippingAddress,
    ShippingData,
    StorePreferences,
    Text,
    TextOrEmpty,
    WireModel,
)


class PriceDefinition(WireModel):
    """How VTEX priced a line; `total` is the line's, rounded as the customer pays it."""

    total: Cents | None = None


class PriceTagEntry(WireModel):
    """A discount or a tax of a line; `value` is in cents, `rawValue` in the currency's unit."""

    name: OddText = None
    value: OddCents = None
    raw_value: Annotated[float | None, Odd] = None
    is_percentual: Flag = False


class BundleItem(WireModel):
    """A service sold with a line; one without a price costs nothing."""

    id: OddText = None
    name: OddText = None
    type: OddText = None
    price: OddCents = None
    selling_price: OddCents = None
    quantity: OddCents = None


class KitComponent(WireModel):
    """A part of a kit."""

    unique_id: OddText = None
    id: OddText = None
    seller_sku: OddText = None
    ref_id: OddText = None
    name: OddText = None
    quantity: OddCents = None


class Item(WireModel):
    """One line. VTEX's schema says `priceDefinitions`, its documents `priceDefinition`.

    Documents of 2014 have no `uniqueId`.
    """

    unique_id: TextOrEmpty = ""
    id: Annotated[CleanText, Field(min_length=1)]
    seller_sku: Text = None
    ref_id: Text = None
    name: TextOrEmpty = ""
    quantity: Annotated[Number, Field(ge=0)]
    price: Cents
    list_price: OddCents = None
    selling_price: Cents | None = None
    tax: CentsOrZero = 0
    is_gift: Flag = False
    measurement_unit: Text = None
    unit_multiplier: Multiplier = 1.0
    price_definition: PriceDefinition | None = Field(
        default=None, validation_alias=AliasChoices("priceDefinition", "priceDefinitions")
    )
    price_tags: OddRows[PriceTagEntry] = Field(default_factory=list)
    bundle_items: OddRows[BundleItem] = Field(default_factory=list)
    components: OddRows[KitComponent] = Field(default_factory=list)


class Total(WireModel):
    """One of the order's sums; its id is one of an open set."""

    id: TextOrEmpty = ""
    value: CentsOrZero = 0


class ChangedItemEntry(WireModel):
    """A SKU that a change added or removed."""

    id: TextOrEmpty = ""
    unique_id: OddText = None
    name: OddText = None
    quantity: NumberOrZero = 0
    price: OddCents = None
    unit_multiplier: Annotated[float | None, Odd] = None


class ReceiptEntry(WireModel):
    """VTEX's receipt of a change."""

    receipt: Text = None
    date: Moment = None


class ChangeEntry(WireModel):
    """A change that is in the order."""

    reason: Text = None
    discount_value: CentsOrZero = 0
    increment_value: CentsOrZero = 0
    items_added: Rows[ChangedItemEntry] = Field(default_factory=list)
    items_removed: Rows[ChangedItemEntry] = Field(default_factory=list)
    receipt: ReceiptEntry | None = None


class ChangesAttachment(WireModel):
    """The order's changes, the oldest first."""

    changes_data: Rows[ChangeEntry] = Field(default_factory=list)


class InvoiceData(WireModel):
    """Where the customer wants the invoice to go."""

    address: Annotated[ShippingAddress | None, Odd] = None


class OpenTextField(WireModel):
    """The customer's remark."""

    value: OddText = None


def _remark(value: Any) -> Any:
    return {"value": value} if isinstance(value, str) else value


class AmountsDocument(WireModel):
    """The parts of an order that say what it costs."""

    value: Cents
    origin: Text = None
    affiliate_id: OddText = None
    rounding_error: OddCents = None
    items: Rows[Item] = Field(default_factory=list)
    totals: Rows[Total] = Field(default_factory=list)
    shipping_data: Annotated[ShippingData | None, Odd] = None
    changes_attachment: ChangesAttachment | None = None


class OrderDocument(AmountsDocument):
    """An order, as far as an ERP needs it."""

    order_id: str = Field(min_length=1)
    sequence: Text = None
    order_group: Text = None
    marketplace_order_id: Text = None
    seller_order_id: Text = None
    sales_channel: Text = None
    creation_date: Moment = None
    cancel_reason: Text = None
    items: list[Item] = Field(min_length=1)
    client_profile_data: ClientProfile | None = None
    shipping_data: ShippingData | None = None
    invoice_data: Annotated[InvoiceData | None, Odd] = None
    open_text_field: Annotated[OpenTextField | None, Odd, BeforeValidator(_remark)] = None
    custom_data: Any = None
    payment_data: PaymentData | None = None
    store_preferences_data: StorePreferences | None = None
