"""The tables of the staging ERP, each column with what an ERP needs to know about it.

`docs/staging-tables.md` says the same for the ERP's developers; a test keeps the two in step.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    column,
    func,
)
from sqlalchemy.dialects.mysql import LONGBLOB, LONGTEXT
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

METADATA: Final = MetaData()

#: Of these tables: 1 had no components, services, addresses of lines and reckoning, 2 no revisions.
VERSION: Final = 3

_KEY = String(255)
_CODE = String(255)
_CENTS = BigInteger()
_TIME = DateTime(timezone=True)
_ID = BigInteger().with_variant(Integer(), "sqlite")
#: JSON is of no use when it is cut; MySQL's TEXT ends at 64 KiB.
_JSON = Text().with_variant(LONGTEXT(), "mysql", "mariadb")
_BYTES = LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb")


def _filled(name: str, kind: TypeEngine[Any], comment: str) -> Column[Any]:
    return Column(name, kind, nullable=False, comment=comment)


def _maybe(name: str, kind: TypeEngine[Any], comment: str) -> Column[Any]:
    return Column(name, kind, nullable=True, comment=comment)


def _address(prefix: str, about: str, *, house_number: str) -> list[Column[Any]]:
    """Make the columns of an address; null where VTEX names none."""
    return [
        _maybe(f"{prefix}_kind", _CODE, f"{about} residential, pickup, or another word of VTEX's."),
        _maybe(f"{prefix}_receiver", Text(), "Personal. Who takes it."),
        _maybe(f"{prefix}_postal_code", _CODE, "Personal."),
        _maybe(f"{prefix}_street", Text(), "Personal."),
        _maybe(house_number, Text(), "Personal. House number."),
        _maybe(f"{prefix}_complement", Text(), "Personal. Flat, floor, block."),
        _maybe(f"{prefix}_neighborhood", Text(), "Personal."),
        _maybe(f"{prefix}_reference", Text(), "Personal. A landmark that helps to find the place."),
        _maybe(f"{prefix}_city", Text(), "Personal."),
        _maybe(f"{prefix}_state", _CODE, "State or province."),
        _maybe(f"{prefix}_country", _CODE, "ISO 3166 alpha-3 code."),
    ]


def _key(name: str, kind: TypeEngine[Any], comment: str) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False, comment=comment)


def _given(
    name: str, kind: TypeEngine[Any], default: str | FunctionElement[Any], comment: str
) -> Column[Any]:
    return Column(name, kind, nullable=False, server_default=default, comment=comment)


def _one_of(table: str, name: str, *words: str) -> CheckConstraint:
    return CheckConstraint(column(name).in_(words), name=f"ck_{table}_{name}")


def _python_time(table: str, name: str) -> CheckConstraint:
    """Keep out times that no driver can read, such as PostgreSQL's infinity."""
    first, last = datetime(1900, 1, 1), datetime(9999, 12, 30)  # noqa: DTZ001 -- the column's zone
    return CheckConstraint(column(name, _TIME).between(first, last), name=f"ck_{table}_{name}")


