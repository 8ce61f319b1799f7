"""Examines one account at VTEX: is it there, does it know the key, what may the key do?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from time import monotonic

from orders_sync.doctor.asking import Answer, Listener, ask, judge_permission
from orders_sync.doctor.clock import compare_clocks
from orders_sync.doctor.findings import Finding, State
from orders_sync.doctor.permissions import LIST_ORDERS, OTHERS, READ_FEED, Permission
from orders_sync.domain.time import Clock
from orders_sync.domain.words import count_of
from orders_sync.errors import OrdersSyncError, Unavailable
from orders_sync.settings import Settings
from orders_sync.settings_parts import FeedSettings
from orders_sync.upkeep.watch_feed import wanted_configuration
from orders_sync.vtex.client import Credentials, VtexClient
from orders_sync.vtex.connections import VtexAdapter
from orders_sync.vtex.feed import FeedConfiguration
from orders_sync.vtex.transport import RequestsTransport

#: A call of an examination is small; one that takes longer is a finding.
_CALL_SECONDS = 5.0

_FEED = "feed configuration"


def examine_account(
    account: str, settings: Settings, *, adapter: VtexAdapter, clock: Clock, made_up_id: str
) -> Iterator[Finding]:
    """Ask VTEX about everything that the account's key is needed for, without an effect.

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
    listener = _listener(account, settings, adapter)
    keys = settings.accounts[account]
    client = VtexClient(account, listener, Credentials(keys.app_key, keys.app_token))

    def put(permission: Permission) -> Answer:
        call = permission.ask
        return ask(partial(call, client, made_up_id) if call else lambda: None, listener)

    started = monotonic()
    feed = put(READ_FEED)
    if feed.status is None:
        yield from _unreachable(account, settings, feed.error)
        return
    seconds, ours = monotonic() - started, clock()
    listing = put(LIST_ORDERS)
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
            yield judge_permission(account, permission, put(permission))


def judge_feed(account: str, found: FeedConfiguration | None, wanted: FeedSettings) -> Finding:
    """Say whether the feed is configured, and how its configuration differs from the settings."""
    if found is None:
        return Finding(
            account,
            _FEED,
            State.WARNING,
            "the key has none, so no event comes",
            f"A worker makes it; or now: orders-sync feed configure --account {account}",
        )
    differences = found.difference(wanted_configuration(wanted))
    if differences:
        return Finding(
            account,
            _FEED,
            State.WARNING,
            "; ".join(differences),
            "Set ORDERS_SYNC_FEED__* to what is there, or: "
            f"orders-sync feed configure --replace --account {account}",
        )
    waiting = f"{count_of(found.quantity or 0, 'event')} in it"
    if found.oldest_event_seconds:
        waiting += f", the oldest {found.oldest_event_seconds:.0f} s old"
    return Finding(account, _FEED, State.OK, f"as the settings say; {waiting}")


def _listener(account: str, settings: Settings, adapter: VtexAdapter) -> Listener:
    bounds = settings.vtex
    return Listener(
        RequestsTransport(
            settings.base_url(account),
            adapter=adapter,
            connect_seconds=min(bounds.connect_seconds, _CALL_SECONDS),
            read_seconds=min(bounds.read_seconds, _CALL_SECONDS),
            total_seconds=min(bounds.total_seconds, _CALL_SECONDS),
            max_body_bytes=bounds.max_body_bytes,
        )
    )


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
