"""What is known of orders that did not end, written down to find out why."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chaos.world import World

from orders_sync.demo.environment import ACCOUNT

_MOST = 10


def write_stories(home: Path, world: World, order_ids: Sequence[str]) -> None:
    """Write what our ledger and VTEX say of some orders, one file in `unended` for each."""
    for order_id in order_ids[:_MOST]:
        story = {"ledger": _of_ledger(world, order_id), "vtex": asdict(world.api.order(order_id))}
        path = home / "unended" / f"{order_id}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(story, indent=2, ensure_ascii=False))


def _of_ledger(world: World, order_id: str) -> Any:
    try:
        return world.ask("orders", "show", order_id, "--account", ACCOUNT)
    except subprocess.CalledProcessError as error:
        return error.stderr.decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        return str(error)