ERP_ORDERS: Final = Table(
    "erp_orders",
    METADATA,
    _key("account", _KEY, "VTEX account that the order belongs to."),
    _key("order_id", _KEY, "VTEX's orderId."),
    _filled(
        "reference", String(511), "Receipt given for the order: account/order_id. Not changed."
    ),
    _filled("state", String(16), "new, cancelling or cancelled. Written by orders_sync only."),
    _maybe("taken_at", _TIME, "When the ERP took the order over. Written by the ERP only."),
    _filled(
        "placed_at",
        _TIME,
        "When orders_sync wrote the order, or its cancellation if that came first.",
    ),
    _maybe("cancelled_at", _TIME, "When orders_sync cancelled the order."),
    _maybe("cancel_reason", Text(), "Why it was cancelled, in VTEX's words."),
    _maybe(
        "cancellation_requested_at", _TIME, "When orders_sync first asked: may it be cancelled?"
    ),
    _maybe("cancellation_decision", String(16), "agree or deny. Written by the ERP."),
    _maybe(
        "cancellation_reason", Text(), "Why it is denied, for the customer. Written by the ERP."
    ),
    _maybe(
        "status",
        _CODE,
        "VTEX's status when the order was written; null if it was cancelled before.",
    ),
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
    _filled("other_cents", _CENTS, "What VTEX's totals contain beside the four above and Change."),
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
    _filled("payments", _JSON, "JSON list of the means of payment, amounts in value_cents."),
    _filled("document", _BYTES, "VTEX's JSON of the order, byte for byte. Personal."),
    _maybe("lines_cents", _CENTS, "Reckoning: the lines' total_cents together."),
    _maybe("services_cents", _CENTS, "Reckoning: services sold with the lines (bundleItems)."),
    _maybe("freight_cents", _CENTS, "Reckoning: the freight, before discounts of it."),
    _maybe("beside_cents", _CENTS, "Reckoning: discounts that are in no line, of the freight."),
    _maybe("line_taxes_cents", _CENTS, "Reckoning: the lines' tax_cents together."),
    _maybe("changes_cents", _CENTS, "Reckoning: what changes added or took beside the lines."),
    _maybe("difference_cents", _CENTS, "Reckoning: value_cents less all of it; 0 if it adds up."),
    _maybe(
        "difference_reason",
        _CODE,
        "Likely reason: rounding, marketplace, tax, change, items or totals; null if it adds up.",
    ),
    _maybe("destinations", Integer(), "To how many places the lines go; see erp_order_lines."),
    _maybe("customer_trade_name", Text(), "Trade name of the company (tradeName)."),
    _maybe(
        "customer_state_inscription",
        _CODE,
        "The company's number at its state's tax office (stateInscription).",
    ),
    _maybe("customer_corporate_phone", _CODE, "Telephone of the company (corporatePhone)."),
    _maybe("customer_class", _CODE, "The store's class of the customer (customerClass)."),
    _maybe("customer_code", _CODE, "The store's code of the customer (customerCode)."),
    *_address(
        "invoice",
        "Where the invoice goes (invoiceData.address):",
        house_number="invoice_house_number",
    ),
    _maybe("remark", Text(), "Personal. The customer's remark (openTextField)."),
    _maybe("custom_data", _JSON, "Personal. JSON object of the store's own fields (customData)."),
    _maybe(
        "revision",
        Integer(),
        "Of this row and its lines: 1 as handed over, higher after each change; null is 1.",
    ),
    _maybe("changed_at", _TIME, "When orders_sync wrote the latest revision; null for the first."),
    _maybe(
        "takes_changes",
        Boolean(),
        "Whether the order may still change; null: until it is taken. Written by the ERP.",
    ),
    _maybe("taken_revision", Integer(), "The revision that the ERP goes by. Written by the ERP."),
    Index("ix_erp_orders_open", "state", "taken_at"),
    Index("ix_erp_orders_cancellation", "cancellation_requested_at"),
    _one_of("erp_orders", "cancellation_decision", "agree", "deny"),
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
    _filled("list_price_cents", _CENTS, "List price of a piece, rounded."),
    _filled("price_cents", _CENTS, "Price of a piece before discounts, rounded."),
    _filled("selling_price_cents", _CENTS, "Price of a piece after discounts, rounded."),
    _filled("total_cents", _CENTS, "The line's total after discounts, as VTEX rounded it."),
    _filled("tax_cents", _CENTS, "Tax of all pieces of the line, on top of total_cents."),
    _maybe("measurement_unit", _CODE, "Unit of the piece, such as un or kg."),
    _filled("unit_multiplier", Float(), "How many units are in a piece."),
    _filled("is_gift", Boolean(), "Whether the line is a gift of a promotion."),
    _maybe("delivery_channel", _CODE, "delivery or pickup-in-point."),
    _maybe("delivery_sla", Text(), "Shipping method that the customer chose."),
    _maybe("delivery_company", Text(), "Carrier."),
    _maybe("delivery_price_cents", _CENTS, "The line's part of the freight, after discounts."),
    _maybe("delivery_estimate", _CODE, "Promised term, such as 3bd (three business days)."),
    _maybe("delivery_estimated_at", _TIME, "Promised date."),
    _maybe("pickup_point_id", _CODE, "Pickup point where the customer fetches the line."),
    _maybe("warehouse_id", _CODE, "Warehouse from which VTEX reserved the line."),
    _maybe(
        "unit_list_price_cents", _CENTS, "List price of one measurement_unit, such as a kilogram."
    ),
    _maybe("unit_price_cents", _CENTS, "Price of one measurement_unit, before discounts."),
    _maybe("delivery_from", _TIME, "Scheduled delivery: from when (deliveryWindow.startDateUtc)."),
    _maybe("delivery_until", _TIME, "Scheduled delivery: until when (deliveryWindow.endDateUtc)."),
    _maybe("dock_id", _CODE, "Loading dock that serves the line (deliveryIds.dockId)."),
    _maybe("courier_id", _CODE, "VTEX's id of the carrier (deliveryIds.courierId)."),
    _maybe("courier_name", Text(), "VTEX's name of the carrier (deliveryIds.courierName)."),
    _maybe("sources", _JSON, "JSON list of all that serve the line (deliveryIds); see below."),
    *_address("ship", "Where this line goes (logisticsInfo):", house_number="ship_number"),
    ForeignKeyConstraint(
        ["account", "order_id"],
        ["erp_orders.account", "erp_orders.order_id"],
        name="fk_erp_order_lines_order",
    ),
    comment="Lines of the orders, one row each; the same SKU may stand on several.",
)

