"""The VTEX accounts that sell through this Tryton, and how."""

from trytond.model import ModelSQL, ModelView, Unique, fields
from trytond.pool import Pool

#: What an order has beside its goods, each booked on a product of its own.
CHARGES = ("service", "freight", "discount", "tax", "change", "other", "difference")


def _service_product(label, description):
    """Make the field of a product on which a charge is booked."""
    return fields.Many2One(
        "product.product",
        label,
        required=True,
        domain=[("type", "=", "service"), ("salable", "=", True)],
        help=description,
    )


class Account(ModelSQL, ModelView):
    """A VTEX account."""

    __name__ = "orders_sync.account"

    name = fields.Char("Name", required=True, help="The account's name at VTEX.")
    company = fields.Many2One("company.company", "Company", required=True)
    currency = fields.Many2One(
        "currency.currency",
        "Currency",
        required=True,
        help="Of orders that name none. The others need a currency of their code in Tryton.",
    )
    warehouse = fields.Many2One(
        "stock.location",
        "Warehouse",
        required=True,
        domain=[("type", "=", "warehouse")],
        help="Sells what names no other: a warehouse whose code is that of the line's warehouse "
        "at VTEX goes before it.",
    )
    product_code = fields.Selection(
        [("ref_id", "refId"), ("seller_sku", "sellerSku"), ("sku", "id")],
        "Product Code",
        required=True,
        help="Which field of an item at VTEX is the code of the product here.",
    )
    confirms = fields.Boolean(
        "Confirms", help="Confirm each sale at once; else it waits as a quotation."
    )
    service_product = _service_product("Services", "Services of a line, such as gift wrapping.")
    freight_product = _service_product("Freight", "What the customer pays for the delivery.")
    discount_product = _service_product("Discounts", "Discounts that are in no line.")
    tax_product = _service_product("Taxes", "Taxes that VTEX adds to a line.")
    change_product = _service_product("Changes", "What a change of the order added or took off.")
    other_product = _service_product("Others", "What else VTEX's totals have, such as interest.")
    difference_product = _service_product(
        "Difference", "What is missing to the order's value; marketplaces may differ by right."
    )
    denial = fields.Char(
        "Denial",
        required=True,
        help="What a customer reads who wants to cancel an order that has left.",
    )

    cancellation = fields.Char(
        "Cancellation",
        required=True,
        help="What a customer reads whose order people here cancelled.",
    )

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints.append(
            ("name_unique", Unique(table, table.name), "orders_sync.msg_account_unique")
        )

    @classmethod
    def default_product_code(cls):
        """Return the field that VTEX's own pages recommend for an ERP's code."""
        return "ref_id"

    @classmethod
    def default_confirms(cls):
        """Return that sales are confirmed."""
        return True

    @classmethod
    def default_denial(cls):
        """Return the reason in Portuguese, as most of VTEX's customers read it."""
        return "O pedido já saiu para entrega."

    @classmethod
    def default_cancellation(cls):
        """Return the reason in Portuguese, as above."""
        return "Pedido cancelado pela loja."

    def currency_of(self, code):
        """Return the currency of an order, None where Tryton has none of its code."""
        if not code:
            return self.currency
        Currency = Pool().get("currency.currency")
        currencies = Currency.search([("code", "=", code)], limit=1)
        return currencies[0] if currencies else None

    def charge_product(self, part):
        """Return the product on which a charge is booked."""
        return getattr(self, f"{part}_product")

    def product_of(self, codes):
        """Return the only salable product with the code of an item; None where there is none."""
        code = codes.get(self.product_code)
        if not code:
            return None
        Product = Pool().get("product.product")
        products = Product.search([("code", "=", code), ("salable", "=", True)], limit=2)
        return products[0] if len(products) == 1 else None

    def warehouse_of(self, code):
        """Return the warehouse of a code of VTEX's, or the account's own."""
        if code:
            Location = Pool().get("stock.location")
            places = Location.search([("type", "=", "warehouse"), ("code", "=", code)], limit=1)
            if places:
                return places[0]
        return self.warehouse
