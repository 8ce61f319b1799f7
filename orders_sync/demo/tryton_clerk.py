"""People of a store at Tryton: who ships, invoices, cancels and writes commands, by its own API."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from orders_sync.demo.records import ErpOrder, Line
from orders_sync.erp.tryton.server import Login, NoAccess, TrytonServer
from orders_sync.errors import ErpUnavailable

_ORDER: Final = "orders_sync.order"
_COMMAND: Final = "orders_sync.command"
_SHIPMENT: Final = "stock.shipment.out"
_PATIENCE_SECONDS: Final = 300.0
_AGAIN_SECONDS: Final = 0.2
_ITEM: Final = frozenset({"item", "rounding"})
_LINE_FIELDS: Final = [
    "sale", "amount", "vtex_part", "vtex_index", "vtex_line", "vtex_sku", "vtex_pieces",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class SoldOrder:
    """An order with the ids of its row and its sale in Tryton."""

    row: int
    sale: int
    order: ErpOrder


@dataclass(frozen=True, slots=True)
class SaidCommand:
    """A command in Tryton; `order` is the id of its order's row."""

    row: int
    order: int
    kind: str
    state: str
    answer: str | None


class TrytonClerk:
    """A user of Tryton who sells, ships and invoices; see `deploy/tryton`."""

    def __init__(self, url: str, database: str, password: str) -> None:
        self._server = TrytonServer(url, database, Login("clerk", password))
        self._preferences: dict[str, Any] | None = None

    def log_in(self) -> None:
        """Begin a session; the first call does that too, but then there may be work before it."""
        self._context()

    def orders(self, account: str, known: Collection[str] = ()) -> list[SoldOrder]:
        """Read the account's orders, the oldest first, with their lines; but for those in `known`.

        Values and amounts are those of Tryton's own sales, not what it was told.
        """
        domain = [["account.name", "=", account], ["number", "not in", list(known)]]
        fields = ["number", "state", "placed_at", "sale", "sale.total_amount"]
        rows = self._read(_ORDER, domain, fields, order=[["id", "ASC"]])
        sales = [row["sale"] for row in rows if row["sale"]]
        lines: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
        domain = [["sale", "in", sales], ["vtex_part", "!=", None]]
        for line in self._read("sale.line", domain, _LINE_FIELDS, order=[["id", "ASC"]]):
            lines[line["sale"]].append(line)
        return [
            SoldOrder(row["id"], row["sale"] or 0, _order(row, lines[row["sale"] or 0]))
            for row in rows
        ]

    def ship(self, sale: int, tracking_number: str) -> None:
        """Pick, pack and ship what was sold, under a tracking number."""
        shipments = self._of_sale(_SHIPMENT, "moves.sale", sale)
        [carrier] = self._call("carrier", "search", [], 0, 1, None)
        how = {"carrier": carrier, "shipping_reference": tracking_number}
        self._call(_SHIPMENT, "write", shipments, how)
        for step in ("assign_force", "pick", "pack", "ship", "do"):
            self._call(_SHIPMENT, step, shipments)

    def invoice(self, sale: int) -> str:
        """Post the invoice of what was sold; return its number."""
        invoices = self._of_sale("account.invoice", "sales", sale)
        self._call("account.invoice", "post", invoices)
        [row] = self._read("account.invoice", [["id", "in", invoices]], ["number"])
        return str(row["number"])

    def credit(self, sale: int) -> str:
        """Credit what was invoiced, and post the credit note; return its number."""
        invoices = self._of_sale("account.invoice", "sales", sale)
        wizard = "wizard.account.invoice.credit"
        session, start, _ = self._ask(f"{wizard}.create", context=self._context())
        context = {**self._context(), "active_model": "account.invoice", "active_ids": invoices}
        context["active_id"] = invoices[0]
        nothing: dict[str, Any] = {}
        asked = self._ask(f"{wizard}.execute", session, nothing, start, context=context)
        view = asked["view"]
        answers = {view["state"]: {**view["defaults"], "with_refund": False}}
        self._ask(f"{wizard}.execute", session, answers, "credit", context=context)
        [note] = self._read(
            "account.invoice",
            [["lines.origin.invoice", "=", invoices[0], "account.invoice.line"]],
            ["id"],
        )
        self._call("account.invoice", "post", [note["id"]])
        [row] = self._read("account.invoice", [["id", "=", note["id"]]], ["number"])
        return str(row["number"])

    def abandon(self, sale: int) -> None:
        """Cancel the shipments and invoices of a sale, and ignore that they are."""
        shipments = self._of_sale(_SHIPMENT, "moves.sale", sale)
        invoices = self._of_sale("account.invoice", "sales", sale)
        self._call(_SHIPMENT, "cancel", shipments)
        self._call("account.invoice", "cancel", invoices)
        lines = self._read("sale.line", [["sale", "=", sale]], ["moves"])
        for line in lines:
            ignored = {"moves_ignored": [["add", line["moves"]]]}
            self._call("sale.line", "write", [line["id"]], ignored)
        self._call("sale.sale", "write", [sale], {"invoices_ignored": [["add", invoices]]})
        self._call("sale.sale", "process", [sale])

    def decide(self, row: int, decision: str, reason: str) -> None:
        """Decide whether an order may be cancelled."""
        values = {"decision": decision, "decision_reason": reason}
        self._call(_ORDER, "write", [row], values)

    def sales(self, order_id: str) -> int:
        """Count the sales under an order's id."""
        return int(self._call("sale.sale", "search_count", [["reference", "=", order_id]]))

    def states(self, sale: int) -> tuple[str, str, str]:
        """Read the states of a sale, of its invoices and of its shipments."""
        fields = ["state", "invoice_state", "shipment_state"]
        [row] = self._read("sale.sale", [["id", "=", sale]], fields)
        return row["state"], row["invoice_state"], row["shipment_state"]

    def is_to_ship(self, sale: int) -> bool:
        """Tell whether goods of a sale are to be shipped, or may be."""
        alive = ["cancelled", "done"]
        moves = [["sale", "=", sale], ["state", "not in", alive]]
        is_alive = [["id", "=", sale], ["state", "!=", "cancelled"]]
        count = self._call("stock.move", "search_count", moves)
        return bool(count or self._call("sale.sale", "search_count", is_alive))

    def shipped_goods(self, sale: int) -> dict[str, float]:
        """Read how much of each product is shipped, or will be, by its code."""
        domain = [["sale", "=", sale], ["state", "!=", "cancelled"]]
        moves = self._read("stock.move", domain, ["product.code", "quantity"])
        return {move["product."]["code"]: move["quantity"] for move in moves}

    def shipment_address(self, sale: int) -> int:
        """Read where a sale goes, as the id of an address."""
        [row] = self._read("sale.sale", [["id", "=", sale]], ["shipment_address"])
        return int(row["shipment_address"])

    def parties(self, code: str) -> int:
        """Count the parties with an identifier."""
        domain = [["identifiers.code_compact", "=", code]]
        return int(self._call("party.party", "search_count", domain))

    def refusals(self, order_id: str) -> int:
        """Count the reasons that are kept for an order that Tryton refused."""
        return int(self._call("orders_sync.refusal", "search_count", [["number", "=", order_id]]))

    def take_up(self, row: int) -> bool:
        """Begin with an order; False where it was cancelled meanwhile."""
        try:
            self._call(_ORDER, "take_up", [row])
        except NoAccess:
            return False
        return True

    def withdraw(self, row: int) -> None:
        """Cancel an order by the button of its form."""
        self._call(_ORDER, "withdraw", [row])

    def command(self, row: int, kind: str, body: str) -> int:
        """Write a command for an order; return its id."""
        values = {"order": row, "kind": kind, "body": body}
        [written] = self._call(_COMMAND, "create", [values])
        return int(written)

    def commands(self, account: str, rows: Collection[int] | None = None) -> list[SaidCommand]:
        """Read the commands of an account, or of some rows of orders, the oldest first."""
        domain: list[Any] = [["order.account.name", "=", account]]
        if rows is not None:
            domain.append(["order", "in", list(rows)])
        fields = ["order", "kind", "state", "answer"]
        return [
            SaidCommand(row["id"], row["order"], row["kind"], row["state"], row["answer"])
            for row in self._read(_COMMAND, domain, fields, order=[["id", "ASC"]])
        ]

    def answered(self, account: str) -> int:
        """Count the commands of an account that are done or refused."""
        domain = [["order.account.name", "=", account], ["state", "in", ["done", "refused"]]]
        return int(self._call(_COMMAND, "search_count", domain))

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def _ask(self, method: str, *arguments: Any, context: Mapping[str, Any] | None = None) -> Any:
        """Call Tryton, and again while it is busy: SQLite has one writer at a time."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return self._server.call(method, *arguments, context=context)
            except ErpUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_AGAIN_SECONDS)

    def _of_sale(self, model: str, field: str, sale: int) -> list[int]:
        rows = self._read(model, [[field, "=", sale], ["state", "!=", "cancelled"]], ["id"])
        return [row["id"] for row in rows]

    def _read(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str],
        order: Sequence[Any] | None = None,
    ) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = self._call(
            model, "search_read", domain, 0, None, order, fields
        )
        return rows

    def _call(self, model: str, method: str, *arguments: Any) -> Any:
        called = f"model.{model}.{method}"
        return self._ask(called, *arguments, context=self._context())

    def _context(self) -> Mapping[str, Any]:
        """Return what Tryton's own client sends along, such as the company."""
        if self._preferences is None:
            self._preferences = self._ask("model.res.user.get_preferences", True)
        return self._preferences


