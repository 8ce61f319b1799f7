"""The ERP of a demo as Tryton: its people ship and invoice there, and write commands."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from orders_sync.demo.records import Answer, AskedCommand, ErpOrder
from orders_sync.demo.tryton_clerk import SoldOrder, TrytonClerk
from orders_sync.demo.wishes import Wish
from orders_sync.erp.staging_commands import as_command
from orders_sync.erp.staging_tables import ERP_COMMANDS

_BY_INVOICE: Final = frozenset({"invoice", "track"})
_NO_WORDS: Final = dict.fromkeys((column.name for column in ERP_COMMANDS.columns), None)


class PlayedTryton:
    """Does in Tryton what is wanted of an ERP; see `PlayedErp`.

    An order that is to be invoiced whole is, by posting its invoice and shipping its goods, and one
    that is to be cancelled is, by its form; what VTEX is told of these Tryton finds by itself. All
    other wishes are written as commands.
    """

    def __init__(self, clerk: TrytonClerk, account: str) -> None:
        self._clerk = clerk
        self._account = account
        self._sold: dict[str, SoldOrder] = {}
        self._taken: set[str] = set()
        self._late: dict[str, list[Wish]] = {}
        self.asked: list[AskedCommand] = []

    def new_orders(self, known: Collection[str]) -> list[ErpOrder]:
        """Look for orders that nobody has begun with, the oldest first, but for `known`."""
        orders = self._clerk.orders(self._account, {*known, *self._taken})
        self._sold.update({sold.order.order_id: sold for sold in orders})
        return [sold.order for sold in orders if sold.order.state == "placed"]

    def take(self, order: ErpOrder, wishes: Sequence[Wish]) -> None:
        """Do what is wanted for an order; nothing if it was cancelled meanwhile."""
        sold = self._sold[order.order_id]
        self._taken.add(order.order_id)
        if [wish.asked.kind for wish in wishes] == ["cancel"]:
            self._withdraw(sold, wishes[0].asked)
        elif self._clerk.take_up(sold.row):
            if _is_plain(wishes):
                wishes = self._invoice_and_ship(sold, wishes)
            for wish in wishes:
                if not wish.is_late:
                    self._write(sold, wish)
            late = [wish for wish in wishes if wish.is_late]
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
            for wish in self._late.pop(order_id):
                self._write(self._sold[order_id], wish)

    @property
    def answered(self) -> int:
        """How many commands are done or refused."""
        return self._clerk.answered(self._account)

    @property
    def is_content(self) -> bool:
        """Whether all that it asked for was answered."""
        return not self._late and self.answered == len(self.asked)

    def answers(self) -> dict[int, Answer]:
        """Read the answers, by row."""
        commands = self._clerk.commands(self._account)
        return {command.row: Answer(command.state, command.answer) for command in commands}

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

    def _invoice_and_ship(self, sold: SoldOrder, wishes: Sequence[Wish]) -> list[Wish]:
        """Post the invoice and ship the goods; return what is left to be written."""
        [invoice] = [wish for wish in wishes if wish.asked.kind == "invoice"]
        tracking = [wish for wish in wishes if wish.asked.kind == "track"]
        code = next(filter(None, (wish.asked.tracking_number for wish in tracking)), None)
        number = self._clerk.invoice(sold.sale)
        self._clerk.ship(sold.sale, code or number)
        facts = {
            "invoice": replace(invoice.asked, number=number),
            "track": AskedCommand(sold.order.order_id, "track", number, tracking_number=code),
        }
        for command in self._clerk.commands(self._account, [sold.row]):
            self.asked.append(replace(facts[command.kind], row=command.row))
        return [
            Wish(
                replace(wish.asked, number=number),
                {**wish.columns, "invoice_number": number},
                wish.is_late,
            )
            for wish in tracking
        ]

    def _write(self, sold: SoldOrder, wish: Wish) -> None:
        order_id, kind = wish.asked.order_id, wish.asked.kind
        row = {**_NO_WORDS, **wish.columns, "id": 0, "order_id": order_id, "kind": kind}
        body = as_command(row).body
        written = body if isinstance(body, str) else json.dumps(body)
        number = self._clerk.command(sold.row, kind, written)
        self.asked.append(replace(wish.asked, row=number))


def _is_plain(wishes: Sequence[Wish]) -> bool:
    """Check whether an order is to be invoiced whole, and its parcel tracked, and no more."""
    invoices = [wish for wish in wishes if wish.asked.kind == "invoice"]
    columns = invoices[0].columns if len(invoices) == 1 else {"body": "several"}
    return (
        {wish.asked.kind for wish in wishes} == _BY_INVOICE
        and not any(columns.get(name) for name in ("body", "value_cents", "courier"))
        and not any(wish.asked.is_impossible or wish.asked.is_superseded for wish in wishes)
        and not any(wish.asked.is_return for wish in wishes)
    )
