"""The ERP behind the adapter `webhook`: the receiver of the docs, as it runs."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from support.waiting import until

from orders_sync.embedded.broker import free_port
from orders_sync.listening import is_listening

FOLDER: Final = Path(__file__).parents[2] / "docs" / "webhook-erp"
SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYq="
NEW_SECRET: Final = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDC2FVsBQIhrs="


@dataclass
class Books:
    """The receiver of the docs, as it runs, and what it wrote down."""

    url: str
    folder: Path

    def ask(self, statement: str, *values: Any) -> list[Any]:
        """Query the receiver's own database."""
        with closing(sqlite3.connect(self.folder / "erp.sqlite3", timeout=30)) as erp, erp:
            return erp.execute(statement, values).fetchall()

    def orders(self, order_id: str) -> list[tuple[str, Mapping[str, Any] | None]]:
        """Return state and message of each row of an order."""
        rows = self.ask("SELECT state, body FROM orders WHERE id = ?", order_id)
        return [(state, json.loads(body) if body else None) for state, body in rows]


@contextmanager
def running_receiver(folder: Path, secret: str = SECRET) -> Iterator[Books]:
    """Run the receiver of the docs by the command that they give."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "receiver:app", f"--app-dir={FOLDER}"]
    process = subprocess.Popen(
        [*command, f"--port={port}", "--log-level=error"],
        cwd=folder,
        env={**os.environ, "ERP_SECRET": secret},  # noqa: TID251 - another program's environment.
    )
    try:
        until(lambda: is_listening("127.0.0.1", port), "the receiver listens")
        yield Books(f"http://127.0.0.1:{port}/", folder)
    finally:
        process.terminate()
        process.wait()
