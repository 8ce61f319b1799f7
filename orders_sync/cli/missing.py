"""What to say of an order that the ledger does not have: does VTEX, and how is it fetched?"""

from __future__ import annotations

from collections.abc import Sequence

from orders_sync.errors import NotFound, OrdersSyncError
from orders_sync.ledger import Ledger
from orders_sync.ledger.searches import suborders
from orders_sync.settings import Settings
from orders_sync.terminal import legible, order_command

_CALL_SECONDS = 5.0


def describe_missing(ledger: Ledger, settings: Settings, accounts: Sequence[str], it: str) -> str:
    """Ask VTEX about an order by its id (`it`) and say in one line what can be done."""
    split = suborders(ledger.database, accounts, it)
    if split:
        account, order_id = split[0]
        ids = ", ".join(legible(order_id) for _, order_id in split)
        return (
            f"{legible(it)} is a purchase; its orders in the ledger are {ids}. "
            f"See: {order_command('orders show', order_id, account)}"
        )
    said = f"Order {legible(it)} is not in the ledger"
    for account in accounts:
        if account not in settings.accounts:
            continue
        command = order_command("orders sync", it, account)
        try:
            _read(settings, account, it)
        except NotFound:
            continue
        except OrdersSyncError as error:
            return f"{said}, and VTEX could not be asked ({_short(error)}). Fetch it: {command}"
        return f"{said}, and VTEX has it in {account}. Fetch it: {command}"
    where = ", ".join(accounts)
    return (
        f"{said}, and VTEX has none by that id in {where}. Check the id (a marketplace's is not "
        "its seller's); if VTEX shows it later: "
        f"{order_command('orders sync', it, accounts[0])}"
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
