"""The ERP of a demo behind HTTP: a receiver with books, and people who call the HTTP API."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import requests

from orders_sync.commands import NAMED
from orders_sync.demo.records import AskedCommand, CommandAnswer, ErpOrder, SoldLine
from orders_sync.demo.scenarios import DraftCommand
from orders_sync.demo.webhook_receiver import open_books
from orders_sync.embedded.broker import free_port
from orders_sync.embedded.home import logs_folder
from orders_sync.embedded.processes import ProcessSpec
from orders_sync.erp.staging_commands import as_command
from orders_sync.erp.staging_tables import ERP_COMMANDS
from orders_sync.listening import is_listening
from orders_sync.signing import new_secret

#: The name of the receiver's process.
RECEIVER: Final = "receiver"

_TIMEOUT_SECONDS: Final = 10
_NO_WORDS: Final = dict.fromkeys((column.name for column in ERP_COMMANDS.columns), None)

_CAME: Final = (
    "SELECT order_id, state, message, placed_at FROM orders "
    "WHERE account = :account AND message IS NOT NULL"
)
_NEW: Final = f"{_CAME} AND state = 'new' AND taken_at IS NULL ORDER BY placed_at, order_id"
_TAKE: Final = (
    "UPDATE orders SET taken_at = unixepoch(), is_open = :is_open WHERE account = :account "
    "AND order_id = :order_id AND state = 'new' AND taken_at IS NULL"
)
_CLOSE: Final = (
    "UPDATE orders SET is_open = FALSE "
    "WHERE account = :account AND order_id = :order_id AND state = 'new'"
)
_CHANGES: Final = (
    "SELECT revision, what FROM changes WHERE account = :account AND order_id = :order_id "
    "ORDER BY rowid"
)


@dataclass(frozen=True, slots=True)
class WebhookSite:
    """Where the receiver of a demo runs; one with a `seed` is a bad one."""

    home: Path
    environment: Mapping[str, str]
    seed: int | None
    port: int
    secret: str

    @classmethod
    def choose(cls, home: Path, environment: Mapping[str, str], seed: int | None) -> WebhookSite:
        """Choose a port and a secret; a receiver that is started again keeps them."""
        return cls(home, environment, seed, free_port(), new_secret())

    @property
    def books(self) -> Path:
        """The receiver's database."""
        return self.home / "receiver.sqlite3"

    def options(self) -> dict[str, Any]:
        """Return what the adapter needs; it waits for half of what a bad receiver is late."""
        return {
            "url": f"http://127.0.0.1:{self.port}/",
            "secret": self.secret,
            "read_seconds": 2,
            "total_seconds": 5,
        }

    def spec(self) -> ProcessSpec:
        """Return the process of the receiver."""
        faults = () if self.seed is None else (f"{self.seed}",)
        return ProcessSpec(
            name=RECEIVER,
            argv=(
                sys.executable,
                "-m",
                "orders_sync.demo.webhook_receiver",
                str(self.books),
                f"{self.port}",
                *faults,
            ),
            log=logs_folder(self.home) / f"{RECEIVER}.log",
            env={**self.environment, "ERP_SECRET": self.secret},
            folder=self.home,
        )

    def answers(self) -> bool:
        """Check whether the receiver listens."""
        return is_listening("127.0.0.1", self.port)


@dataclass(slots=True)
class _Asked:
    """A command on its way to the HTTP API, until that has it or refused it."""

    asked: AskedCommand
    key: str
    path: str
    body: str
    is_accepted: bool = False
    refusal: str | None = None


