"""What a command works with: settings, ledger, services, accounts, and a way to dispatch."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from orders_sync.backoffice.accounts import require_configured
from orders_sync.domain.steps import Dispatch
from orders_sync.errors import ConfigurationError, LedgerUnavailable
from orders_sync.ledger import Ledger
from orders_sync.ledger.account_settings import KeptAccount
from orders_sync.ledger.journal import Act
from orders_sync.ledger.versions import require_current
from orders_sync.logging import configure_logging
from orders_sync.private_files import keep_private
from orders_sync.roster import settings_in_force
from orders_sync.settings import Settings, load_settings, require_accounts

if TYPE_CHECKING:
    from orders_sync.bootstrap import Services


def load_current() -> Settings:
    """Read the settings, with the accounts that the ledger keeps where it answers.

    Raises:
        ConfigurationError: a setting is wrong; the message names it.
    """
    settings = load_settings()
    with suppress(LedgerUnavailable):
        return settings_in_force(settings)[0]
    return settings


@contextmanager
def open_ledger() -> Iterator[Ledger]:
    """Open the ledger of the settings for the length of a command; its log is on standard error."""
    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level)
    keep_private(settings)
    ledger = Ledger(settings.ledger, lease=settings.lease)
    try:
        require_current(ledger.database)
        yield ledger
    finally:
        ledger.close()


def dispatcher(settings: Settings) -> Callable[[Sequence[Dispatch]], None]:
    """Return a function that puts steps on their queues; without a broker the workers do it."""
    from orders_sync.embedded.broker import with_broker  # noqa: PLC0415 - Celery is slow to import.
    from orders_sync.worker.app import client_app  # noqa: PLC0415

    try:
        return client_app(with_broker(settings)).dispatch_all
    except ConfigurationError:
        return lambda _: None


def act_now(why: str | None) -> Act:
    """Return who is at the terminal, when, and why."""
    return Act(datetime.now(UTC), getpass.getuser(), why)


def targets(settings: Settings, account: str | None) -> Sequence[str]:
    """Return the one account that was asked for, or all that are configured.

    Raises:
        NotKnown: it is not configured.
    """
    if account is None:
        return sorted(settings.accounts)
    require_configured(settings, account)
    return [account]


@contextmanager
def open_services() -> Iterator[Services]:
    """Wire the services of the configured accounts for the length of a command."""
    from orders_sync.bootstrap import build  # noqa: PLC0415 - requests is slow to import.

    settings = load_settings()
    services = build(settings)
    try:
        require_accounts(services.settings)
        yield services
    finally:
        services.close()


def only_one(accounts: Sequence[str]) -> str:
    """Return the account that is meant.

    Raises:
        click.UsageError: it may be one of several.
    """
    if len(accounts) > 1:
        raise click.UsageError(f"Name the account: --account {' | '.join(accounts)}")
    return accounts[0]


def kept_account(ledger: Ledger, settings: Settings, name: str) -> KeptAccount:
    """Return an account of the ledger.

    Raises:
        click.ClickException: it is of the settings, or not there.
    """
    kept = ledger.kept_accounts.find(name)
    if kept is None or kept.settings is None:
        where = "of the settings: change it there" if name in settings.accounts else "not there"
        raise click.ClickException(f"{name} is {where}. See: orders-sync accounts list")
    return kept


def require_account(ledger: Ledger, settings: Settings, name: str) -> None:
    """Refuse an account that neither the settings nor the ledger have.

    Raises:
        click.ClickException: it is not there.
    """
    if name not in settings.accounts:
        kept_account(ledger, settings, name)
