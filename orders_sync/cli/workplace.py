"""What a command works with: the settings, the ledger, and a way to put steps on their queues."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from orders_sync.domain.steps import Dispatch
from orders_sync.errors import ConfigurationError
from orders_sync.ledger import Ledger
from orders_sync.ledger.acts import Act
from orders_sync.ledger.migrate import require_current
from orders_sync.ledger.searches import knows_account
from orders_sync.logging import configure_logging
from orders_sync.private_files import keep_private
from orders_sync.settings import Settings, load_settings, require_accounts


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
    from orders_sync.worker.app import create_app  # noqa: PLC0415

    try:
        return create_app(with_broker(settings), include=()).dispatch
    except ConfigurationError:
        return lambda _: None


def look_again(
    ledger: Ledger,
    account: str,
    order_id: str,
    *,
    did: str,
    why: str | None,
    dispatch: Callable[[Dispatch], None],
) -> None:
    """Have an order read afresh by the workers, and keep who asked for it."""
    following = ledger.orders.look_again(account, order_id, now=datetime.now(UTC))
    log_act(ledger, account, order_id, did=did, why=why)
    for step in following:
        dispatch(step)


def log_act(ledger: Ledger, account: str, order_id: str, *, did: str, why: str | None) -> None:
    """Keep what the person at the terminal did."""
    act = act_now(why)
    ledger.inquiries.log_act(
        at=act.at, who=act.who, did=did, account=account, order_id=order_id, why=why
    )


def act_now(why: str | None) -> Act:
    """Say who is at the terminal, and when."""
    return Act(datetime.now(UTC), getpass.getuser(), why)


def chosen_accounts(settings: Settings, account: str | None) -> Sequence[str]:
    """Name the one account that was asked for, or all that are configured.

    Raises:
        click.ClickException: it is not configured.
    """
    if account is None:
        return sorted(settings.accounts)
    if account not in settings.accounts:
        raise click.ClickException(_unknown_account(account, settings))
    return [account]


def require_configured(account: str) -> None:
    """Refuse an account that the workers could do nothing for.

    Raises:
        click.ClickException: it is not configured.
    """
    chosen_accounts(load_settings(), account)


def require_known(ledger: Ledger, account: str | None) -> None:
    """Refuse an account that is neither configured nor in the ledger.

    Raises:
        click.ClickException: nobody knows it.
    """
    settings = load_settings()
    if account is None or account in settings.accounts:
        return
    if not knows_account(ledger.database, account):
        raise click.ClickException(_unknown_account(account, settings))


def account_of(ledger: Ledger, order_id: str, account: str | None) -> str:
    """Find the account of an order where the person did not name it.

    Raises:
        click.ClickException: the account is unknown, or none or more than one has the order.
        ConfigurationError: no account is configured, and the ledger does not know the order.
    """
    if account is not None:
        require_known(ledger, account)
        return account
    accounts = ledger.inquiries.accounts_of(order_id)
    if len(accounts) == 1:
        return accounts[0]
    settings = load_settings()
    # Somebody's slip of an account's name must not make the order ambiguous for good.
    configured = [name for name in accounts if name in settings.accounts]
    if len(configured) == 1:
        return configured[0]
    if not accounts:
        require_accounts(settings)
        if len(settings.accounts) == 1:
            return next(iter(settings.accounts))
    known = f"is known in {', '.join(accounts)}" if accounts else "is not in the ledger"
    choices = " or ".join(f"--account {name}" for name in accounts or sorted(settings.accounts))
    raise click.ClickException(f"Order {order_id} {known}. Name its account: {choices}")


def _unknown_account(account: str, settings: Settings) -> str:
    if not settings.accounts:
        return f"The account {account} is not configured, nor is any other: see .env.example."
    return (
        f"The account {account} is not configured. Configured: "
        f"{', '.join(sorted(settings.accounts))}."
    )