class PlayedWebhook:
    """Works with what the receiver wrote down, and asks for what it wants by the HTTP API.

    What the API does not take now is sent again, in its order, by `tend`.
    """

    def __init__(self, books: Path, account: str, api_url: str, token: str) -> None:
        self._books = books
        self._account = account
        self._api_url = f"{api_url}/api/v1/accounts/{account}/orders"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"
        self._commands: list[_Asked] = []
        self._late: dict[str, list[DraftCommand]] = {}

    @property
    def asked(self) -> list[AskedCommand]:
        """What it asked for, in the order in which it did."""
        return [command.asked for command in self._commands]

    def new_orders(self, known: Collection[str]) -> list[ErpOrder]:
        """Look for orders that nobody has taken, the oldest first, but for those in `known`."""
        return [order for order in self._read(_NEW) if order.order_id not in known]

    def take(
        self, order: ErpOrder, drafts: Sequence[DraftCommand], *, takes_changes: bool = False
    ) -> bool:
        """Take an order, and ask for what is wanted; False if it was cancelled meanwhile."""
        row = {**self._is(order.order_id), "is_open": takes_changes}
        with open_books(self._books) as books:
            if not books.execute(_TAKE, row).rowcount:
                return False
        for draft in drafts:
            if not draft.is_late:
                self._ask(draft)
        if late := [draft for draft in drafts if draft.is_late]:
            self._late[order.order_id] = late
        return True

    def changes(self, order_id: str) -> tuple[tuple[int, str], ...]:
        """Read what the receiver was told that changed of an order, by revision."""
        with open_books(self._books) as books:
            return tuple(books.execute(_CHANGES, self._is(order_id)))

    def close_order(self, order_id: str, drafts: Sequence[DraftCommand]) -> bool:
        """Take no more changes of an order, and ask for what is wanted; False: not yet."""
        with open_books(self._books) as books:
            if not books.execute(_CLOSE, self._is(order_id)).rowcount:
                return False
        for draft in drafts:
            self._ask(draft)
        return True

    def ask_to_read(self, order_id: str) -> None:
        """Send the command to read an order again from VTEX."""
        self._ask(DraftCommand(AskedCommand(order_id, "sync", is_superseded=True), {}))

    def tend(self) -> None:
        """Send what the API did not take, and what waited for an order's other commands."""
        for command in self._commands:
            if not command.is_accepted and command.refusal is None and not self._send(command):
                return
        answers = self.answers()
        for order_id in list(self._late):
            rows = [asked.row for asked in self.asked if asked.order_id == order_id]
            if all(row in answers and answers[row].state == "done" for row in rows):
                for draft in self._late.pop(order_id):
                    self._ask(draft)

    @property
    def answered(self) -> int:
        """How many commands are done or refused."""
        return sum(answer.state in {"done", "refused"} for answer in self.answers().values())

    @property
    def is_answered(self) -> bool:
        """Whether all that it asked for was answered."""
        return not self._late and self.answered == len(self._commands)

    def answers(self) -> dict[int, CommandAnswer]:
        """Read the answers, by row: what the receiver was told, or the API said at once."""
        with open_books(self._books) as books:
            told = {
                key: CommandAnswer(outcome, reason)
                for key, outcome, reason in books.execute("SELECT * FROM outcomes")
            }
        answers: dict[int, CommandAnswer] = {}
        for row, command in enumerate(self._commands):
            if command.refusal is not None:
                answers[row] = CommandAnswer("refused", command.refusal)
            elif command.key in told:
                answers[row] = told[command.key]
        return answers

    def orders(self) -> tuple[ErpOrder, ...]:
        """Read every order that came to the receiver."""
        orders = self._read(f"{_CAME} ORDER BY order_id")
        return tuple(replace(order, changes=self.changes(order.order_id)) for order in orders)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _is(self, order_id: str) -> dict[str, Any]:
        return {"account": self._account, "order_id": order_id}

    def _read(self, statement: str) -> list[ErpOrder]:
        with open_books(self._books) as books:
            rows = books.execute(statement, {"account": self._account}).fetchall()
        return [_order(*row) for row in rows]

    def _ask(self, draft: DraftCommand) -> None:
        row, order_id, kind = len(self._commands), draft.asked.order_id, draft.asked.kind
        words = {**_NO_WORDS, **draft.columns, "id": row, "order_id": order_id, "kind": kind}
        command = as_command(words)
        collection = NAMED[kind].collection if kind in NAMED else kind
        body = command.body if isinstance(command.body, str) else json.dumps(command.body)
        self._commands.append(
            _Asked(
                replace(draft.asked, row=row),
                command.key or f"erp-{row}",
                f"{quote(order_id, safe='')}/{collection}",
                body,
            )
        )
        if all(earlier.is_accepted or earlier.refusal for earlier in self._commands[:-1]):
            self._send(self._commands[-1])

    def _send(self, command: _Asked) -> bool:
        """Send a command to the API; return whether it is there, or refused for good."""
        try:
            reply = self._session.post(
                f"{self._api_url}/{command.path}",
                data=command.body.encode(),
                headers={"Idempotency-Key": command.key, "Content-Type": "application/json"},
                timeout=_TIMEOUT_SECONDS,
            )
        except requests.RequestException:
            return False
        if reply.ok:
            command.is_accepted = True
        elif reply.status_code < 500 and reply.status_code != 429:
            command.refusal = reply.text
        return reply.ok or command.refusal is not None


def _order(order_id: str, state: str, message: str, placed_at: float) -> ErpOrder:
    """Read an order as the receiver was sent it, with the parts of its value."""
    order = json.loads(message)["data"]["order"]
    reckoning = order["reckoning"]
    return ErpOrder(
        order_id,
        state,
        order["value_cents"],
        tuple(map(_line, order["lines"])),
        placed_at,
        reckoning["freight_cents"],
        reckoning["discounts_cents"],
        reckoning["changes_cents"],
        reckoning["other_cents"],
        reckoning["difference_cents"],
    )


def _line(line: Mapping[str, Any]) -> SoldLine:
    services = (service for service in line["services"] if not service["is_in_line"])
    return SoldLine(
        line["line_id"],
        line["sku"],
        line["quantity"],
        line["total_cents"],
        line["tax_cents"],
        sum(service["quantity"] * service["price_cents"] for service in services),
    )