def _order(row: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> ErpOrder:
    parts: defaultdict[str, int] = defaultdict(int)
    for line in lines:
        parts[line["vtex_part"]] += _cents(line["amount"])
    sale = row["sale."]
    return ErpOrder(
        order_id=row["number"],
        state=row["state"],
        value_cents=_cents(sale["total_amount"]) if sale else 0,
        lines=tuple(_goods(lines)),
        placed_at=_instant(row["placed_at"]),
        freight_cents=parts["freight"],
        beside_cents=parts["discount"],
        changes_cents=parts["change"],
        other_cents=parts["other"],
        difference_cents=parts["difference"],
    )


def _goods(lines: Sequence[Mapping[str, Any]]) -> Iterable[Line]:
    sums: defaultdict[tuple[str, int], int] = defaultdict(int)
    for line in lines:
        part = "item" if line["vtex_part"] in _ITEM else line["vtex_part"]
        sums[part, line["vtex_index"]] += _cents(line["amount"])
    for line in lines:
        if line["vtex_part"] == "item":
            index = line["vtex_index"]
            yield Line(
                line_id=line["vtex_line"] or "",
                sku=line["vtex_sku"],
                quantity=line["vtex_pieces"],
                total_cents=sums["item", index],
                tax_cents=sums["tax", index],
                service_cents=sums["service", index],
            )


def _cents(amount: Any) -> int:
    """Read an amount as Tryton's JSON has it."""
    return int(Decimal(amount["decimal"]) * 100)


def _instant(moment: Mapping[str, Any]) -> float:
    """Read a time as Tryton's JSON has it: in UTC, without saying so."""
    parts = {name: value for name, value in moment.items() if name != "__class__"}
    return datetime(**parts, tzinfo=UTC).timestamp()
