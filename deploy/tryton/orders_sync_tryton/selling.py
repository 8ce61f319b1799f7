"""An order as a sale of its value, and how that sale changes and ends."""

from datetime import date
from decimal import Decimal

from trytond.model import ModelView, Workflow, fields
from trytond.modules.product import price_digits
from trytond.pool import Pool, PoolMeta
from trytond.transaction import Transaction, without_check_access

from orders_sync_tryton.account import CHARGES
from orders_sync_tryton.order import Refused

_CENT = Decimal("0.01")
_LEFT = frozenset({"shipped", "done"})
_POSTED = frozenset({"posted", "paid"})
_UNPROCESSED = frozenset({"draft", "quotation", "confirmed"})


class Sale(metaclass=PoolMeta):
    """A sale that may be an order of VTEX's."""

    __name__ = "sale.sale"

    vtex_order = fields.Function(
        fields.Many2One("orders_sync.order", "VTEX Order"), "get_vtex_order"
    )

    @classmethod
    def get_vtex_order(cls, sales, name):
        """Return the order of each sale, None where it is of no order."""
        Order = Pool().get("orders_sync.order")
        with without_check_access():
            rows = Order.search([("sale", "in", [sale.id for sale in sales])])
        orders = {row.sale.id: row.id for row in rows}
        return {sale.id: orders.get(sale.id) for sale in sales}

    @property
    def has_left(self):
        """Whether goods of it are on their way, or an invoice was issued."""
        return any(shipment.state in _LEFT for shipment in self.shipments) or any(
            invoice.state in _POSTED for invoice in self.invoices
        )

    @classmethod
    def sell(cls, account, order_id, facts):
        """Make the sale of an order, of its value to the cent."""
        sale = cls(company=account.company, reference=order_id)
        sale._fill(account, facts)
        sale._offer(account)
        return sale

    def sell_again(self, account, facts):
        """Have a sale with which nobody has begun as its order is by this time.

        Shipments and invoices of it are drafts; they are deleted, and made anew.
        """
        self._withdraw(delete=True)
        sale = type(self)(self.id)
        self.write([sale], {"state": "draft", **_NO_CACHE})
        Pool().get("sale.line").delete(sale.lines)
        sale = type(self)(self.id)
        sale._fill(account, facts)
        sale._offer(account)

    def undo(self):
        """Cancel a sale of which nothing has left, with its shipments and invoices.

        Its shipments' and invoices' exceptions are handled: nobody is asked to make them anew.
        """
        if self.state == "cancelled":
            return
        self._withdraw(delete=False)
        cls, Line = type(self), Pool().get("sale.line")
        sale = cls(self.id)
        for line in sale.lines:
            moves = [move.id for move in line.moves if move.state == "cancelled"]
            if moves:
                Line.write([line], {"moves_ignored": [("add", moves)]})
        invoices = [invoice.id for invoice in sale.invoices if invoice.state == "cancelled"]
        cls.write([sale], {"invoices_ignored": [("add", invoices)]})
        if sale.state not in _UNPROCESSED:
            cls._process_invoice_fulfillment_states([cls(self.id)])
        cls.store_cache([cls(self.id)])
        cls.write([cls(self.id)], {"state": "cancelled"})

    @classmethod
    @ModelView.button
    @Workflow.transition("cancelled")
    def cancel(cls, sales):
        """Cancel sales, and have VTEX cancel their orders."""
        super().cancel(sales)
        Pool().get("orders_sync.order").give_up(sales)

    @classmethod
    @ModelView.button
    @Workflow.transition("draft")
    def draft(cls, sales):
        """Put sales back, but not those whose orders are cancelled."""
        with without_check_access():
            for sale in sales:
                if sale.vtex_order:
                    sale.vtex_order.require_alive()
        super().draft(sales)

    @classmethod
    @Workflow.transition("done")
    def do(cls, sales):
        """End sales; one of which nothing left was cancelled, by its shipments."""
        super().do(sales)
        Pool().get("orders_sync.order").give_up([sale for sale in sales if not sale.has_left])

    def tell_parcels(self):
        """Have VTEX told the tracking numbers of parcels that left and whose invoice is issued."""
        Command, order = Pool().get("orders_sync.command"), self.vtex_order
        for shipment in self.shipments:
            parcel = shipment.vtex_parcel if shipment.state in _LEFT else None
            for invoice in self._invoices_of(shipment) if parcel else ():
                key = f"track/{invoice.number}/{parcel['tracking_number']}"
                body = {"invoice_number": invoice.number, **parcel}
                Command.issue(order, "track", body, key)

    def _invoices_of(self, shipment):
        """Return the issued invoices of what a shipment brings; of all where none is linked."""
        issued = [i for i in self.invoices if i.state in _POSTED and i.total_amount >= 0]
        linked = {
            line.invoice.id
            for move in shipment.outgoing_moves
            for line in move.invoice_lines
            if line.invoice
        }
        return [invoice for invoice in issued if invoice.id in linked] or issued

    def _fill(self, account, facts):
        """Set what the order says; the sale is new, or a draft without lines."""
        pool = Pool()
        Customer = pool.get("orders_sync.customer")
        CustomerAddress = pool.get("orders_sync.customer.address")
        currency = account.currency_of(facts["currency"])
        if currency is None:
            raise Refused("currency", currency=facts["currency"])
        self.party = Customer.party_of(facts["customer"])
        self.lines = ()
        self.on_change_party()
        self.currency = currency
        self.invoice_party = self.shipment_party = None
        self.invoice_address = CustomerAddress.address_of(self.party, facts["invoice_address"])
        self.shipment_address = CustomerAddress.address_of(self.party, facts["address"])
        self.warehouse = account.warehouse_of(facts["warehouse"])
        self.sale_date = date.fromisoformat(facts["sold_on"]) if facts["sold_on"] else None
        self.description = facts["description"]
        self.comment = facts["comment"]
        self.lines = [
            line for line_facts in facts["lines"] for line in _lines(account, currency, line_facts)
        ]

    def _offer(self, account):
        """Save it, number it, and confirm it where that is wanted.

        What Tryton would refuse while it makes shipment and invoice, it refuses at once: nobody
        reads the errors of what is left to its queue.
        """
        cls = type(self)
        self.save()
        cls.quote([self])
        if account.confirms:
            tasks = Transaction().tasks
            before = len(tasks)
            cls.confirm([self])
            if not self.process_after:
                Queue = Pool().get("ir.queue")
                Queue.delete(Queue.browse(tasks[before:]))
                del tasks[before:]
                cls.process([self])

    def _withdraw(self, *, delete):
        """Cancel, or delete, the shipments and invoices; none of them was sent or issued."""
        pool = Pool()
        for Document, documents in (
            (pool.get("stock.shipment.out"), self.shipments),
            (pool.get("account.invoice"), self.invoices),
        ):
            open_ones = [document for document in documents if document.state != "cancelled"]
            if open_ones:
                Document.cancel(open_ones)
            if delete and documents:
                Document.delete(Document.browse(documents))


