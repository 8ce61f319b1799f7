"""The adapter for Tryton; docs/tryton.md says what becomes of an order there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Final

from orders_sync.domain.commands import Command, Outcome, Page
from orders_sync.erp.base import (
    CancelAnswer,
    ChangeAnswer,
    Decision,
    ErpBase,
    Receipt,
)
from orders_sync.erp.tryton.facts import facts_of
from orders_sync.erp.tryton.server import Login, NoAccess, TrytonServer
from orders_sync.errors import ConfigurationError, ErpRefused, ErpUnavailable, ItemUnmapped

if TYPE_CHECKING:
    from pathlib import Path

    from orders_sync.domain.differences import Changes
    from orders_sync.domain.order import Order
    from orders_sync.erp.base import CommandOutcome

_ORDER: Final = "model.orders_sync.order"
_COMMAND: Final = "model.orders_sync.command"
#: What both sides of the door understand; see `VERSION` in the Tryton module.
_VERSION: Final = 1
_NEEDED: Final = ("url", "database", "user", "password")
_NOWHERE: Final = {0: "\ufffd", **dict.fromkeys(range(0xD800, 0xE000), "\ufffd")}


class TrytonErp(ErpBase):
    """Sells each order in a Tryton database that has the module `orders_sync`.

    Its options are all needed: `url` of the server, `database`, and the `user` and `password` that
    setting it up made. Every question is one call and one transaction there; nothing is kept here.
    """

    answers_at_once: ClassVar[int] = 100
    asks_mapping: ClassVar[bool] = False
    known_options: ClassVar[frozenset[str]] = frozenset(_NEEDED)

    def __init__(self, account: str, options: Mapping[str, Any], home: Path) -> None:
        super().__init__(account, options, home)
        for name in _NEEDED:
            if not isinstance(options.get(name), str) or not options[name]:
                raise ConfigurationError(f"{name} is missing; it needs {', '.join(_NEEDED)}")
        login = Login(options["user"], options["password"])
        self._server = TrytonServer(options["url"], options["database"], login)

    def place_order(self, order: Order) -> Receipt:
        """Sell the order; the receipt is the number of the sale.

        Raises:
            ErpUnavailable: Tryton cannot be reached, or has it tried again.
            ItemUnmapped: no product, or more than one, has the code of an item.
            ErpRefused: Tryton refuses the order.
        """
        return Receipt(self._ask("place", order.order_id, facts_of(order))["receipt"])

    def order_changed(self, order: Order, what: Changes) -> ChangeAnswer:
        """Change the sale to what the order is, unless somebody works on it.

        Raises:
            ErpUnavailable: Tryton cannot be reached, or has it tried again.
            ItemUnmapped: no product, or more than one, has the code of an item.
            ErpRefused: Tryton refuses the order as it is, or does not have it.
        """
        answer = self._ask("change", order.order_id, facts_of(order), what.revision)
        return ChangeAnswer(answer["answer"])

    def cancel_order(self, order_id: str, reason: str) -> CancelAnswer:
        """Cancel the sale with its shipments and invoices, unless goods left or it was invoiced.

        Raises:
            ErpUnavailable: Tryton cannot be reached, or has it tried again.
            ErpRefused: Tryton refuses.
        """
        return CancelAnswer(self._ask("cancel", order_id, _text(reason))["answer"])

    def consider_cancellation(self, order: Order) -> Decision:
        """Agree while nobody works on the order, and deny once it left; else people decide.

        Raises:
            ErpUnavailable: Tryton cannot be reached, or has it tried again.
            ErpRefused: Tryton refuses.
        """
        answer = self._ask("consider", order.order_id)
        match answer["verdict"]:
            case "agree":
                return Decision.agree()
            case "deny":
                return Decision.deny(answer["reason"])
            case _:
                return Decision.undecided()

    def pull(self, cursor: str | None) -> Page[Command]:  # noqa: ARG002 -- what is answered is offered no more
        """Read up to a hundred commands that were not answered, the oldest first.

        Raises:
            ErpUnavailable: Tryton cannot be reached.
        """
        with _working():
            rows = self._server.call(f"{_COMMAND}.pull", self.account)
        commands = [
            Command(row["kind"].strip(), row["order_id"], _body(row["body"]), row["key"])
            for row in rows
        ]
        return Page(rows=commands, cursor=None)

    def answer(self, command: Command, outcome: Outcome) -> None:
        """Write the outcome into the command, where people see it.

        Raises:
            ErpUnavailable: Tryton cannot be reached.
        """
        self.answer_all([(command, outcome)])

    def answer_all(self, answers: Sequence[CommandOutcome]) -> None:
        """Write the outcomes in one transaction; see `answer`.

        Raises:
            ErpUnavailable: Tryton cannot be reached.
        """
        rows = [
            {
                "key": command.key,
                "state": outcome.kind,
                "answer": _text(outcome.reason),
                "receipt": _text(outcome.receipt),
            }
            for command, outcome in answers
            if command.key is not None
        ]
        if rows:
            with _working():
                self._server.call(f"{_COMMAND}.tell", self.account, rows)

    def check(self) -> str | None:
        """Check that the module knows the account; change nothing.

        Raises:
            ErpUnavailable: Tryton cannot be reached.
            ConfigurationError: the user, its rights, the module or the account is missing.
        """
        try:
            look = self._server.call(f"{_ORDER}.look", self.account)
        except NoAccess as error:
            raise ConfigurationError(
                f"{error}; set the database up as docs/tryton.md says, and give its user"
            ) from None
        if look["version"] != _VERSION:
            raise ConfigurationError(
                f"the Tryton module has version {look['version']} of what is asked, and here it "
                f"is {_VERSION}; install both from one release"
            )
        if look["missing"]:
            raise ConfigurationError(f"Tryton knows no VTEX account {self.account}")
        return None

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def _ask(self, question: str, order_id: str, *arguments: Any) -> dict[str, Any]:
        with _working():
            answer: dict[str, Any] = self._server.call(
                f"{_ORDER}.{question}", self.account, order_id, *arguments
            )
        if "refused" in answer:
            raise _refusal(self.account, answer)
        return answer


@contextmanager
def _working() -> Iterator[None]:
    """Raise `ErpUnavailable` for a right that is missing: a person gives it back."""
    try:
        yield
    except NoAccess as error:
        raise ErpUnavailable(f"{error}; orders-sync doctor says more.") from None


def _refusal(account: str, answer: Mapping[str, Any]) -> ErpRefused | ItemUnmapped:
    """Return why Tryton refuses; Tryton's own words are left out, which may be personal."""
    match answer["refused"]:
        case "unmapped":
            return ItemUnmapped(answer["sku"])
        case "quantity":
            return ErpRefused(
                f"SKU {answer['sku']} cannot be sold in such parts of {answer['unit']}.",
                hint="Give the unit more digits in Tryton, then retry the order.",
            )
        case "currency":
            return ErpRefused(
                f"Tryton has no currency {answer['currency']}.",
                hint="Make it in Tryton, with a rate, then retry the order.",
            )
        case "account":
            return ErpRefused(
                f"Tryton knows no VTEX account {account}.",
                hint="Make it in Tryton, Sales > VTEX > Accounts, then retry the order.",
            )
        case "unknown":
            return ErpRefused("Tryton does not have the order.")
        case _:
            return ErpRefused(
                f"Tryton refuses it ({answer.get('kind', answer['refused'])}).",
                hint="Read why in Tryton, Sales > VTEX > Refused Orders, then retry the order.",
                cause="erp.refused",
            )


def _body(text: str | None) -> Any:
    """Read a command's body, and give the text back where it is no JSON."""
    try:
        return json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return text


def _text(text: str | None) -> str | None:
    """Return a text without what no database need hold."""
    return text and text.translate(_NOWHERE)
