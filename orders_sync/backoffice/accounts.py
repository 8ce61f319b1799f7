"""The account of a request, where a person or a service names it or leaves it out."""

from __future__ import annotations

from orders_sync.errors import OrdersSyncError
from orders_sync.ledger import Ledger
from orders_sync.settings import Settings, require_accounts


class NotKnown(OrdersSyncError):
    """Raised where an account, an order or a command is unknown; the message says what is known."""


def require_configured(settings: Settings, account: str) -> None:
    """Raise NotKnown for an account that is not configured: workers cannot serve it."""
    if account in settings.accounts:
        return
    if not settings.accounts:
        raise NotKnown(
            f"The account {account} is not configured, nor is any other: see .env.example."
        )
    raise NotKnown(
        f"The account {account} is not configured. Configured: "
        f"{', '.join(sorted(settings.accounts))}."
    )


def require_known(ledger: Ledger, settings: Settings, account: str) -> None:
    """Raise NotKnown for an account that is neither configured nor in the ledger."""
    if account not in settings.accounts and not ledger.inquiries.knows_account(account):
        require_configured(settings, account)


def account_of(ledger: Ledger, settings: Settings, order_id: str, account: str | None) -> str:
    """Return the account of an order; `account` where it is named.

    Raises:
        NotKnown: the account is unknown, or none or more than one has the order.
        ConfigurationError: no account is configured, and the ledger does not know the order.
    """
    if account is not None:
        require_known(ledger, settings, account)
        return account
    accounts = ledger.inquiries.accounts_of(order_id)
    if len(accounts) == 1:
        return accounts[0]
    # A mistyped account name in the ledger must not make the order ambiguous for good.
    configured = [name for name in accounts if name in settings.accounts]
    if len(configured) == 1:
        return configured[0]
    if not accounts:
        require_accounts(settings)
        if len(settings.accounts) == 1:
            return next(iter(settings.accounts))
    known = f"is known in {', '.join(accounts)}" if accounts else "is not in the ledger"
    choices = " or ".join(f"--account {name}" for name in accounts or sorted(settings.accounts))
    raise NotKnown(f"Order {order_id} {known}. Name its account: {choices}")
