"""What a command works with: the settings, the ledger, and a way to put steps on their queues."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from orders_sync.backoffice.accounts import require_configured
from orders_sync.domain.steps import Dispatch
from orders_sync.errors import ConfigurationError, LedgerUnavailable
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import Act
from orders_sync.ledger.versions import require_current
from orders_sync.logging import configure_logging
from orders_sync.private_files import keep_private
from orders_sync.roster import settings_in_force
from orders_sync.settings import Settings, load_settings


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


def dispatcher(settings: Settings) -> Callable[[Dispatch], None]:
    """Give what puts a step on its queue; without a broker the workers do it."""
    from orders_sync.bootstrap import with_broker  # noqa: PLC0415 - Celery is slow to import.
    from orders_sync.worker.app import client_app  # noqa: PLC0415

    try:
        return client_app(with_broker(settings)).dispatch
    except ConfigurationError:
        return lambda _: None


def act_now(why: str | None) -> Act:
    """Say who is at the terminal, and when."""
    return Act(datetime.now(UTC), getpass.getuser(), why)


def chosen_accounts(settings: Settings, account: str | None) -> Sequence[str]:
    """Name the one account that was asked for, or all that are configured.

    Raises:
        NotKnown: it is not configured.
    """
    if account is None:
        return sorted(settings.accounts)
    require_configured(settings, account)
    return [account]
