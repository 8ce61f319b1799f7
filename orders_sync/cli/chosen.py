"""Which parked orders, commands and strays a person means: by id, or all of one cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click

from orders_sync.cli.workplace import account_of
from orders_sync.domain.rules import Standing
from orders_sync.ledger import Ledger

#: As many at a time; a run again takes the next.
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """An order, a command of one, or a stray message, which has neither order nor account."""

    account: str
    order_id: str
    command_id: str | None = None
    kind: str | None = None
    stray_id: str | None = None

    def __str__(self) -> str:
        if self.stray_id is not None:
            return f"stray message {self.stray_id}"
        what = f"{self.kind} {self.command_id} of " if self.command_id else ""
        return f"{what}order {self.order_id or '?'} of {self.account or '?'}"

    def as_object(self) -> dict[str, Any]:
        """Give what `--json` says of it."""
        return asdict(self)


def check_choice(ids: Sequence[str], cause: str | None, *, is_all: bool, dry_run: bool) -> None:
    """Refuse a choice that is none, or that may be larger than was meant.

    Raises:
        click.UsageError: ids and a cause were given, or neither, or a cause without --all.
    """
    if bool(ids) == bool(cause):
        raise click.UsageError("Name orders or commands, or strays, or one --cause.")
    if ids and is_all:
        raise click.UsageError("--all belongs to a --cause.")
    if cause and not (is_all or dry_run):
        raise click.UsageError(f"Say --all to take everything that is parked for {cause}.")


def choose(
    ledger: Ledger, ids: Sequence[str], cause: str | None, account: str | None
) -> list[Chosen]:
    """Find what is meant, each once."""
    if cause is not None:
        return _parked_for(ledger, cause, account)
    return [_find(ledger, each, account) for each in dict.fromkeys(ids)]


def _parked_for(ledger: Ledger, cause: str, account: str | None) -> list[Chosen]:
    wanted: dict[str, Any] = {
        "account": account,
        "standing": Standing.PARKED,
        "cause": cause,
        "limit": _MOST,
    }
    orders = ledger.inquiries.list_orders(**wanted)
    commands = ledger.inquiries.list_commands(**wanted)
    strays = [] if account else ledger.strays.parked(reason=cause, limit=_MOST)
    return [
        *(Chosen(row["account"], row["order_id"]) for row in orders),
        *(Chosen(row["account"], row["order_id"], row["id"], row["kind"]) for row in commands),
        *(_stray(row["id"]) for row in strays),
    ]


def _find(ledger: Ledger, each: str, account: str | None) -> Chosen:
    row = ledger.inquiries.command(each)
    if row is not None:
        return Chosen(row["account"], row["order_id"], each, row["kind"])
    if ledger.strays.find(each) is not None:
        return _stray(each)
    return Chosen(account_of(ledger, each, account), each)


def _stray(stray_id: str) -> Chosen:
    return Chosen(account="", order_id="", stray_id=stray_id)
