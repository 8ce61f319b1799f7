"""Examines the ERP of an account, as far as its adapter looks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from orders_sync.doctor.findings import Finding, State, of_error
from orders_sync.domain.words import count_of
from orders_sync.erp.base import Erp, ErpBase
from orders_sync.erp.mapping import read_mapping
from orders_sync.erp.registry import create
from orders_sync.errors import OrdersSyncError
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings
from orders_sync.token_store import ReadTokens

CHECK = "ERP"


def examine_erp(account: str, settings: Settings) -> Iterator[Finding]:
    """Examine the account's ERP, as far as its adapter looks."""
    keys = settings.accounts[account]
    try:
        rows = read_mapping(keys.erp_mapping).count if keys.erp_mapping else None
        erp = create(
            keys.erp,
            account=account,
            options=keys.erp_options,
            home=settings.home,
            mapping=keys.erp_mapping,
            tokens=ReadTokens(account, settings, clock=partial(datetime.now, UTC)),
        )
    except OrdersSyncError as error:
        yield of_error(account, CHECK, error)
        return
    try:
        to_come = erp.check()
        more = f"; {to_come}" if to_come else ""
        asks_mapping = isinstance(erp, ErpBase) and erp.asks_mapping
        if rows is not None and asks_mapping:
            more += f"; {count_of(rows, 'row')} of {keys.erp_mapping}"
        yield Finding(account, CHECK, State.OK, f"the adapter {keys.erp} reaches it{more}")
        if rows is not None and not asks_mapping:
            yield Finding(
                account,
                CHECK,
                State.WARNING,
                f"the adapter {keys.erp} never asks {keys.erp_mapping}, which so has no effect",
                "Take ERP_MAPPING away from the account, or give it an adapter that maps names: "
                "docs/writing-an-erp-adapter.md",
            )
        if to_come is None and account == _first_of(settings, keys):
            yield from _unserved(account, erp, settings)
    finally:
        erp.close()


def _first_of(settings: Settings, keys: AccountSettings) -> str:
    """Return the first of the accounts that share an ERP, which alone is asked about the rest."""
    same = (keys.erp, keys.erp_options)
    return min(
        a for a, other in settings.accounts.items() if (other.erp, other.erp_options) == same
    )


def _unserved(account: str, erp: Erp, settings: Settings) -> Iterator[Finding]:
    """Yield a finding of each account that has commands of the ERP and is not configured."""
    if not isinstance(erp, ErpBase):
        return
    for stranger, count in sorted(erp.unserved(list(settings.accounts)).items()):
        yield Finding(
            account,
            CHECK,
            State.WARNING,
            f"{count_of(count, 'command')} {'waits' if count == 1 else 'wait'} for the account "
            f"{stranger!r}, which is not configured here",
            "Correct the account in their rows, or configure it: "
            f"ORDERS_SYNC_ACCOUNTS__{stranger.upper()}__APP_KEY and the rest.",
        )
