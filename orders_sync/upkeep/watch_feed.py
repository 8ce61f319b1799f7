"""Watches the configurations of an account's feed and hook, and notes gaps in the feed.

The feed's is made where it is absent, and reported where it differs. The hook's is made again where
VTEX removed one that was made here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

import structlog

from orders_sync.errors import ConfigurationError, Refused
from orders_sync.ledger import Ledger
from orders_sync.ledger.accounts import Chore
from orders_sync.settings import Settings
from orders_sync.settings_parts import FeedSettings
from orders_sync.settings_variables import EXAMPLES, PREFIX
from orders_sync.vtex.feed import FeedConfiguration
from orders_sync.vtex.hook import HEADER, HookConfiguration

log = structlog.get_logger(__name__)

#: The cursor that holds since when the feed may have told nothing, until that is reconciled.
GAP: Final = "feed.gap"

#: The cursor that holds the address of the hook that this system configured.
_HOOK_URL: Final = "hook.url"


class FeedConfigurations(Protocol):
    """The part of the VTEX client that configures the feed."""

    def get_feed_configuration(self) -> FeedConfiguration | None:
        """Read the configuration of the account's key."""
        ...

    def set_feed_configuration(self, configuration: FeedConfiguration) -> None:
        """Make a configuration."""
        ...


class HookConfigurations(Protocol):
    """The part of the VTEX client that configures the hook."""

    def get_hook_configuration(self) -> HookConfiguration | None:
        """Read the configuration of the account's key."""
        ...

    def set_hook_configuration(self, configuration: HookConfiguration) -> None:
        """Make a configuration; VTEX pings its address first."""
        ...


class FeedState(StrEnum):
    """How the feed's configuration was found."""

    CREATED = "created"
    AS_WANTED = "as wanted"
    DIFFERENT = "different"


def wanted_configuration(settings: FeedSettings) -> FeedConfiguration:
    """Return the settings as VTEX's configuration of the feed."""
    return FeedConfiguration.from_workflow(
        statuses=settings.statuses,
        visibility_seconds=settings.visibility_seconds,
        retention_seconds=settings.retention_seconds,
    )


def ensure_feed(
    account: str,
    *,
    vtex: FeedConfigurations,
    settings: FeedSettings,
    before_creating: Callable[[], None] = lambda: None,
) -> tuple[FeedState, Sequence[str]]:
    """Create the configuration where there is none; return how another one differs.

    One that differs is left alone: a person or another tool may have meant it so. VTEX deletes a
    configuration by itself after a retention time without events. `before_creating` notes the gap
    in the feed, so that a crash in between loses nothing: a gap that was none costs a few reads of
    VTEX's list.
    """
    target = wanted_configuration(settings)
    current = vtex.get_feed_configuration()
    if current is None:
        before_creating()
        vtex.set_feed_configuration(target)
        log.warning("feed.configured", account=account)
        return FeedState.CREATED, ()
    differences = current.difference(target)
    if differences:
        log.warning("feed.differs", account=account, differences=differences)
        return FeedState.DIFFERENT, differences
    return FeedState.AS_WANTED, ()


def note_gap(account: str, *, ledger: Ledger, now: datetime) -> None:
    """Record that the feed may have told nothing since its last successful poll.

    Polls of a feed that is not configured fail, and so do those with a key that is refused. Where
    no poll ever succeeded, the last event is the last moment at which the feed is known to have
    worked. Without one, all orders are compared. A gap that is noted already began earlier, and
    stays.
    """
    cursors = ledger.cursors
    if cursors.read(account, GAP) is not None:
        return
    polled = ledger.accounts.last_runs(Chore.POLL).get(account)
    since = polled.succeeded_at if polled else None
    if since is None:
        since = ledger.reconciliation.last_event_at(account)
    cursors.move(account, GAP, since.isoformat() if since else "", now=now)
    log.warning("feed.gap", account=account, since=since.isoformat() if since else None)


def wanted_hook(settings: Settings, account: str, url: str) -> HookConfiguration:
    """Return the settings as VTEX's configuration of the hook, with the statuses of the feed.

    Raises:
        ConfigurationError: the account has no secret for its hook.
    """
    secret = settings.accounts[account].hook_secret
    if secret is None:
        name = f"{PREFIX}ACCOUNTS__{account.upper()}__HOOK_SECRET"
        raise ConfigurationError(
            f"{name} is missing: by it the hook is known to be VTEX's. A right value: "
            f"{name}={EXAMPLES['HOOK_SECRET']}"
        )
    headers = {HEADER: secret.get_secret_value()}
    statuses = settings.feed_of(account).statuses
    return HookConfiguration.from_workflow(statuses, url=url, headers=headers)


def ensure_hook(
    account: str, *, vtex: HookConfigurations, ledger: Ledger, settings: Settings
) -> None:
    """Make a hook's configuration again where it is gone: VTEX removes it after three idle days.

    One that this system did not make, or that somebody put in its place, is left alone.
    """
    url = read_hook_url(ledger, account)
    if url is None or settings.accounts[account].hook_secret is None:
        return
    if vtex.get_hook_configuration() is not None:
        return
    try:
        vtex.set_hook_configuration(wanted_hook(settings, account, url))
    except Refused:
        log.warning("hook.unreachable", account=account)
    else:
        log.warning("hook.configured", account=account)


def read_hook_url(ledger: Ledger, account: str) -> str | None:
    """Return the address of the hook that this system configured; None where it did not."""
    return ledger.cursors.read(account, _HOOK_URL)


def keep_hook_url(ledger: Ledger, account: str, url: str | None, *, now: datetime) -> None:
    """Write the address of the hook that this system configured; None where it is not to."""
    ledger.cursors.move(account, _HOOK_URL, url, now=now)
