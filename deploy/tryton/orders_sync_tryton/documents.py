"""What VTEX is told of Tryton's own documents: invoices, credit notes and parcels."""

from decimal import Decimal

from trytond.model import ModelView, Workflow
from trytond.pool import Pool, PoolMeta
from trytond.transaction import Transaction, without_check_access

_CENT = Decimal("0.01")


class Invoice(metaclass=PoolMeta):
    """VTEX is told of what is invoiced of an order, and of what is credited."""

    __name__ = "account.invoice"

    @classmethod
    def _post(cls, invoices):
        Order = Pool().get("orders_sync.order")
        with without_check_access():
            sold = {invoice: invoice._vtex_lines() for invoice in invoices}
            begun = [
                order.sale for invoice in invoices if invoice.total_amount >= 0
                for order in sold[invoice]
            ]  # fmt: skip
        Order.begin(begun)
        super()._post(invoices)
        with without_check_access():
            for invoice in cls.browse(invoices):
                for order, lines in sold[invoice].items():
                    invoice._tell(order, lines, is_alone=len(sold[invoice]) == 1)
                    order.sale.tell_parcels()

    def _vtex_lines(self):
        """Return the lines that are of orders, with their lines of sales, by order."""
        lines = {}
        for line in self.lines:
            sold = _sold(line)
            sale = sold.sale if sold else None
            order = sale and (sale.vtex_order or getattr(sale.origin, "vtex_order", None))
            if order:
                lines.setdefault(order, []).append((line, sold))
        return lines

    def _tell(self, order, lines, *, is_alone):
        amount = self.total_amount if is_alone else sum(line.amount for line, _ in lines)
        items = [
            sold.vtex_item(abs(line.quantity)) for line, sold in lines if sold.vtex_part == "item"
        ]
        body = {
            "number": self.number,
            "type": "Input" if amount < 0 else "Output",
            "value_cents": int(abs(amount) / _CENT),
        }
        if items:
            body["items"] = items
        Pool().get("orders_sync.command").issue(order, "invoice", body, f"invoice/{self.number}")


class ShipmentOut(metaclass=PoolMeta):
    """Nobody fulfils a cancelled order, and VTEX is told of parcels that leave."""

    __name__ = "stock.shipment.out"

    @property
    def vtex_parcel(self):
        """Return how the first parcel with a number travels; None where none has a number."""
        travels = [(self.shipping_reference, None)]
        travels += [(p.shipping_reference, p.shipping_tracking_url) for p in self.root_packages]
        for number, url in travels:
            if number:
                parcel = {"tracking_number": number}
                if url:
                    parcel["tracking_url"] = url
                if self.carrier:
                    parcel["courier"] = self.carrier.party.name
                return parcel
        return None

    @classmethod
    @ModelView.button
    @Workflow.transition("picked")
    def pick(cls, shipments):
        """Pick what is to be fulfilled."""
        _begin(shipments)
        super().pick(shipments)

    @classmethod
    @ModelView.button
    @Workflow.transition("packed")
    def pack(cls, shipments):
        """Pack what is to be fulfilled."""
        _begin(shipments)
        super().pack(shipments)

    @classmethod
    @ModelView.button
    @Workflow.transition("shipped")
    def ship(cls, shipments):
        """Ship, and tell VTEX."""
        _begin(shipments)
        super().ship(shipments)
        _tell_parcels(shipments)

    @classmethod
    @ModelView.button
    @Workflow.transition("done")
    def do(cls, shipments):
        """End shipments, and tell VTEX."""
        super().do(shipments)
        _tell_parcels(shipments)

    @classmethod
    def on_modification(cls, mode, shipments, field_names=None):
        """Tell VTEX of a tracking number that comes late, or is corrected."""
        super().on_modification(mode, shipments, field_names=field_names)
        if mode == "write" and "shipping_reference" in (field_names or ()):
            _tell_parcels(shipments)


class Package(metaclass=PoolMeta):
    """A parcel's number may come when it has left."""

    __name__ = "stock.package"

    @classmethod
    def on_modification(cls, mode, packages, field_names=None):
        """Tell VTEX of a tracking number that comes late, or is corrected."""
        super().on_modification(mode, packages, field_names=field_names)
        if mode == "write" and "shipping_reference" in (field_names or ()):
            ShipmentOut = Pool().get("stock.shipment.out")
            shipments = {p.shipment for p in packages if isinstance(p.shipment, ShipmentOut)}
            _tell_parcels(list(shipments))


def _sales(shipments):
    """Return the sales of orders that shipments bring."""
    sales = {move.sale for shipment in shipments for move in shipment.outgoing_moves}
    return [sale for sale in sales if sale and sale.vtex_order]


def _begin(shipments):
    with without_check_access():
        sales = _sales(shipments)
    Pool().get("orders_sync.order").begin(sales)


def _tell_parcels(shipments):
    with without_check_access(), Transaction().set_context(_skip_warnings=True):
        for sale in _sales(Pool().get("stock.shipment.out").browse(shipments)):
            sale.tell_parcels()


def _sold(invoice_line):
    """Return the line of a sale that an invoice's line is of, also of one that credits another."""
    pool = Pool()
    origin = invoice_line.origin
    if isinstance(origin, pool.get("account.invoice.line")):
        origin = origin.origin
    return origin if isinstance(origin, pool.get("sale.line")) else None
