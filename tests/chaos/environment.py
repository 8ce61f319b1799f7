"""The settings of a run: production's, but that a year happens in about two minutes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from orders_sync.demo.environment import ACCOUNT, plain_environment
from orders_sync.settings_problems import PREFIX

_ROOT: Final = Path(__file__).parents[2]
_ACCOUNT: Final = f"ACCOUNTS__{ACCOUNT.upper()}__"

#: Waits are shortened and keep their order: a call to VTEX (4 s) and one to the ERP (10 s) end
#: within a lease, and a lease within the time that the feed hides an event. The numbers of attempts
#: and the deadlines are production's: an order that a fault parks is a broken promise.
_SETTINGS: Final = {
    f"{_ACCOUNT}APP_KEY": "vtexappkey-sandbox-CHAOS",
    f"{_ACCOUNT}APP_TOKEN": "chaos",
    f"{_ACCOUNT}ERP": "staging",
    "ACKNOWLEDGE_SECONDS": "1",
    "FEED__VISIBILITY_SECONDS": "30",
    "LEASE_SECONDS": "15",
    "LOG_FORMAT": "json",
    "PROCESSES": "3",
    "IDLE_POLL_SECONDS": "2",
    "PULL_SECONDS": "1",
    "RECONCILE_SECONDS": "5",
    "SWEEP_SECONDS": "1",
    "VISIBILITY_TIMEOUT_SECONDS": "90",
    "VTEX__CONNECT_SECONDS": "1",
    "VTEX__READ_SECONDS": "2",
    "VTEX__TOTAL_SECONDS": "4",
    "VTEX__VISIBLE_AFTER_SECONDS": "2",
    "WATCH_FEED_SECONDS": "5",
}
_WORKING_QUEUES: Final = ("ORDERS", "ERP", "INVOICE", "TRACKING", "CANCEL", "CHANGE")
_PACE: Final = {"FIRST_SECONDS": "0.5", "CAP_SECONDS": "8"}


def chaos_environment(
    home: Path,
    *,
    broker_url: str,
    sandbox_url: str,
    ledger_url: str,
    erp_url: str,
    requests_per_minute: int,
) -> dict[str, str]:
    """Give the environment of workers and beats, and of the command line beside them.

    They may make nine tenths of VTEX's `requests_per_minute`, since others share the account.
    """
    settings = {
        **_SETTINGS,
        **{f"RETRY__{queue}__{name}": v for queue in _WORKING_QUEUES for name, v in _PACE.items()},
        f"{_ACCOUNT}BASE_URL": sandbox_url,
        f"{_ACCOUNT}ERP_OPTIONS": json.dumps({"url": erp_url}),
        f"{_ACCOUNT}REQUESTS_PER_MINUTE": str(requests_per_minute * 9 // 10),
        "BROKER_URL": broker_url,
        "HOME": str(home),
        "LEDGER_URL": ledger_url,
    }
    return child_environment(**{PREFIX + name: value for name, value in settings.items()})


def child_environment(**more: str) -> dict[str, str]:
    """Give the environment of a process that runs in the home folder and may import ours."""
    plain = plain_environment()
    path = [str(_ROOT), str(_ROOT / "tests"), plain.get("PYTHONPATH", "")]
    return {**plain, **more, "PYTHONPATH": os.pathsep.join(filter(None, path))}
