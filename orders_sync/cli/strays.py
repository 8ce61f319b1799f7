"""Stray messages as `orders-sync parked` shows them, and the way back to their queue."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from orders_sync.broker.scripts import STRAYS_LIMIT
from orders_sync.cli.output import echo, print_rows
from orders_sync.cli.telling import print_fields
from orders_sync.domain.words import at
from orders_sync.ledger import Ledger
from orders_sync.ledger.strays import RETRYABLE, DroppedStrays

_COLUMNS = ("id", "arrived_at", "queue", "reason", "name", "size")
_FIELDS = "id arrived_at queue reason name size standing decided_at"


def print_strays(strays: Sequence[Mapping[str, Any]], total: int) -> None:
    """List strays in words, with what a person can do."""
    echo()
    echo(f"Stray messages, which no task could take: {total} parked")
    print_rows(strays, _COLUMNS, empty="")
    echo("  What its sender meant: orders-sync parked show ID, then retry or discard it.")


def print_dropped(dropped: DroppedStrays) -> None:
    """Say that the broker had more strays than it keeps."""
    echo()
    echo(
        f"{dropped.count} stray messages were dropped by {at(dropped.seen_at)}: the broker keeps "
        f"no more than {STRAYS_LIMIT}."
    )
    echo("  Mend their sender, and have it send again what is still wanted.")


def told_of_stray(ledger: Ledger, stray: Mapping[str, Any], *, with_body: bool) -> dict[str, Any]:
    """Give what is told of a stray; its body, as text, only where it was asked for."""
    told = dict(stray)
    if with_body:
        body = ledger.strays.body(stray["id"])
        told["body"] = None if body is None else body.decode(errors="backslashreplace")
    return told


def print_stray(stray: Mapping[str, Any]) -> None:
    """Tell about one stray on the screen."""
    print_fields(stray, _FIELDS)
    if stray["standing"] == "parked":
        echo()
        if stray["reason"] in RETRYABLE and stray["has_body"]:
            echo("Once a worker knows the task, or the queue is the right one:")
            echo(f"  orders-sync parked retry {stray['id']}")
        echo("Once its sender has mended it:")
        echo(f"  orders-sync parked discard {stray['id']} --reason TEXT")
    if "body" in stray:
        echo()
        echo("Message")
        echo("It is erased." if stray["body"] is None else _shown(stray["body"]), of_lines=True)
    elif stray["has_body"]:
        echo()
        echo("Its body may be personal. To see it: --body")


def _shown(body: str) -> str:
    """Return a body, indented where it is JSON."""
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = body
    return text
