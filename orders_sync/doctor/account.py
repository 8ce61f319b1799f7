"""Examines one account at VTEX: is it there, does it know the key, what may the key do?

Where a permission is for writing, VTEX is asked about an order that does not exist: a 404 shows
that the call was let in, and nothing can come of it.
https://developers.vtex.com/docs/guides/orders-feed
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from time import monotonic
from typing import Any, Final

from orders_sync.commands.change import ChangeBody
from orders_sync.commands.deny import DenyBody
from orders_sync.commands.track import TrackBody
from orders_sync.doctor.findings import Finding, State, compare_clocks
from orders_sync.domain.time import Clock
from orders_sync.domain.words import count_of
from orders_sync.errors import (
    AuthFailed,
    NotFound,
    OrdersSyncError,
    RateLimited,
    Refused,
    Unavailable,
)
from orders_sync.settings import Settings
from orders_sync.settings_parts import FeedSettings
from orders_sync.upkeep.watch_feed import wanted_configuration
from orders_sync.vtex import resources
from orders_sync.vtex.client import Credentials, VtexClient
from orders_sync.vtex.connections import VtexAdapter
from orders_sync.vtex.exchange import Request, Response, Transport
from orders_sync.vtex.feed import FeedConfiguration
from orders_sync.vtex.transport import RequestsTransport

#: A call of an examination is small; one that takes longer is a finding.
_CALL_SECONDS = 5.0

_FEED = "feed configuration"

_TEXT: Final = "orders_sync doctor"


@dataclass(frozen=True, slots=True)
class Permission:
    """A permission by what it is for, and the resource of VTEX's License Manager that grants it.

    `ask` is given the client and the id of an order that does not exist. None: every call that
    needs the resource has an effect.
    """

    check: str
    resource: str
    ask: Callable[[VtexClient, str], Any] | None


READ_FEED: Final = Permission(
    "read the feed",
    resources.FEED,
    lambda vtex, _: vtex.get_feed_configuration(),
)


LIST_ORDERS: Final = Permission(
    "list orders", resources.LIST_ORDERS, lambda vtex, _: vtex.list_orders(per_page=1)
)


OTHERS: Final = (
    Permission(
        "read orders",
        resources.VIEW_ORDER,
        lambda vtex, order_id: vtex.get_order(order_id),
    ),
    Permission(
        "start handling",
        resources.WORKFLOW,
        lambda vtex, order_id: vtex.start_handling(order_id),
    ),
    Permission(
        "invoice and track",
        resources.NOTIFY_INVOICE,
        lambda vtex, order_id: vtex.update_invoice(
            order_id, "0", TrackBody(invoice_number="0", tracking_number=_TEXT)
        ),
    ),
    Permission(
        "cancel and deny",
        resources.CANCEL_ORDER,
        lambda vtex, order_id: vtex.deny_cancellation(order_id, order_id, DenyBody(reason=_TEXT)),
    ),
    Permission(
        "change orders",
        resources.CHANGE_ORDER,
        lambda vtex, order_id: vtex.preview_change(
            order_id, ChangeBody(reason=_TEXT, manual_discount_cents=1)
        ),
    ),
    Permission("refund returns", resources.NOTIFY_REFUND, None),
    Permission("add notes", resources.FULL_ACCESS, None),
)


def examine_account(
    account: str, settings: Settings, *, adapter: VtexAdapter, clock: Clock, made_up_id: str
) -> Iterator[Finding]:
    """Examine everything that the account's key is needed for, without an effect at VTEX.

    `adapter` carries the calls. `made_up_id` is the id of an order that cannot exist. One that is
    disabled is left alone.
    """
    if not settings.accounts[account].enabled:
        yield Finding(
            account,
            "enabled",
            State.NOT_PROBED,
            f"it is disabled, and its work waits; orders-sync accounts enable {account}",
        )
        return
    recorder = _recorder(account, settings, adapter)
    keys = settings.accounts[account]
    client = VtexClient(account, recorder, Credentials(keys.app_key, keys.app_token))

    def answer_to(permission: Permission) -> ProbeAnswer:
        call = permission.ask
        return ask(partial(call, client, made_up_id) if call else lambda: None, recorder)

    started = monotonic()
    feed = answer_to(READ_FEED)
    if feed.status is None:
        yield from _unreachable(account, settings, feed.error)
        return
    seconds, ours = monotonic() - started, clock()
    listing = answer_to(LIST_ORDERS)
    if isinstance(feed.error, Unavailable) and isinstance(listing.error, Unavailable):
        yield _in_trouble(account, feed.status)
        return
    yield Finding(account, "reachable", State.OK, f"VTEX answered in {seconds:.2f} s")
    if feed.at is not None:
        yield compare_clocks(account, feed.at, ours)
    if feed.status == listing.status == 401:
        yield from _unknown_key(account)
        return
    yield Finding(account, "credentials", State.OK, "VTEX knows the key")
    yield judge_permission(account, READ_FEED, feed)
    if feed.error is None:
        yield judge_feed(account, feed.value, settings.feed_of(account))
    else:
        yield Finding(account, _FEED, State.NOT_PROBED, "it could not be read")
    yield judge_permission(account, LIST_ORDERS, listing)
    for permission in OTHERS:
        if permission.ask is None:
            yield _cannot_be_probed(account, permission)
        else:
            yield judge_permission(account, permission, answer_to(permission))


def judge_feed(
    account: str, configured: FeedConfiguration | None, settings: FeedSettings
) -> Finding:
    """Return whether the feed is configured, and how it differs from the settings."""
    if configured is None:
        return Finding(
            account,
            _FEED,
            State.WARNING,
            "the key has none, so no event comes",
            f"A worker makes it; or now: orders-sync feed configure --account {account}",
        )
    differences = configured.difference(wanted_configuration(settings))
    if differences:
        return Finding(
            account,
            _FEED,
            State.WARNING,
            "; ".join(differences),
            "Set ORDERS_SYNC_FEED__* to what is there, or: "
            f"orders-sync feed configure --replace --account {account}",
        )
    waiting = f"{count_of(configured.quantity or 0, 'event')} in it"
    if configured.oldest_event_seconds:
        waiting += f", the oldest {configured.oldest_event_seconds:.0f} s old"
    return Finding(account, _FEED, State.OK, f"as the settings say; {waiting}")


def judge_permission(account: str, permission: Permission, answer: ProbeAnswer) -> Finding:
    """Return whether an answer shows that the key has the permission."""
    check, error = permission.check, answer.error
    if error is None:
        return Finding(account, check, State.OK, "allowed")
    if isinstance(error, NotFound | Refused):
        says = "not refused (asked about an order that does not exist)"
        return Finding(account, check, State.OK, says)
    if isinstance(error, RateLimited):
        says = "not known: VTEX asks for fewer calls (429)"
        return Finding(account, check, State.WARNING, says, "Ask again in a minute.")
    if isinstance(error, AuthFailed):
        return Finding(
            account,
            check,
            State.FAILED,
            f"VTEX does not allow it ({_refusal(answer.status)})",
            f"Give the key's role in License Manager the resource: {permission.resource}.",
        )
    return Finding(account, check, State.FAILED, str(error))


def _refusal(status: int | None) -> str:
    return f"{status}" if status in {401, 403} else "it shows its login page"


def _unreachable(
    account: str, settings: Settings, error: OrdersSyncError | None
) -> Iterator[Finding]:
    variable = f"ORDERS_SYNC_ACCOUNTS__{account.upper()}__BASE_URL"
    yield Finding(
        account,
        "reachable",
        State.FAILED,
        str(error or "VTEX did not answer."),
        f"Check the network and the name, or {variable}={settings.base_url(account)}",
    )
    yield Finding(account, "permissions", State.NOT_PROBED, "VTEX is not reachable")


def _in_trouble(account: str, status: int) -> Finding:
    return Finding(
        account,
        "reachable",
        State.FAILED,
        f"VTEX does not answer what it is asked ({status}); the permissions were not examined",
        "It is VTEX's trouble: work waits, and goes on by itself. See https://status.vtex.com",
    )


def _unknown_key(account: str) -> Iterator[Finding]:
    name = f"ORDERS_SYNC_ACCOUNTS__{account.upper()}__APP_"
    yield Finding(
        account,
        "credentials",
        State.FAILED,
        "VTEX does not accept them (401)",
        f"Set {name}KEY and {name}TOKEN to a key that is active in License Manager.",
    )
    yield Finding(account, "permissions", State.NOT_PROBED, "VTEX does not know the key")


def _cannot_be_probed(account: str, permission: Permission) -> Finding:
    says = f"asking would have an effect; it needs the resource {permission.resource}"
    return Finding(account, permission.check, State.NOT_PROBED, says)


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What came of a call: what it gave or raised, and the response's status and `Date`.

    `status` is None where nothing was answered.
    """

    value: Any
    error: OrdersSyncError | None
    status: int | None
    at: datetime | None


class RecordingTransport:
    """Carries requests as `transport` does, and remembers the last response."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.last: Response | None = None

    def send(self, request: Request) -> Response:
        """Send the request and remember its response."""
        self.last = None
        self.last = self._transport.send(request)
        return self.last


def _recorder(account: str, settings: Settings, adapter: VtexAdapter) -> RecordingTransport:
    bounds = settings.vtex
    return RecordingTransport(
        RequestsTransport(
            settings.base_url(account),
            adapter=adapter,
            connect_seconds=min(bounds.connect_seconds, _CALL_SECONDS),
            read_seconds=min(bounds.read_seconds, _CALL_SECONDS),
            total_seconds=min(bounds.total_seconds, _CALL_SECONDS),
            max_body_bytes=bounds.max_body_bytes,
        )
    )


def ask(call: Callable[[], Any], recorder: RecordingTransport) -> ProbeAnswer:
    """Make a call through the recorder, and return what came of it."""
    value, error = None, None
    try:
        value = call()
    except OrdersSyncError as raised:
        error = raised
    response = recorder.last
    if response is None:
        return ProbeAnswer(value, error, None, None)
    return ProbeAnswer(value, error, response.status, _date(response))


def _date(response: Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.header("Date") or "")
    except ValueError:
        return None
