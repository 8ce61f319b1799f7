"""One order's story, or what to say where the ledger knows nothing of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from orders_sync.backoffice.accounts import NotKnown, account_of
from orders_sync.backoffice.order_report import story_of
from orders_sync.cli.workplace import load_current
from orders_sync.errors import NotFound, OrdersSyncError
from orders_sync.ledger import Ledger
from orders_sync.settings import Settings
from orders_sync.terminal import legible, order_command

_CALL_SECONDS = 5.0


def find_story(
    ledger: Ledger, order_id: str, account: str | None, *, now: datetime
) -> dict[str, Any]:
    """Return the story of an order; `account` may be left out where only one has it.

    Raises:
        NotKnown: the ledger knows nothing of the order, and VTEX was asked about it; or more than
            one account has it.
    """
    settings = load_current()
    if account is None and not ledger.inquiries.accounts_of(order_id):
        commands = ledger.inquiries.list_commands(order_id=order_id, limit=1)
        if not commands and settings.accounts:
            accounts = sorted(settings.accounts)
            raise NotKnown(_describe_missing(ledger, settings, accounts, order_id))
        account = commands[0]["account"] if commands else None
    account = account_of(ledger, settings, order_id, account)
    story = story_of(ledger, account, order_id, now=now)
    if story is None:
        raise NotKnown(_describe_missing(ledger, settings, [account], order_id))
    return story.model_dump()


def _describe_missing(
    ledger: Ledger, settings: Settings, accounts: Sequence[str], named: str
) -> str:
    """Ask VTEX about an order by its id (`named`) and say in one line what can be done."""
    split = ledger.inquiries.suborders(accounts, named)
    if split:
        account, order_id = split[0]
        ids = ", ".join(legible(order_id) for _, order_id in split)
        return (
            f"{legible(named)} is a purchase; its orders in the ledger are {ids}. "
            f"See: {order_command('orders show', order_id, account)}"
        )
    said = f"Order {legible(named)} is not in the ledger"
    for account in accounts:
        if account not in settings.accounts:
            continue
        command = order_command("orders sync", named, account)
        try:
            _read(settings, account, named)
        except NotFound:
            continue
        except OrdersSyncError as error:
            return f"{said}, and VTEX could not be asked ({_short(error)}). Fetch it: {command}"
        return f"{said}, and VTEX has it in {account}. Fetch it: {command}"
    where = ", ".join(accounts)
    return (
        f"{said}, and VTEX has none by that id in {where}. Check the id (a marketplace's is not "
        "its seller's); if VTEX shows it later: "
        f"{order_command('orders sync', named, accounts[0])}"
    )


def _read(settings: Settings, account: str, order_id: str) -> None:
    from orders_sync.bootstrap import build  # noqa: PLC0415 - requests is slow to import.

    bounds = settings.vtex.model_copy(
        update={"read_seconds": _CALL_SECONDS, "total_seconds": _CALL_SECONDS}
    )
    services = build(settings.model_copy(update={"vtex": bounds}))
    try:
        services.vtex(account).get_order(order_id)
    finally:
        services.close()


def _short(error: OrdersSyncError) -> str:
    return str(error).rstrip(".")
