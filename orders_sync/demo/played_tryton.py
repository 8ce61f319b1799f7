"""The ERP of a demo as Tryton: its people ship and invoice there, and write commands."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from orders_sync.demo.records import AskedCommand, CommandAnswer, ErpOrder, SoldLine
from orders_sync.demo.scenarios import DraftCommand
from orders_sync.erp.staging_commands import as_command
from orders_sync.erp.staging_tables import ERP_COMMANDS
from orders_sync.erp.tryton.server import Login, NoAccess, TrytonServer
from orders_sync.errors import ErpUnavailable

_ORDER: Final = "orders_sync.order"
_COMMAND: Final = "orders_sync.command"
_SHIPMENT: Final = "stock.shipment.out"
_BY_INVOICE: Final = frozenset({"invoice", "track"})
_NO_WORDS: Final = dict.fromkeys((column.name for column in ERP_COMMANDS.columns), None)
_PATIENCE_SECONDS: Final = 300.0
_AGAIN_SECONDS: Final = 0.2
_ITEM: Final = frozenset({"item", "rounding"})

_LINE_FIELDS: Final = [
    "sale", "amount", "vtex_part", "vtex_index", "vtex_line", "vtex_sku", "vtex_pieces",
]  # fmt: skip


class PlayedTryton:
    """Does in Tryton what is wanted of an ERP; see `PlayedStaging`.

    An order that is to be invoiced whole is, by posting its invoice and shipping its goods, and one
    that is to be cancelled is, by its form; what VTEX is told of these Tryton finds by itself. All
    other drafts are written as commands.
    """

    def __init__(self, clerk: TrytonClerk, account: str) -> None:
        self._clerk = clerk
        self._account = account
        self._sold: dict[str, SoldOrder] = {}
        self._taken: set[str] = set()
        self._late: dict[str, list[DraftCommand]] = {}
        self.asked: list[AskedCommand] = []

    def new_orders(self, known: Collection[str]) -> list[ErpOrder]:
        """Look for orders that nobody has begun with, the oldest first, but for `known`."""
        orders = self._clerk.orders(self._account, {*known, *self._taken})
        self._sold.update({sold.order.order_id: sold for sold in orders})
        return [sold.order for sold in orders if sold.order.state == "placed"]

    def take(self, order: ErpOrder, drafts: Sequence[DraftCommand]) -> None:
        """Do what is wanted for an order; nothing if it was cancelled meanwhile."""
        sold = self._sold[order.order_id]
        self._taken.add(order.order_id)
        if [draft.asked.kind for draft in drafts] == ["cancel"]:
            self._withdraw(sold, drafts[0].asked)
        elif self._clerk.take_up(sold.row):
            if _is_plain(drafts):
                drafts = self._invoice_and_ship(sold, drafts)
            for draft in drafts:
                if not draft.is_late:
                    self._write(sold, draft)
            late = [draft for draft in drafts if draft.is_late]
            if late:
                self._late[order.order_id] = late

    def tend(self) -> None:
        """Write what waited for an order's other commands, where those are done."""
        if not self._late:
            return
        rows = {self._sold[order_id].row: order_id for order_id in self._late}
        states: defaultdict[str, set[str]] = defaultdict(set)
        for command in self._clerk.commands(self._account, rows):
            states[rows[command.order]].add(command.state)
        for order_id in [late for late in self._late if states[late] == {"done"}]:
            for draft in self._late.pop(order_id):
                self._write(self._sold[order_id], draft)

    @property
    def answered(self) -> int:
        """How many commands are done or refused."""
        return self._clerk.answered(self._account)

    @property
    def is_answered(self) -> bool:
        """Whether all that it asked for was answered."""
        return not self._late and self.answered == len(self.asked)

    def answers(self) -> dict[int, CommandAnswer]:
        """Read the answers, by row."""
        commands = self._clerk.commands(self._account)
        return {command.row: CommandAnswer(command.state, command.answer) for command in commands}

    def orders(self) -> tuple[ErpOrder, ...]:
        """Read every order that it was given; one that was cancelled before it came has no sale."""
        return tuple(sold.order for sold in self._clerk.orders(self._account))

    def close(self) -> None:
        """Close the connections."""
        self._clerk.close()

    def _withdraw(self, sold: SoldOrder, asked: AskedCommand) -> None:
        self._clerk.withdraw(sold.row)
        for command in self._clerk.commands(self._account, [sold.row]):
            self.asked.append(replace(asked, words=None, row=command.row))

    def _invoice_and_ship(
        self, sold: SoldOrder, drafts: Sequence[DraftCommand]
    ) -> list[DraftCommand]:
        """Post the invoice and ship the goods; return what is left to be written."""
        [invoice] = [draft for draft in drafts if draft.asked.kind == "invoice"]
        tracking = [draft for draft in drafts if draft.asked.kind == "track"]
        code = next(filter(None, (draft.asked.tracking_number for draft in tracking)), None)
        number = self._clerk.invoice(sold.sale)
        self._clerk.ship(sold.sale, code or number)
        facts = {
            "invoice": replace(invoice.asked, number=number),
            "track": AskedCommand(sold.order.order_id, "track", number, tracking_number=code),
        }
        for command in self._clerk.commands(self._account, [sold.row]):
            self.asked.append(replace(facts[command.kind], row=command.row))
        return [
            DraftCommand(
                replace(draft.asked, number=number),
                {**draft.columns, "invoice_number": number},
                draft.is_late,
            )
            for draft in tracking
        ]

    def _write(self, sold: SoldOrder, draft: DraftCommand) -> None:
        order_id, kind = draft.asked.order_id, draft.asked.kind
        row = {**_NO_WORDS, **draft.columns, "id": 0, "order_id": order_id, "kind": kind}
        body = as_command(row).body
        written = body if isinstance(body, str) else json.dumps(body)
        number = self._clerk.command(sold.row, kind, written)
        self.asked.append(replace(draft.asked, row=number))


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


def _is_plain(drafts: Sequence[DraftCommand]) -> bool:
    """Check whether an order is to be invoiced whole, and its parcel tracked, and no more."""
    invoices = [draft for draft in drafts if draft.asked.kind == "invoice"]
    columns = invoices[0].columns if len(invoices) == 1 else {"body": "several"}
    return (
        {draft.asked.kind for draft in drafts} == _BY_INVOICE
        and not any(columns.get(name) for name in ("body", "value_cents", "courier"))
        and not any(draft.asked.is_impossible or draft.asked.is_superseded for draft in drafts)
        and not any(draft.asked.is_return for draft in drafts)
    )


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


def _goods(lines: Sequence[Mapping[str, Any]]) -> Iterable[SoldLine]:
    sums: defaultdict[tuple[str, int], int] = defaultdict(int)
    for line in lines:
        part = "item" if line["vtex_part"] in _ITEM else line["vtex_part"]
        sums[part, line["vtex_index"]] += _cents(line["amount"])
    for line in lines:
        if line["vtex_part"] == "item":
            index = line["vtex_index"]
            yield SoldLine(
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
