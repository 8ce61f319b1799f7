"""Watches the hook's configuration: made again where VTEX removed one that was made here."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

import structlog

from orders_sync.errors import ConfigurationError, Refused
from orders_sync.ledger import Ledger
from orders_sync.ledger.cursors import Cursors
from orders_sync.settings import Settings
from orders_sync.settings_problems import EXAMPLES, PREFIX
from orders_sync.vtex.hook import HEADER, HookConfiguration

log = structlog.get_logger(__name__)

#: The cursor that holds the address of the hook that this system configured.
_URL: Final = "hook.url"


class HookConfigurations(Protocol):
    """What of the VTEX client seeing to the configuration needs."""

    def get_hook_configuration(self) -> HookConfiguration | None:
        """Read the configuration of the account's key."""
        ...

    def set_hook_configuration(self, configuration: HookConfiguration) -> None:
        """Make a configuration; VTEX pings its address first."""
        ...


def url_made_here(ledger: Ledger, account: str) -> str | None:
    """Return the address of the hook that this system configured; None where it did not."""
    return Cursors(ledger.database).read(account, _URL)


def keep_url(ledger: Ledger, account: str, url: str | None, *, now: datetime) -> None:
    """Keep the address of the hook that this system configured, or that it is not to make one."""
    Cursors(ledger.database).move(account, _URL, url, now=now)


def wanted_hook(settings: Settings, account: str, url: str) -> HookConfiguration:
    """Word the settings as VTEX's configuration; the hook tells of what the feed tells.

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
    url = url_made_here(ledger, account)
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
