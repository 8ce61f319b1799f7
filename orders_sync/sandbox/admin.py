"""The sandbox's own API, under `/_sandbox/`: make orders, turn dials, read what was seen."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from orders_sync.sandbox.box import Box
from orders_sync.sandbox.editing import AdminEdit
from orders_sync.sandbox.wire import Request, Response, json_response
from orders_sync.sandbox.workflow import Trouble

ADMIN_PATH: Final = "/_sandbox/"

_MAX_COUNT: Final = 100_000
_ORDER: Final = re.compile(r"orders/([^/]+)(?:/(cancel|replace|handle|complete|edit))?")


class Admin:
    """Answers the sandbox's own requests; what is wrong with one is said as `{"error": ...}`."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._desk: dict[tuple[str, str], Callable[[Any], Any]] = {
            ("GET", "health"): lambda _: {"status": "ok", "account": box.account},
            ("GET", "orders"): lambda _: {"orders": [view.to_dict() for view in box.orders()]},
            ("POST", "orders"): self._create,
            ("GET", "report"): lambda _: self._report(),
            ("GET", "people"): lambda _: {"people": box.people()},
            ("GET", "dials"): lambda _: box.dials.to_dict(),
            ("PUT", "dials"): self._turn,
            ("DELETE", "feeds"): lambda _: self._delete_feeds(),
        }

    def handle(self, request: Request) -> Response:
        """Answer one request; its path starts with `/_sandbox/`."""
        name = request.path.removeprefix(ADMIN_PATH)
        try:
            body = request.json() or {}
            if not isinstance(body, dict):
                return _error(400, "the body must be a JSON object")
            answer = self._desk.get((request.method, name))
            if answer is not None:
                return json_response(200, answer(body))
            match = _ORDER.fullmatch(name)
            if match is None:
                return _error(404, f"the sandbox has no {request.method} {request.path}")
            return self._about_order(request.method, unquote(match[1]), match[2], body)
        except ValueError as problem:
            return _error(400, str(problem))

    def _about_order(
        self, method: str, order_id: str, verb: str | None, body: dict[str, Any]
    ) -> Response:
        if method != ("POST" if verb else "GET"):
            return _error(405, "an order is read with GET and changed with POST")
        box = self._box
        try:
            if verb == "cancel":
                reason = body.get("reason")
                happened = box.cancel(
                    order_id,
                    request=bool(body.get("request")),
                    reason=reason if isinstance(reason, str) else None,
                )
            elif verb == "edit":
                happened = box.edit(order_id, _edit_of(body))
            elif verb is not None:
                change = {
                    "replace": box.replace,
                    "handle": box.handle_in_admin,
                    "complete": box.complete,
                }[verb]
                happened = change(order_id)
            else:
                happened = True
            view = box.order(order_id)
        except KeyError:
            return _error(404, f"no order {order_id} was created here")
        if not happened:
            return _error(409, f"the order is {view.status}, so it cannot {verb}")
        return json_response(200, view.to_dict())

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        count, trouble = body.get("count", 1), body.get("trouble", "plain")
        if not isinstance(count, int) or not 0 <= count <= _MAX_COUNT:
            raise ValueError(f"count must be a whole number up to {_MAX_COUNT}")
        if trouble not in list(Trouble):
            raise ValueError(f"trouble must be one of: {', '.join(Trouble)}")
        handling = body.get("handling", False)
        if not isinstance(handling, bool):
            raise ValueError("handling must be true or false")  # noqa: TRY004 - It is answered 400.
        return {"order_ids": self._box.create_orders(count, trouble, handling=handling)}

    def _turn(self, body: dict[str, Any]) -> dict[str, Any]:
        self._box.dials.turn(body)
        return self._box.dials.to_dict()

    def _delete_feeds(self) -> dict[str, Any]:
        self._box.delete_feeds()
        return {}

    def _report(self) -> dict[str, Any]:
        box, record, feed = self._box, self._box.record, self._box.feed
        by_status = box.orders_by_status()
        hook = box.hook
        return {
            "calls_total": record.total,
            "calls_by_name": dict(record.by_name),
            "statuses": dict(record.statuses),
            "over_budget": record.over_budget,
            "feed": {
                "visible": feed.visible if feed else 0,
                "in_flight": feed.in_flight if feed else 0,
                "committed": feed.committed if feed else 0,
                "configured": feed is not None,
            },
            "hook": {
                "taken": hook.taken,
                "refused": hook.refused,
                "dropped": hook.dropped,
                "waiting": hook.waiting,
            },
            "orders": sum(by_status.values()),
            "orders_by_status": by_status,
        }


def _edit_of(body: dict[str, Any]) -> AdminEdit:
    part = body.get("part")
    if part not in list(AdminEdit):
        raise ValueError(f"part must be one of: {', '.join(AdminEdit)}")
    return AdminEdit(part)


def _error(status: int, message: str) -> Response:
    return json_response(status, {"error": message})
