"""A VTEX in a box: one account, entered by one pure call."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from threading import RLock
from typing import Final, NamedTuple
from urllib.parse import unquote

from orders_sync.sandbox import envelopes
from orders_sync.sandbox.cancel_operations import Cancelling, CancelOperations
from orders_sync.sandbox.change_operations import ChangeOperations, OldChangeOperations
from orders_sync.sandbox.changing import Changing
from orders_sync.sandbox.dials import AFTER_EFFECT, Chaos, Dials, RateLimit
from orders_sync.sandbox.editing import AdminEdit, Editing
from orders_sync.sandbox.feed import FeedCounts
from orders_sync.sandbox.feed_operations import FeedOperations
from orders_sync.sandbox.hook_operations import HookCounts, HookOperations, QueuedPost
from orders_sync.sandbox.invoice_operations import InvoiceOperations, Invoicing
from orders_sync.sandbox.oms import Oms, OmsEvent
from orders_sync.sandbox.order_operations import NoteOperations, OrderOperations
from orders_sync.sandbox.orders import OmsOrder
from orders_sync.sandbox.views import Call, OrderView, Record, view_order
from orders_sync.sandbox.wire import Asked, CallRefused, Done, Dropped, Operation, Request, Response
from orders_sync.sandbox.workflow import Trouble

_ORDERS = "/api/oms/pvt/orders"
_ORDER = _ORDERS + "/{order_id}"
_INVOICE = _ORDER + "/invoice/{invoice_number}"
_DOCUMENT = "/api/orders/pvt/document/{order_id}"
_ORDER_SYSTEM = "/api/order-system/orders"
_CHANGES = _ORDER_SYSTEM + "/{order_id}/changes"

#: path: {method: name of the call}
_ROUTES: Final[dict[str, dict[str, str]]] = {
    "/api/orders/feed": {"GET": "feed_read", "POST": "feed_commit"},
    "/api/orders/feed/config": {
        "GET": "feed_config_get",
        "POST": "feed_config_set",
        "DELETE": "feed_config_delete",
    },
    _ORDERS: {"GET": "list_orders"},
    _ORDERS + "/order-group/{order_group}": {"GET": "order_group"},
    _ORDER: {"GET": "get_order"},
    _ORDER + "/start-handling": {"POST": "start_handling"},
    _ORDER + "/invoice": {"POST": "invoice"},
    _INVOICE: {"PATCH": "update_invoice"},
    _INVOICE + "/tracking": {"PUT": "update_tracking"},
    _ORDER + "/cancel": {"POST": "cancel"},
    _DOCUMENT + "/deny-cancellation-request": {"POST": "deny_cancellation"},
    _ORDER + "/changes": {"POST": "register_change"},
    _DOCUMENT + "/change-summary": {"GET": "change_summary"},
    _ORDER_SYSTEM + "/changes/settings": {
        "GET": "change_settings_get",
        "PUT": "change_settings_set",
    },
    _CHANGES: {"PATCH": "create_change", "GET": "change_history"},
    _CHANGES + "/preview": {"POST": "preview_change"},
    _CHANGES + "/{request_id}": {"GET": "change_detail"},
    _CHANGES + "/{request_id}/retry": {"POST": "retry_change"},
    _CHANGES + "/{request_id}/cancel": {"POST": "cancel_change"},
    _ORDER + "/interactions": {"POST": "add_interaction"},
    _ORDER + "/payment-transaction": {"GET": "payment_transaction"},
    _ORDER + "/payments/{payment_id}/payment-notification": {"POST": "payment_notification"},
    "/api/orders/hook/config": {
        "GET": "hook_config_get",
        "POST": "hook_config_set",
        "DELETE": "hook_config_delete",
    },
    "/api/orders/expressions/jsonata": {"POST": "test_expression"},
}


class Route(NamedTuple):
    """A call by name, and what its path holds, decoded."""

    call: str
    names: dict[str, str]


class NoRoute(NamedTuple):
    """The path is unknown (404), or does not take the method (405)."""

    status: int


def find_route(method: str, path: str) -> Route | NoRoute:
    """Look a raw path up; an id in it must be percent-encoded, or its slashes part it."""
    for pattern, methods in _COMPILED:
        match = pattern.fullmatch(path)
        if match is not None:
            call = methods.get(method)
            if call is None:
                return NoRoute(405)
            return Route(call, {name: unquote(text) for name, text in match.groupdict().items()})
    return NoRoute(404)


_COMPILED: Final = tuple(
    (re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), methods)
    for path, methods in _ROUTES.items()
)


class Box:
    """Behaves as VTEX does for one account; the same seed and calls make the same world.

    By default any app key and token that are not empty are let in; `credentials` (key to token)
    restricts them. `requests_per_minute` is the account's budget, None for no limit.
    `visibility_seconds` overrules the visibility time-out that feed configurations ask for. May
    be called from several threads.
    """

    def __init__(
        self,
        account: str = "mystore",
        *,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
        dials: Dials | None = None,
        credentials: Mapping[str, str] | None = None,
        requests_per_minute: int | None = None,
        visibility_seconds: float | None = None,
    ) -> None:
        self.account = account
        self.dials = dials or Dials()
        self.credentials = credentials
        self.record = Record()
        self._clock = clock
        self._lock = RLock()
        self._random = Random(f"{seed} answers")
        self._chaos = Chaos(self.dials, Random(f"{seed} chaos"))
        self._limit = RateLimit(requests_per_minute)
        self._feeds = FeedOperations(self.dials, Random(f"{seed} feed"), visibility_seconds)
        self._hooks = HookOperations(account, self.dials, Random(f"{seed} hook"))
        self._oms = Oms(account, Random(f"{seed} orders"), self.dials, self._publish)
        self._cancelling = Cancelling(self._oms, self.dials, Random(f"{seed} cancellations"))
        self._invoicing = Invoicing(self._oms, self.dials)
        self._changing = Changing(self._oms, self._invoicing, self.dials, Random(f"{seed} changes"))
        self._editing = Editing(self._changing, Random(f"{seed} edits"))
        self._operations = self._build_operations(seed)

    def handle(self, request: Request) -> Response | Dropped:
        """Answer one request as VTEX would, or cut the connection."""
        with self._lock:
            now = self._clock()
            self._oms.settle(now)
            route = find_route(request.method, request.path)
            if isinstance(route, NoRoute):
                return self._no_route(route, now)
            answer = self._answer(request, route, now)
            delay = self._chaos.latency()
            return replace(answer, delay_seconds=delay) if delay else answer

    def create_orders(
        self, count: int, trouble: str = "plain", *, handling: bool = False
    ) -> list[str]:
        """Create orders as shoppers do; return their ids. See `Trouble` for what may be odd.

        With `handling`, the seller has taken the orders over already.
        """
        with self._lock:
            now, kind = self._settle(), Trouble(trouble)
            made = (self._oms.create(kind, now, handling=handling) for _ in range(count))
            return [order.order_id for order in made]

    def order(self, order_id: str) -> OrderView:
        """Show an order as it is now; raise KeyError for one that was never created."""
        with self._lock:
            self._settle()
            return view_order(self._oms.orders[order_id], self.record.calls(order_id))

    def orders(self) -> list[OrderView]:
        """Show every order, the oldest first."""
        with self._lock:
            self._settle()
            return [
                view_order(order, self.record.calls(order_id))
                for order_id, order in self._oms.orders.items()
            ]

    def cancel(self, order_id: str, *, request: bool = False, reason: str | None = None) -> bool:
        """Cancel as the shopper does; with `request`, VTEX asks the seller. False: too late."""
        return self._change(
            order_id,
            lambda order, now: self._cancelling.for_shopper(order, now, reason, request=request),
        )

    def replace(self, order_id: str) -> bool:
        """Replace an order by another; return False where it is too late."""
        return self._change(order_id, self._oms.replace)

    def handle_in_admin(self, order_id: str) -> bool:
        """Start handling as a person in the Admin does; False: the order is not ready for it."""
        return self._change(order_id, self._oms.handle_in_admin)

    def edit(self, order_id: str, edit: str) -> bool:
        """Change a part of an order as a person does (see `AdminEdit`); False: it is too late."""
        part = AdminEdit(edit)
        return self._change(order_id, lambda order, now: self._editing.edit(order, part, now))

    def complete(self, order_id: str) -> bool:
        """Complete an incomplete order after all; return False where it is complete."""
        return self._change(order_id, self._oms.complete)

    def delete_feeds(self) -> None:
        """Remove every feed's configuration and its events, as VTEX does after a quiet retention.

        Nobody can commit those events any more, so they are not counted as unacknowledged.
        """
        with self._lock:
            for order_id in self._feeds.delete_all(self._settle()):
                self._oms.orders[order_id].events_committed += 1

    def post_with(self, send: Callable[[QueuedPost], bool]) -> None:
        """Ping hooks by `send`, which returns whether it was answered 200."""
        with self._lock:
            self._hooks.send = send

    def take_posts(self) -> Sequence[QueuedPost] | None:
        """Take what is to be posted to hooks by now; None where there are no hooks."""
        with self._lock:
            return self._hooks.take(self._settle()) if self._hooks.are_configured else None

    def posted(self, post: QueuedPost, *, is_taken: bool) -> None:
        """Record how a post was answered; VTEX repeats it where that was no 200 within 5 s."""
        with self._lock:
            self._hooks.posted(post, self._clock(), is_taken=is_taken)

    @property
    def hook(self) -> HookCounts:
        """What was posted to hooks, and what became of it."""
        with self._lock:
            return self._hooks.counts

    def settle(self) -> None:
        """Run every transition that is due by now."""
        with self._lock:
            self._settle()

    def calls(self, order_id: str | None = None) -> list[Call]:
        """List the calls that came in, or those about one order with its events' commits."""
        with self._lock:
            return self.record.calls(order_id)

    @property
    def feed(self) -> FeedCounts | None:
        """The counts of the feed that was configured first; None: there is none."""
        with self._lock:
            return self._feeds.counts(self._settle())

    def people(self) -> list[str]:
        """List what tells a customer: names, documents, e-mails, phones and streets."""
        with self._lock:
            orders = self._oms.orders.values()
            traces = (trace for order in orders for trace in order.document.person.traces())
            return list(dict.fromkeys(traces))

    def orders_by_status(self) -> dict[str, int]:
        """Count the orders in each status."""
        with self._lock:
            self._settle()
            return {status: count for status, count in self._oms.by_status.items() if count}

    def _build_operations(self, seed: int) -> dict[str, Operation]:
        oms, dials = self._oms, self.dials
        invoicing, changing = self._invoicing, self._changing
        receipts = Random(f"{seed} receipts")
        return {
            **self._feeds.table(),
            **OrderOperations(oms, dials, self._random).table(),
            **InvoiceOperations(oms, invoicing, dials, receipts).table(),
            **CancelOperations(oms, self._cancelling, receipts).table(),
            **ChangeOperations(oms, changing, self.account).table(),
            **OldChangeOperations(oms, changing, dials).table(),
            **NoteOperations(oms).table(),
            **self._hooks.table(),
        }

    def _publish(self, event: OmsEvent, now: float) -> int:
        """Publish to hooks, and count the feeds that took the event: these wait for a commit."""
        self._hooks.publish(event, now)
        return self._feeds.publish(event, now)

    def _settle(self) -> float:
        now = self._clock()
        self._oms.settle(now)
        return now

    def _change(self, order_id: str, change: Callable[[OmsOrder, float], bool]) -> bool:
        with self._lock:
            return change(self._oms.orders[order_id], self._settle())

    def _no_route(self, route: NoRoute, now: float) -> Response:
        title = "Not Found" if route.status == 404 else "Method Not Allowed"
        self.record.add(Call(now, "unknown", None, route.status, effect=False, over_budget=False))
        return envelopes.problem(route.status, title)

    def _answer(self, request: Request, route: Route, now: float) -> Response | Dropped:
        wait = self._limit.take(now)
        mishap = self._chaos.strike(now)
        done: Done | None = None
        answer: Response | Dropped
        if wait is not None:
            answer = envelopes.too_many_requests(self._random, wait)
        elif mishap is None:
            done = self._admit(request, route, now)
            answer = done.response
        else:
            if mishap in AFTER_EFFECT:
                done = self._admit(request, route, now)
            answer = self._chaos.answer(mishap)
        self._remember(route, now, done, answer, over_budget=wait is not None)
        return answer

    def _remember(
        self,
        route: Route,
        now: float,
        done: Done | None,
        answer: Response | Dropped,
        *,
        over_budget: bool,
    ) -> None:
        call = Call(
            at=now,
            call=route.call,
            order_id=route.names.get("order_id"),
            status="dropped" if isinstance(answer, Dropped) else answer.status,
            effect=done is not None and done.effect,
            over_budget=over_budget,
            about=done.about if done is not None else None,
        )
        concerning = done.concerning if done is not None else ()
        for order_id in concerning:
            self._oms.orders[order_id].events_committed += 1
        self.record.add(call, concerning)

    def _admit(self, request: Request, route: Route, now: float) -> Done:
        key = request.headers.get("x-vtex-api-appkey", "")
        token = request.headers.get("x-vtex-api-apptoken", "")
        if not self._knows(key, token):
            return Done(envelopes.unauthorized(self._random))
        if route.call in self.dials.forbidden:
            return Done(envelopes.forbidden(self._random))
        if route.call in self.dials.login_page:
            return Done(envelopes.login_page())
        try:
            return self._operations[route.call](Asked(request, now, key, route.names))
        except CallRefused as refusal:
            return Done(refusal.response)

    def _knows(self, key: str, token: str) -> bool:
        if not key or not token or self.dials.revoked:
            return False
        return self.credentials is None or self.credentials.get(key) == token