class SaleLine(metaclass=PoolMeta):
    """A line of a sale knows what of the order it is."""

    __name__ = "sale.line"

    vtex_part = fields.Selection(
        [
            (None, ""),
            ("item", "Item"),
            ("component", "Part of a kit"),
            ("rounding", "Rounding"),
            *((part, part.capitalize()) for part in CHARGES),
        ],
        "VTEX Part",
        readonly=True,
        sort=False,
    )
    vtex_index = fields.Integer("VTEX Index", readonly=True)
    vtex_line = fields.Char("VTEX Line", readonly=True, help="VTEX's uniqueId of the item.")
    vtex_sku = fields.Char("VTEX SKU", readonly=True)
    vtex_pieces = fields.Integer("VTEX Quantity", readonly=True, help="Pieces, as VTEX counts.")

    def vtex_item(self, quantity):
        """Return a part of the line as an invoice at VTEX names it."""
        pieces = Decimal(str(quantity)) * self.vtex_pieces / Decimal(str(self.quantity))
        whole = int(pieces)
        name = {"line_id": self.vtex_line} if self.vtex_line else {"sku": self.vtex_sku}
        # A part of a piece is refused by orders_sync, with the reason.
        return {**name, "quantity": whole if whole == pieces else float(pieces)}


_NO_CACHE = dict.fromkeys(("untaxed_amount_cache", "tax_amount_cache", "total_amount_cache"))


def _lines(account, currency, facts):
    """Yield the lines of a sale for one part of an order, whose amounts are its total."""
    amount = facts["total_cents"] * _CENT
    if facts["part"] != "item":
        product = account.charge_product(facts["part"])
        yield _line(facts, product, product.sale_uom, 1.0, amount)
        return
    product = _product(account, facts)
    unit, quantity = _quantity(product, facts)
    line = _line(facts, product, unit, quantity, amount)
    yield line
    rest = amount - currency.round(Decimal(str(quantity)) * line.unit_price)
    if rest:
        rounding = {**facts, "part": "rounding"}
        product = account.difference_product
        yield _line(rounding, product, product.sale_uom, 1.0, rest)
    if line.product.type == "service":
        for part in facts["components"]:
            part = {**facts, **part, "part": "component"}  # noqa: PLW2901 -- the line's, but for its own
            product = _product(account, part)
            yield _line(part, product, product.sale_uom, float(part["pieces"]), Decimal(0))


def _line(facts, product, unit, quantity, amount):
    Line = Pool().get("sale.line")
    price = (amount / Decimal(str(quantity))).quantize(Decimal(1).scaleb(-price_digits[1]))
    return Line(
        type="line",
        product=product,
        unit=unit,
        quantity=quantity,
        unit_price=price,
        description=facts["name"],
        taxes=(),
        vtex_part=facts["part"],
        vtex_index=facts["index"],
        vtex_line=facts["line_id"],
        vtex_sku=facts["sku"],
        vtex_pieces=facts["pieces"],
    )


def _product(account, facts):
    product = account.product_of(facts["codes"])
    if product is None:
        raise Refused("unmapped", sku=facts["codes"][account.product_code] or facts["sku"])
    return product


def _quantity(product, facts):
    """Return unit and quantity: in VTEX's unit if the product is sold in such, else in pieces."""
    Unit = Pool().get("product.uom")
    unit, quantity = product.sale_uom, float(facts["pieces"])
    same = [
        other
        for other in Unit.search([("category", "=", unit.category.id)])
        if other.symbol.casefold() == (facts["unit"] or "").casefold()
    ]
    if same:
        unit, quantity = same[0], float(facts["units"])
    if unit.round(quantity) != quantity:
        raise Refused("quantity", sku=facts["sku"], unit=unit.symbol)
    return unit, quantity
