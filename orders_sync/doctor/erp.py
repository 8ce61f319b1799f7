"""Examines the ERP of an account, as far as its adapter looks."""

from __future__ import annotations

from collections.abc import Iterator

from orders_sync.doctor.findings import Finding, State, of_error
from orders_sync.erp.registry import create
from orders_sync.errors import OrdersSyncError
from orders_sync.settings import Settings

CHECK = "ERP"


def examine_erp(account: str, settings: Settings) -> Iterator[Finding]:
    """Have the account's adapter look at its ERP."""
    keys = settings.accounts[account]
    try:
        erp = create(keys.erp, account=account, options=keys.erp_options, home=settings.home)
    except OrdersSyncError as error:
        yield of_error(account, CHECK, error)
        return
    try:
        erp.check()
        yield Finding(account, CHECK, State.OK, f"the adapter {keys.erp} reaches it")
    finally:
        erp.close()
