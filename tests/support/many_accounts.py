"""A process with many accounts that uses each of them, and counts what it has open.

    python tests/support/many_accounts.py < settings.json

`settings.json` has `ledger_url`, `home`, `accounts` (name: its VTEX's address and its ERP's
options) and `threads`. It prints the most files that were open at once and how many are in the end,
and then waits for the end of its input.
"""

from __future__ import annotations

import json
import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sqlalchemy as sa

from orders_sync.bootstrap import Services
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- quicker than paths.


def tell(**figures: int) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


def main() -> None:
    given = json.loads(sys.stdin.readline())
    accounts = {
        name: AccountSettings(
            app_key="key", app_token="token", base_url=url, erp="staging", erp_options=options
        )
        for name, (url, options) in given["accounts"].items()
    }
    settings = Settings(accounts=accounts, home=Path(given["home"]), ledger_url=given["ledger_url"])
    services = Services(settings, random=random.Random(1))

    def use(account: str) -> int:
        events = services.vtex(account).get_feed()
        commands = services.erp(account).pull(None).rows
        with services.ledger.database.reading() as connection:
            connection.execute(sa.text("SELECT 1"))
        assert not events
        assert not commands
        return open_files()

    with ThreadPoolExecutor(given["threads"]) as threads:
        most = max(threads.map(use, [*accounts] * 2))
    tell(most=most, last=open_files())
    sys.stdin.readline()
    services.close()
    tell(closed=open_files())


if __name__ == "__main__":
    main()
