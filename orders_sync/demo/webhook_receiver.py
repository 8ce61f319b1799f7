"""The ERP of a demo as an HTTP endpoint, in a process of its own, with books in SQLite.

Run as `python -m orders_sync.demo.webhook_receiver BOOKS PORT [SEED]`, with ERP_SECRET set. With a
seed it is a bad receiver: what it answers is lost, cut, late or wrong, once it is written.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import uvicorn
from standardwebhooks import Webhook, WebhookVerificationError

from orders_sync.domain.differences import DeliveryPart, PaymentPart
from orders_sync.erp.webhook_messages import Verb
from orders_sync.sandbox.server import AbortableProtocol, cut, read, write
from orders_sync.sandbox.wire import Dropped, Response, json_response
from orders_sync.settings import child_environment

_BUSY_SECONDS: Final = 30

#: Of the calls to a bad receiver, so many are put off, and so many of its replies are spoilt.
_LATER: Final = 0.03
_SPOILT: Final = 0.2
#: A demo's adapter waits for half of this.
_LATE_SECONDS: Final = 4.0

_TABLES: Final = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS orders (
  number INTEGER PRIMARY KEY, account, order_id, state, revision, message, placed_at, taken_at,
  is_open DEFAULT TRUE, UNIQUE (account, order_id));
CREATE TABLE IF NOT EXISTS changes (account, order_id, revision, what);
CREATE TABLE IF NOT EXISTS outcomes (command_key PRIMARY KEY, outcome, reason);
CREATE TABLE IF NOT EXISTS starts (number INTEGER PRIMARY KEY);
"""
_ADD: Final = (
    "INSERT INTO orders (account, order_id, state, revision, message, placed_at) "
    "VALUES (:account, :order_id, :state, 1, :message, :now) ON CONFLICT DO NOTHING"
)
#: Of an order that was cancelled before it came.
_FILL: Final = (
    "UPDATE orders SET message = :message, placed_at = :now "
    "WHERE account = :account AND order_id = :order_id AND message IS NULL"
)
_CHANGE: Final = (
    "UPDATE orders SET message = :message, revision = :revision WHERE account = :account "
    "AND order_id = :order_id AND state = 'new' AND is_open AND revision < :revision"
)
_TOLD: Final = "INSERT INTO changes VALUES (:account, :order_id, :revision, :what)"
#: What was taken is shipped, unless that was agreed to before.
_STOP: Final = (
    "UPDATE orders SET state = :state WHERE account = :account AND order_id = :order_id "
    "AND (state = 'cancelling' OR (state = 'new' AND taken_at IS NULL))"
)
_READ: Final = "SELECT message FROM orders WHERE account = :account AND order_id = :order_id"
_LOOK: Final = (
    "SELECT number, state, revision FROM orders WHERE account = :account AND order_id = :order_id"
)
_TELL: Final = (
    "INSERT INTO outcomes VALUES (:key, :outcome, :reason) ON CONFLICT DO UPDATE "
    "SET outcome = excluded.outcome, reason = excluded.reason WHERE outcome <> 'done'"
)

#: Books in, a message's data and the message in, a reply out.
Handler = Callable[[sqlite3.Connection, Mapping[str, Any], str], Response]


