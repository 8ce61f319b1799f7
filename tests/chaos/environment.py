"""The settings of a run: production's, but that a year happens in about two minutes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chaos import hanging_erp
from chaos.plan import LONGEST_EFFECT_SECONDS, AccountPlan

from orders_sync.demo.environment import plain_environment
from orders_sync.settings import Settings
from orders_sync.settings_variables import PREFIX

_ROOT: Final = Path(__file__).parents[2]

#: Waits are shortened and keep their order: a call to VTEX (4 s) and one to the ERP (10 s) end
#: within a lease, and a lease within the time that the feed hides an event. The numbers of attempts
#: and the deadlines are production's: an order that a fault parks is a broken promise.
_SETTINGS: Final = {
    "ACKNOWLEDGE_SECONDS": "1",
    "COMPARE_HOURS": "0.002",
    "FEED__VISIBILITY_SECONDS": "30",
    "LEASE_SECONDS": "15",
    "LOG_FORMAT": "json",
    "PROCESSES": "3",
    "PULL_SECONDS": "1",
    "RECONCILE_SECONDS": "5",
    "SWEEP_SECONDS": "1",
    "VISIBILITY_TIMEOUT_SECONDS": "90",
    "VTEX__CONNECT_SECONDS": "1",
    "VTEX__READ_SECONDS": "2",
    "VTEX__TOTAL_SECONDS": "4",
    "VTEX__VISIBLE_AFTER_SECONDS": str(LONGEST_EFFECT_SECONDS + 1),
    "WATCH_FEED_SECONDS": "5",
}
HOOK_SECRET: Final = "the-hook-of-a-run"
_WORKING_QUEUES: Final = ("ORDERS", "ERP", "INVOICE", "TRACKING", "CANCEL", "CHANGE")
_PACE: Final = {"FIRST_SECONDS": "0.5", "CAP_SECONDS": "8"}


@dataclass(frozen=True, slots=True)
class Peers:
    """Where an account's VTEX and ERP are."""

    plan: AccountPlan
    sandbox_url: str
    erp_url: str


def chaos_environment(
    home: Path, accounts: Iterable[Peers], *, broker_url: str, ledger_url: str
) -> dict[str, str]:
    """Return the environment of workers and beats, and of the command line beside them."""
    settings = {
        **{name: value for name, value in _SETTINGS.items() if _is_known(name)},
        **{f"RETRY__{queue}__{name}": v for queue in _WORKING_QUEUES for name, v in _PACE.items()},
        "BROKER_URL": broker_url,
        "HOME": str(home),
        "LEDGER_URL": ledger_url,
    }
    for account in accounts:
        settings |= _account(account)
    named = {PREFIX + name: value for name, value in settings.items()}
    return child_environment(adapters_folder(home), **named)


def app_key(account: str) -> str:
    """Return the application key of an account."""
    return f"vtexappkey-{account}-CHAOS"


def adapters_folder(home: Path) -> Path:
    """Return the folder in which processes find the run's own ERP adapter."""
    return home / "adapters"


def child_environment(*folders: Path, **more: str) -> dict[str, str]:
    """Return the environment of a process that runs in the home folder and may import ours."""
    plain = plain_environment()
    path = [str(_ROOT), str(_ROOT / "tests"), *map(str, folders), plain.get("PYTHONPATH", "")]
    return {**plain, **more, "PYTHONPATH": os.pathsep.join(filter(None, path))}


def _account(account: Peers) -> dict[str, str]:
    settings = {
        "APP_KEY": app_key(account.plan.name),
        "HOOK_SECRET": HOOK_SECRET,
        "APP_TOKEN": "chaos",
        "BASE_URL": account.sandbox_url,
        "ERP": hanging_erp.NAME,
        "ERP_OPTIONS": json.dumps({"url": account.erp_url}),
        "REQUESTS_PER_MINUTE": str(account.plan.configured_per_minute),
    }
    return {f"ACCOUNTS__{account.plan.name.upper()}__{n}": v for n, v in settings.items()}


def _is_known(name: str) -> bool:
    """Check whether there is such a setting: what is shortened may be none."""
    model: Any = Settings
    for part in name.lower().split("__"):
        field = getattr(model, "model_fields", {}).get(part)
        if field is None:
            return False
        model = field.annotation
    return True
