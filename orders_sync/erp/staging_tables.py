"""The two tables of the staging ERP, each column with what an ERP needs to know about it.

`docs/staging-tables.md` says the same for the ERP's developers; a test keeps the two in step.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects.mysql import LONGBLOB
from sqlalchemy.types import TypeEngine

METADATA: Final = MetaData()

_KEY = String(255)
_CODE = String(255)
_CENTS = BigInteger()
_TIME = DateTime(timezone=True)
_BYTES = LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb")


def _filled(name: str, kind: TypeEngine[Any], comment: str) -> Column[Any]:
    return Column(name, kind, nullable=False, comment=comment)


def _maybe(name: str, kind: TypeEngine[Any], comment: str) -> Column[Any]:
    return Column(name, kind, nullable=True, comment=comment)


def _key(name: str, kind: TypeEngine[Any], comment: str) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False, comment=comment)


ERP_ORDERS: Final = Table(
    "erp_orders",
    METADATA,
    _key("account", _KEY, "VTEX account that the order belongs to."),
    _key("order_id", _KEY, "VTEX's orderId."),
    _filled(
        "reference", String(511), "Receipt given for the order: account/order_id. Not changed."
    ),
    _filled("state", String(16), "new or cancelled. Written by orders_sync only."),
    _maybe("taken_at", _TIME, "When the ERP took the order over. Written by the ERP only."),
    _filled("placed_at", _TIME, "When orders_sync wrote the order."),
    _maybe("cancelled_at", _TIME, "When orders_sync cancelled the order."),
    _maybe("cancel_reason", Text(), "Why it was cancelled, in VTEX's words."),
    _maybe("status", _CODE, "VTEX's status when the order was written."),
    _maybe("sequence", _CODE, "VTEX's short running number of the order."),
    _maybe("order_group", _CODE, "What the orders of one purchase have in common."),
    _maybe("marketplace_order_id", _CODE, "The order's id in the marketplace that sold it."),
    _maybe("seller_order_id", _CODE, "The order's id in the selling account."),
    _maybe("origin", _CODE, "Marketplace, Fulfillment or Chain."),
    _maybe("sales_channel", _CODE, "Trade policy under which it was sold."),
    _maybe("created_at", _TIME, "When the customer ordered."),
    _maybe("currency", _CODE, "ISO 4217 code of all amounts."),
    _filled("value_cents", _CENTS, "What the customer pays."),
    _filled("items_cents", _CENTS, "Sum of the items before discounts."),
    _filled("discounts_cents", _CENTS, "Sum of the discounts; zero or negative."),
    _filled("shipping_cents", _CENTS, "Shipping."),
    _filled("tax_cents", _CENTS, "Taxes that VTEX adds to the items."),
    _filled("other_cents", _CENTS, "What VTEX's totals contain beside the four above."),
    _maybe("customer_first_name", Text(), "Personal."),
    _maybe("customer_last_name", Text(), "Personal."),
    _maybe("customer_document_type", _CODE, "Kind of the document, such as cpf."),
    _maybe("customer_document", _CODE, "Personal. The customer's document number."),
    _maybe("customer_email", Text(), "Personal. VTEX's alias for this order, for two months."),
    _maybe("customer_phone", _CODE, "Personal."),
    _filled("customer_is_corporate", Boolean(), "Whether a company bought."),
    _maybe("customer_corporate_name", Text(), "Name of the company."),
    _maybe("customer_corporate_document", _CODE, "Document number of the company, such as a CNPJ."),
    _maybe("ship_kind", _CODE, "residential, pickup, or another word of VTEX's."),
    _maybe("ship_receiver", Text(), "Personal. Who takes the goods."),
    _maybe("ship_postal_code", _CODE, "Personal."),
    _maybe("ship_street", Text(), "Personal."),
    _maybe("ship_number", Text(), "Personal. House number."),
    _maybe("ship_complement", Text(), "Personal. Flat, floor, block."),
    _maybe("ship_neighborhood", Text(), "Personal."),
    _maybe("ship_reference", Text(), "Personal. A landmark that helps to find the place."),
    _maybe("ship_city", Text(), "Personal."),
    _maybe("ship_state", _CODE, "State or province."),
    _maybe("ship_country", _CODE, "ISO 3166 alpha-3 code."),
    _filled("payments", Text(), "JSON list of the means of payment, amounts in value_cents."),
    _filled("document", _BYTES, "VTEX's JSON of the order, byte for byte. Personal."),
    Index("ix_erp_orders_open", "state", "taken_at"),
    comment="Orders from VTEX, one row each.",
)

ERP_ORDER_LINES: Final = Table(
    "erp_order_lines",
    METADATA,
    _key("account", _KEY, "See erp_orders."),
    _key("order_id", _KEY, "See erp_orders."),
    _key("line_index", Integer(), "Position of the line in the order, from 0."),
    _filled("line_id", _CODE, "VTEX's uniqueId of the line."),
    _filled("sku", _CODE, "SKU id in the marketplace."),
    _filled("seller_sku", _CODE, "SKU id in the selling account."),
    _maybe("ref_id", _CODE, "The reference that the store gave the SKU, often the ERP's own key."),
    _filled("name", Text(), "Product name as the customer saw it."),
    _filled("quantity", Integer(), "Pieces, each of unit_multiplier units."),
    _filled("list_price_cents", _CENTS, "List price of a piece."),
    _filled("price_cents", _CENTS, "Price of a piece before discounts."),
    _filled("selling_price_cents", _CENTS, "Price of a piece after discounts, rounded."),
    _filled("total_cents", _CENTS, "The line's total after discounts, as VTEX rounded it."),
    _filled("tax_cents", _CENTS, "Tax that VTEX adds to the line."),
    _maybe("measurement_unit", _CODE, "Unit of the piece, such as un or kg."),
    _filled("unit_multiplier", Float(), "How many units are in a piece."),
    _filled("is_gift", Boolean(), "Whether the line is a gift of a promotion."),
    _maybe("delivery_channel", _CODE, "delivery or pickup-in-point."),
    _maybe("delivery_sla", Text(), "Shipping method that the customer chose."),
    _maybe("delivery_company", Text(), "Carrier."),
    _maybe("delivery_price_cents", _CENTS, "The line's part of the shipping."),
    _maybe("delivery_estimate", _CODE, "Promised term, such as 3bd (three business days)."),
    _maybe("delivery_estimated_at", _TIME, "Promised date."),
    _maybe("pickup_point_id", _CODE, "Pickup point where the customer fetches the line."),
    _maybe("warehouse_id", _CODE, "Warehouse from which VTEX reserved the line."),
    ForeignKeyConstraint(
        ["account", "order_id"],
        ["erp_orders.account", "erp_orders.order_id"],
        name="fk_erp_order_lines_order",
    ),
    comment="Lines of the orders, one row each; the same SKU may stand on several.",
)