# These name their lines by no foreign key: it would stop an ERP that deletes lines without them,
# and MySQL refuses one to a table of another encoding.
ERP_ORDER_COMPONENTS: Final = Table(
    "erp_order_components",
    METADATA,
    _key("account", _KEY, "See erp_orders."),
    _key("order_id", _KEY, "See erp_orders."),
    _key("line_index", Integer(), "The kit's line; see erp_order_lines."),
    _key("component_index", Integer(), "Position of the component in the kit, from 0."),
    _filled("line_id", _CODE, "VTEX's uniqueId of the line."),
    _filled("unique_id", _CODE, "VTEX's uniqueId of the component; may be empty."),
    _filled("sku", _CODE, "SKU id in the marketplace."),
    _filled("seller_sku", _CODE, "SKU id in the selling account."),
    _maybe("ref_id", _CODE, "The reference that the store gave the SKU."),
    _filled("name", Text(), "Product name."),
    _filled("quantity", Integer(), "Pieces in one piece of the line, as VTEX writes it."),
    comment="What is in a line that is a kit, one row each.",
)

ERP_ORDER_SERVICES: Final = Table(
    "erp_order_services",
    METADATA,
    _key("account", _KEY, "See erp_orders."),
    _key("order_id", _KEY, "See erp_orders."),
    _key("line_index", Integer(), "The line that it was sold with; see erp_order_lines."),
    _key("service_index", Integer(), "Position of the service in the line, from 0."),
    _filled("line_id", _CODE, "VTEX's uniqueId of the line."),
    _filled("service_id", _CODE, "VTEX's id of the service."),
    _filled("name", Text(), "Name as the customer saw it."),
    _maybe("kind", _CODE, "VTEX's word for its kind."),
    _filled("quantity", Integer(), "How many were sold."),
    _filled("price_cents", _CENTS, "Price of one."),
    _filled("total_cents", _CENTS, "Price of all, beside the line's total; 0 if is_in_line."),
    _maybe("is_in_line", Boolean(), "Whether the line's total has its price already."),
    comment="Services sold with a line, such as gift wrapping or a warranty, one row each.",
)

