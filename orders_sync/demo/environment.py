"""The environment of a demo's processes: the sandbox is their only account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orders_sync.settings import child_environment
from orders_sync.settings_variables import PREFIX

#: The account that the sandbox plays.
ACCOUNT = "sandbox"

#: Made up: nobody but the sandbox posts to a demo's hook.
HOOK_SECRET = "the-hook-of-a-demo"  # noqa: S105
APP_KEY = "vtexappkey-sandbox-DEMO"

_SETTINGS = {
    f"ACCOUNTS__{ACCOUNT.upper()}__APP_KEY": APP_KEY,
    f"ACCOUNTS__{ACCOUNT.upper()}__HOOK_SECRET": HOOK_SECRET,
    f"ACCOUNTS__{ACCOUNT.upper()}__APP_TOKEN": "demo",
    "ACKNOWLEDGE_SECONDS": "1",
    "FEED__VISIBILITY_SECONDS": "30",
    "LEASE_SECONDS": "24",
    "LOG_FORMAT": "json",
    "IDLE_POLL_SECONDS": "2",
    "PULL_SECONDS": "1",
    "SWEEP_SECONDS": "2",
    "VTEX__READ_SECONDS": "5",
    "VTEX__TOTAL_SECONDS": "8",
    "VTEX__VISIBLE_AFTER_SECONDS": "1",
}
#: A Tryton on SQLite writes one transaction after the other.
_OF_ERP: Mapping[str, Mapping[str, str]] = {
    "tryton": {f"ACCOUNTS__{ACCOUNT.upper()}__ERP_CALLS_AT_ONCE": "2"},
}
#: Chaos may not use the attempts up: then an order would be parked for bad luck.
_PATIENT_QUEUES = ("ORDERS", "ERP", "INVOICE", "TRACKING", "CANCEL", "CHANGE")
_PATIENCE = {"FIRST_SECONDS": "0.5", "CAP_SECONDS": "5", "ATTEMPTS": "100"}


def demo_environment(
    home: Path,
    *,
    broker_url: str,
    sandbox_url: str,
    erp: str = "staging",
    erp_options: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Return this process's environment without its own settings, and with the demo's.

    Accounts that are configured here must never be worked on by a demo.
    """
    settings = {
        **_SETTINGS,
        **_OF_ERP.get(erp, {}),
        **{f"RETRY__{q}__{figure}": v for q in _PATIENT_QUEUES for figure, v in _PATIENCE.items()},
        f"ACCOUNTS__{ACCOUNT.upper()}__BASE_URL": sandbox_url,
        f"ACCOUNTS__{ACCOUNT.upper()}__ERP": erp,
        f"ACCOUNTS__{ACCOUNT.upper()}__ERP_OPTIONS": json.dumps({**(erp_options or {})}),
        # Storms of 429 come whatever the rate is, so a cautious one would only be slow.
        f"ACCOUNTS__{ACCOUNT.upper()}__REQUESTS_PER_MINUTE": "60000",
        "BROKER_URL": broker_url,
        "HOME": str(home),
    }
    return {**plain_environment(), **{PREFIX + name: value for name, value in settings.items()}}


def plain_environment() -> dict[str, str]:
    """Return this process's environment without any setting of orders_sync or of Flower."""
    return {
        name: value
        for name, value in child_environment().items()
        if not name.upper().startswith((PREFIX, "FLOWER_"))
    }
