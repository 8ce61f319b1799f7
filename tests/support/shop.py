"""The command line on a ledger and a sandbox of its own, with no broker and no workers."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from support.ledger_files import make_ledger

from orders_sync.cli import main
from orders_sync.ledger import Ledger
from orders_sync.sandbox import Box

STORE = "mystore"
HOOK_SECRET = "a-secret-of-the-hook"


class Shop:
    """One account; what a person types is run in this process."""

    def __init__(self, home: Path, box: Box, vtex_url: str) -> None:
        self.box = box
        self.environment = {
            "ORDERS_SYNC_HOME": str(home),
            f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__APP_KEY": "key",
            f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__APP_TOKEN": "token",
            f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__BASE_URL": vtex_url,
            f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__HOOK_SECRET": HOOK_SECRET,
            "COLUMNS": "300",
        }
        url = make_ledger(f"sqlite:///{home / 'ledger.sqlite3'}")
        self.ledger = Ledger(url, lease=timedelta(seconds=60))

    def types(self, *arguments: str, stdin: str | None = None) -> Result:
        """Run a command, whatever comes of it."""
        return CliRunner().invoke(main, arguments, input=stdin, env=self.environment)

    def prints(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a command that succeeds; give what it prints."""
        result = self.types(*arguments, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def answers(self, *arguments: str, stdin: str | None = None) -> Any:
        """Run a command with --json that succeeds; give what it says."""
        return json.loads(self.prints(*arguments, "--json", stdin=stdin))

    def command(self, command_id: str) -> dict[str, Any]:
        row = self.ledger.inquiries.command(command_id)
        assert row is not None
        return row
