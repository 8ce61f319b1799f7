"""What is known of orders that did not end, written down to find out why."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chaos.account import Account
from chaos.evidence import Seen, unended
from chaos.world import World

_MOST = 3


def write_stories(home: Path, world: World, seen: Seen) -> None:
    """Write what our ledger and VTEX say of some orders, one file of `unended` for each."""
    for name, account in seen.accounts.items():
        order_ids = unended(account.sandbox.orders, account.asked, account.answers)
        for order_id in order_ids[:_MOST]:
            _write_story(home / "unended", world, world.accounts[name], order_id)


def _write_story(folder: Path, world: World, account: Account, order_id: str) -> None:
    vtex = asdict(account.api.order(order_id))
    story = {"ledger": _of_ledger(world, account.plan.name, order_id), "vtex": vtex}
    folder.mkdir(exist_ok=True)
    path = folder / f"{account.plan.name} {order_id}.json"
    path.write_text(json.dumps(story, indent=2, ensure_ascii=False))


def _of_ledger(world: World, account: str, order_id: str) -> Any:
    try:
        return world.ask("orders", "show", order_id, "--account", account)
    except subprocess.CalledProcessError as error:
        return error.stderr.decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        return str(error)
