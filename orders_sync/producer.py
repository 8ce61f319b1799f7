"""For other Python services: tells orders_sync what VTEX shall know, over the broker alone.

    with Producer("redis://localhost:6379/0") as producer:
        producer.invoice("mystore", "1172452900788-01", {"number": "000123"})

Nothing else of orders_sync has to be set up, and no other setting is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

from celery import Celery
from celery.exceptions import OperationalError

from orders_sync.commands import NAMED
from orders_sync.commands.acceptance import NotAcceptedError, check, require_storable
from orders_sync.commands.body import Body
from orders_sync.commands.change import ChangeBody
from orders_sync.commands.invoice import InvoiceBody
from orders_sync.commands.track import TrackBody
from orders_sync.domain.commands import Command

__all__ = ["ChangeBody", "InvoiceBody", "NotAcceptedError", "NotSentError", "Producer", "TrackBody"]

#: How many threads may send at the same time; others wait for their turn.
_POOL_SIZE: Final = 10

_CELERY: Final = {
    "broker_transport_options": {
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "max_retries": 2,
        "interval_start": 0.1,
        "interval_step": 0.3,
        "interval_max": 1,
        "client_name": "orders_sync_producer",
    },
    "task_ignore_result": True,
    "task_publish_retry_policy": {
        "max_retries": 2,
        "interval_start": 0.1,
        "interval_step": 0.3,
        "interval_max": 1,
    },
    "task_serializer": "json",
}


class NotSentError(Exception):
    """Raised when the broker did not confirm a command: take it for not sent, and send it again.

    Sending the same once more is harmless, since it is the same command.
    """


class Producer:
    """Sends commands by the name of their task; each method returns the task's id.

    A command is checked before it is sent, and checked again where it is accepted. `key` makes a
    repeat harmless: the same key with the same content is the same command. Without one it is
    made from the content. Flower and the logs see ids only.

    Each kind goes to its own queue, so that no flood of one delays another, unless `queue` names
    one for all. `max_bytes` is the workers' ORDERS_SYNC_MAX_COMMAND_BYTES.
    Threads may share a producer; make one after a fork.

    Every method raises `NotAcceptedError`, which names the field that is wrong, and
    `NotSentError` where the broker is away.
    """

    def __init__(
        self, broker_url: str, *, queue: str | None = None, max_bytes: int = 1024 * 1024
    ) -> None:
        self._queue = queue
        self._max_bytes = max_bytes
        self._app = Celery("orders_sync.producer", broker=broker_url, set_as_current=False)
        self._app.conf.update(_CELERY)
        self._pool = self._app.connection_for_write().Pool(_POOL_SIZE)

    def invoice(
        self,
        account: str,
        order_id: str,
        invoice: InvoiceBody | Mapping[str, Any],
        key: str | None = None,
    ) -> str:
        """Send an invoice; its fields are those of `InvoiceBody`."""
        body = self._checked("invoice", account, order_id, invoice, key)
        return self._send("invoice", account, order_id, {"invoice": body}, key)

    def track(
        self,
        account: str,
        order_id: str,
        invoice_number: str,
        tracking: TrackBody | Mapping[str, Any],
        key: str | None = None,
    ) -> str:
        """Send the tracking of an invoice; its fields are those of `TrackBody`."""
        named = _merged({"invoice_number": invoice_number}, tracking)
        body = self._checked("track", account, order_id, named, key)
        number = body.pop("invoice_number")
        arguments = {"invoice_number": number, "tracking": body}
        return self._send("track", account, order_id, arguments, key)

    def cancel(self, account: str, order_id: str, reason: str, key: str | None = None) -> str:
        """Ask for a cancellation."""
        body = self._checked("cancel", account, order_id, {"reason": reason}, key)
        return self._send("cancel", account, order_id, body, key)

    def change(
        self,
        account: str,
        order_id: str,
        change: ChangeBody | Mapping[str, Any],
        key: str | None = None,
    ) -> str:
        """Ask for a change of the order; its fields are those of `ChangeBody`."""
        body = self._checked("change", account, order_id, change, key)
        return self._send("change", account, order_id, {"change": body}, key)

    def deny(self, account: str, order_id: str, reason: str, key: str | None = None) -> str:
        """Deny a cancellation that the customer requested, who sees the reason."""
        body = self._checked("deny", account, order_id, {"reason": reason}, key)
        return self._send("deny", account, order_id, body, key)

    def note(self, account: str, order_id: str, message: str, key: str | None = None) -> str:
        """Add a line to the order's timeline in VTEX's Admin."""
        body = self._checked("note", account, order_id, {"message": message}, key)
        return self._send("note", account, order_id, {"message": body["message"]}, key)

    def sync(self, account: str, order_id: str) -> str:
        """Request a read of the order from VTEX now."""
        self._checked("sync", account, order_id, {}, None)
        return self._send("sync", account, order_id, {}, None)

    def close(self) -> None:
        """Return the connections; the producer cannot send any more."""
        self._pool.force_close_all()
        self._app.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _checked(
        self, kind: str, account: str, order_id: str, body: Any, key: str | None
    ) -> dict[str, Any]:
        for name, value in (("account", account), ("order_id", order_id), ("key", key)):
            _require_text(name, value)
        require_storable("account", account)
        command = Command(kind, order_id, _merged({}, body), key)
        checked: dict[str, Any] = json.loads(check(command, max_bytes=self._max_bytes).text)
        return checked

    def _send(
        self, kind: str, account: str, order_id: str, arguments: dict[str, Any], key: str | None
    ) -> str:
        ids = {"account": account, "order_id": order_id}
        try:
            with self._pool.acquire(block=True) as connection:
                sent = self._app.send_task(
                    NAMED[kind].task,
                    kwargs={**ids, **arguments, **({"key": key} if key is not None else {})},
                    queue=self._queue or NAMED[kind].queue.value,
                    connection=connection,
                    argsrepr="()",
                    kwargsrepr=repr(ids),
                )
        except (OperationalError, OSError) as error:
            raise NotSentError(
                f"The broker did not confirm the {kind} of order {order_id} "
                f"({type(error).__name__}). It must be taken for not sent: send it again."
            ) from error
        task_id: str = sent.id
        return task_id


def _merged(first: dict[str, Any], body: Any) -> Any:
    """Return a body as a plain object, `first` winning; what is no object is left to the check."""
    if isinstance(body, Body):
        body = body.model_dump(by_alias=True, exclude_none=True)
    return {**body, **first} if isinstance(body, Mapping) else body


def _require_text(name: str, value: str | None) -> None:
    if value is None and name == "key":
        return
    if not isinstance(value, str) or not value.strip():
        raise NotAcceptedError("command.invalid", f"{name}: must be text that is not empty")
