"""The staging tables as version 1 of them was: an ERP's own, with rows of its own."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Engine,
    Float,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects.mysql import LONGBLOB

#: Each column with the first letter of its type, `?` where it may be null, `!` in the primary key.
_TABLES: Final = {
    "erp_commands": """
        id:#! account:S order_id:S kind:S16 body:T? invoice_number:S? value_cents:C?
        issued_at:D? access_key:S? invoice_url:T? tracking_number:S? tracking_url:T?
        courier:S? dispatched_at:D? delivered_at:D? reason:T? message:T? command_key:S?
        created_at:D state:S16 answer:T? receipt:T? answered_at:D?
    """,
    "erp_orders": """
        account:S! order_id:S! reference:S511 state:S16 taken_at:D? placed_at:D
        cancelled_at:D? cancel_reason:T? cancellation_requested_at:D?
        cancellation_decision:S16? cancellation_reason:T? status:S? sequence:S? order_group:S?
        marketplace_order_id:S? seller_order_id:S? origin:S? sales_channel:S? created_at:D?
        currency:S? value_cents:C items_cents:C discounts_cents:C shipping_cents:C tax_cents:C
        other_cents:C customer_first_name:T? customer_last_name:T? customer_document_type:S?
        customer_document:S? customer_email:T? customer_phone:S? customer_is_corporate:B
        customer_corporate_name:T? customer_corporate_document:S? ship_kind:S?
        ship_receiver:T? ship_postal_code:S? ship_street:T? ship_number:T? ship_complement:T?
        ship_neighborhood:T? ship_reference:T? ship_city:T? ship_state:S? ship_country:S?
        payments:T document:L
    """,
    "erp_order_lines": """
        account:S! order_id:S! line_index:I! line_id:S sku:S seller_sku:S ref_id:S? name:T
        quantity:I list_price_cents:C price_cents:C selling_price_cents:C total_cents:C
        tax_cents:C measurement_unit:S? unit_multiplier:F is_gift:B delivery_channel:S?
        delivery_sla:T? delivery_company:T? delivery_price_cents:C? delivery_estimate:S?
        delivery_estimated_at:D? pickup_point_id:S? warehouse_id:S?
    """,
}
_TYPES: Final[dict[str, Any]] = {
    "#": BigInteger().with_variant(Integer(), "sqlite"),
    "B": Boolean(),
    "C": BigInteger(),
    "D": DateTime(timezone=True),
    "F": Float(),
    "I": Integer(),
    "L": LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb"),
    "S": String(255),
    "T": Text(),
}


def _column(text: str) -> Column[Any]:
    name, _, kind = text.partition(":")
    flags = kind.lstrip("#BCDFILST0123456789")
    length = kind.strip("#BCDFILST?!")
    return Column(
        name,
        String(int(length)) if length else _TYPES[kind[0]],
        *([Identity()] if kind[0] == "#" else []),
        nullable="?" in flags,
        primary_key="!" in flags,
        autoincrement=kind[0] == "#",
    )


def create_version_1(engine: Engine) -> MetaData:
    """Create the tables, and return what they are."""
    metadata = MetaData()
    for name, columns in _TABLES.items():
        Table(name, metadata, *map(_column, columns.split()))
    metadata.create_all(engine)
    return metadata