@contextmanager
def open_books(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the receiver's books for one transaction."""
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as books:
        books.executescript(_TABLES)
        with books:
            yield books


def place(books: sqlite3.Connection, data: Mapping[str, Any], message: str) -> Response:
    """Keep an order once; one that was cancelled before it came stays so."""
    row = {**_of(data), "state": "new", "message": message, "now": time.time()}
    if not books.execute(_ADD, row).rowcount:
        books.execute(_FILL, row)
    [number, _, _] = books.execute(_LOOK, row).fetchone()
    return json_response(200, {"reference": f"SO-{number}"})


def change(books: sqlite3.Connection, data: Mapping[str, Any], message: str) -> Response:
    """Take a revision that is above the one that is there, of an order that may change."""
    row = {**_of(data), "message": message, "revision": data["changes"]["revision"]}
    before = books.execute(_READ, row).fetchone()
    if books.execute(_CHANGE, row).rowcount:
        told = _differences(data["changes"], json.loads(before[0])["data"]["order"], data["order"])
        books.executemany(_TOLD, [{**row, "what": what} for what in told])
    order = books.execute(_LOOK, row).fetchone()
    if order is None:
        return json_response(422, {"code": "unknown_order"})
    _, state, revision = order
    if revision >= row["revision"]:
        return json_response(200, {"answer": "taken"})
    return json_response(200, {"answer": "ignored" if _is_stopped(state) else "too_late"})


def cancel(books: sqlite3.Connection, data: Mapping[str, Any], _: str) -> Response:
    """Stop an order, or remember one that never came."""
    row = {**_of(data), "state": "cancelled", "message": None, "now": time.time()}
    if books.execute(_ADD, row).rowcount:
        return json_response(200, {"answer": "unknown"})
    books.execute(_STOP, row)
    [_, state, _] = books.execute(_LOOK, row).fetchone()
    return json_response(200, {"answer": "cancelled" if _is_stopped(state) else "too_late"})


def consider(books: sqlite3.Connection, data: Mapping[str, Any], _: str) -> Response:
    """Agree to whatever nobody took yet."""
    row = {**_of(data), "state": "cancelling"}
    books.execute(_STOP, row)
    order = books.execute(_LOOK, row).fetchone()
    if order is not None and _is_stopped(order[1]):
        return json_response(200, {"answer": "agree"})
    return json_response(200, {"answer": "deny", "reason": "O pedido já foi embalado."})


def learn(books: sqlite3.Connection, data: Mapping[str, Any], _: str) -> Response:
    """Keep how far commands are."""
    books.executemany(_TELL, data["outcomes"])
    return json_response(200, {})


_ANSWERS: Final[Mapping[str, Handler]] = {
    f"erp.{Verb.PLACE}": place,
    f"erp.{Verb.CHANGED}": change,
    f"erp.{Verb.CANCEL}": cancel,
    f"erp.{Verb.CONSIDER}": consider,
    f"erp.{Verb.OUTCOME}": learn,
    f"erp.{Verb.CHECK}": lambda *_: json_response(200, {}),
}


class Receiver:
    """Takes messages that are signed, writes what they say, and answers as well as it can."""

    def __init__(self, path: Path, secret: str, faults: Random | None = None) -> None:
        self._path = path
        self._secret = Webhook(secret)
        self._faults = faults

    def take(self, headers: Mapping[str, str], body: bytes) -> Response | Dropped:
        """Return what is answered to a message."""
        try:
            message = self._secret.verify(body, dict(headers))
        except WebhookVerificationError:
            return Response(401)
        luck = 1.0 if self._faults is None else self._faults.random()
        if luck < _LATER:
            return Response(503, headers={"retry-after": "1"})
        with open_books(self._path) as books:
            reply = _ANSWERS[message["type"]](books, message["data"], body.decode())
        return self._spoilt(reply, luck)

    def _spoilt(self, reply: Response, luck: float) -> Response | Dropped:
        """Return a reply as it gets through: what it says is written by now."""
        if self._faults is None or luck >= _LATER + _SPOILT:
            return reply
        seconds = self._faults.uniform(0, _LATE_SECONDS)
        return self._faults.choice(
            (
                Dropped(),
                Dropped(delay_seconds=seconds),
                Response(reply.status, reply.body[: len(reply.body) // 2]),
                Response(200, b"<html>Accepted</html>", {"content-type": "text/html"}),
                Response(500),
                Response(504, delay_seconds=seconds),
                Response(307, headers={"location": "/elsewhere"}),
                Response(reply.status, reply.body, delay_seconds=seconds),
            )
        )


def _of(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"account": data["account"], "order_id": data["order_id"]}


def _differences(changes: Mapping[str, Any], before: Any, after: Any) -> list[str]:
    """Return what changed, by the words of `erp_order_changes`, and differs from what is here.

    Where an answer was lost, the next revision tells once more what that one told.
    """
    parts = (*changes["deliveries"], *changes["payments"])
    told = dict.fromkeys(part["part"] for part in parts)
    if changes["lines"]:
        told["line"] = None
    if changes["value_before_cents"] != changes["value_after_cents"]:
        told["value"] = None
    return [what for what in told if _PARTS[what](before) != _PARTS[what](after)]


def _of_deliveries(*names: str) -> Callable[[Any], Any]:
    return lambda order: [[row[name] for name in names] for row in order["deliveries"]]


def _of_payments(*names: str) -> Callable[[Any], Any]:
    return lambda order: [[row[name] for name in names] for row in order["payments"]]


#: What of an order each word is about.
_PARTS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "line": lambda order: order["lines"],
    "value": lambda order: order["value_cents"],
    DeliveryPart.ADDRESS: lambda order: (order["address"], _of_deliveries("address")(order)),
    DeliveryPart.CHANNEL: _of_deliveries("channel"),
    DeliveryPart.METHOD: _of_deliveries("sla"),
    DeliveryPart.CARRIER: _of_deliveries("company", "courier_id", "courier_name"),
    DeliveryPart.WINDOW: _of_deliveries("window_from", "window_until"),
    DeliveryPart.PICKUP_POINT: _of_deliveries("pickup_point_id"),
    DeliveryPart.WAREHOUSE: _of_deliveries("warehouse_id", "dock_id", "sources"),
    DeliveryPart.FREIGHT: _of_deliveries("price_cents"),
    PaymentPart.MEANS: _of_payments("system", "name", "group"),
    PaymentPart.VALUE: _of_payments("value_cents"),
    PaymentPart.INSTALLMENTS: _of_payments("installments"),
    PaymentPart.AUTHORIZATION: _of_payments("authorization", "acquirer_document"),
}


def _is_stopped(state: str) -> bool:
    return state in {"cancelling", "cancelled"}


def application(receiver: Receiver) -> Callable[[Any, Any, Any], Any]:
    """Return the receiver as an ASGI application."""

    async def receive_one(scope: Any, receive: Any, send: Any) -> None:
        request = await read(scope, receive)
        reply = await asyncio.to_thread(receiver.take, request.headers, request.body)
        if reply.delay_seconds:
            await asyncio.sleep(reply.delay_seconds)
        if isinstance(reply, Dropped):
            await cut(scope, receive)
        else:
            await write(reply, send)

    return receive_one


def draw_faults(path: Path, seed: str) -> Random:
    """Return what draws the faults of one start of a receiver.

    One that is killed again and again would meet each first call with the same fault otherwise.
    """
    with open_books(path) as books:
        start = books.execute("INSERT INTO starts DEFAULT VALUES").lastrowid
    return Random(f"{seed}, start {start}")  # noqa: S311 - A demo is repeatable.


def main(books: str, port: str, seed: str | None = None) -> None:
    """Serve on this machine until this process is ended."""
    path = Path(books)
    faults = None if seed is None else draw_faults(path, seed)
    receiver = Receiver(path, child_environment()["ERP_SECRET"], faults)
    uvicorn.run(
        application(receiver),
        host="127.0.0.1",
        port=int(port),
        http=AbortableProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="error",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