ERP_ORDER_CHANGES: Final = Table(
    "erp_order_changes",
    METADATA,
    _key("account", _KEY, "See erp_orders."),
    _key("order_id", _KEY, "See erp_orders."),
    _key("revision", Integer(), "The revision that brought the change."),
    _key("change_index", Integer(), "Position of the change in the revision, from 0."),
    _filled(
        "what",
        _CODE,
        "line, value, or a part of a delivery or a payment, such as carrier or payment value.",
    ),
    _maybe("line_index", Integer(), "The line, as it is; of one that is gone, as it was."),
    _maybe("line_id", _CODE, "VTEX's uniqueId of the line; may be empty."),
    _maybe("sku", _CODE, "SKU id in the marketplace."),
    _maybe("quantity_before", Integer(), "The line's pieces before; null for a new line."),
    _maybe("quantity_after", Integer(), "The line's pieces; null for a line that is gone."),
    _maybe("multiplier_before", Float(), "Units in a piece of the line before."),
    _maybe("multiplier_after", Float(), "Units in a piece of the line."),
    _maybe("total_before_cents", _CENTS, "The line's total before, or the order's value."),
    _maybe("total_after_cents", _CENTS, "The line's total, or the order's value."),
    _maybe("text_before", Text(), "What it was, of other parts; null for an address."),
    _maybe("text_after", Text(), "What it is, of other parts; null for an address."),
    comment="What each revision of an order changed, one row each.",
)

ERP_SCHEMA: Final = Table(
    "erp_schema",
    METADATA,
    _key("version", Integer(), "Version of these tables."),
    _filled("applied_at", _TIME, "When the database got it."),
    comment="Versions that these tables have had, one row each. Left to orders_sync.",
)

ERP_COMMANDS: Final = Table(
    "erp_commands",
    METADATA,
    Column(
        "id", _ID, Identity(), primary_key=True, comment="Number of the row. Left to the database."
    ),
    _filled("account", _KEY, "VTEX account that the order belongs to."),
    _filled("order_id", _KEY, "VTEX's orderId."),
    _filled("kind", String(16), "invoice, track, cancel, change, deny, note or sync."),
    _maybe("body", _JSON, "JSON object with the fields that have no column."),
    _maybe("invoice_number", _CODE, "The invoice's number; for track, the invoice it belongs to."),
    _maybe("value_cents", _CENTS, "The invoice's value, with freight and taxes."),
    _maybe("issued_at", _TIME, "When the invoice was issued."),
    _maybe("access_key", _CODE, "Key of the invoice at the tax office, such as Brazil's NF-e key."),
    _maybe("invoice_url", Text(), "Where the invoice can be read."),
    _maybe("tracking_number", _CODE, "The carrier's number of the package."),
    _maybe("tracking_url", Text(), "Where the package can be followed."),
    _maybe("courier", _CODE, "The carrier's name."),
    _maybe("dispatched_at", _TIME, "When the package left."),
    _maybe("delivered_at", _TIME, "When the package arrived; makes it delivered."),
    _maybe("reason", Text(), "Why it is cancelled, changed or denied; the customer may read it."),
    _maybe("message", Text(), "The note's text."),
    _maybe("command_key", _KEY, "The ERP's own key of the command; erp- and the id where null."),
    _given("created_at", _TIME, func.current_timestamp(), "When the row was written."),
    _given(
        "state", String(16), "new", "new, accepted, parked, done or refused. Left to orders_sync."
    ),
    _maybe("answer", Text(), "Why it is parked or refused, in VTEX's words if VTEX refused."),
    _maybe("receipt", Text(), "VTEX's receipt, once it is done."),
    _maybe("answered_at", _TIME, "When the state was last changed."),
    Index("ix_erp_commands_new", "account", "state", "id"),
    # SQL Server counts two nulls as equal.
    Index(
        "uq_erp_commands_key",
        "account",
        "command_key",
        unique=True,
        mssql_where=column("command_key").is_not(None),
    ),
    _one_of("erp_commands", "state", "new", "accepted", "parked", "done", "refused"),
    # These keys are made from ids.
    CheckConstraint("command_key NOT LIKE 'erp-%'", name="ck_erp_commands_command_key"),
    _python_time("erp_commands", "issued_at"),
    _python_time("erp_commands", "dispatched_at"),
    _python_time("erp_commands", "delivered_at"),
    comment="What the ERP wants VTEX to know, one row each.",
    sqlite_autoincrement=True,  # An id of a deleted row is not given again: keys are made from it.
)
