"""The kinds of values that commands take, each with its check and its completion."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

_SUGGESTIONS = 50
#: Longer ones are refused wherever they come from.
_LONGEST_ID = 255
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Suggested(click.ParamType[str]):
    """A text, completed by what `find` gives for its beginning."""

    def __init__(self, name: str, find: Callable[[str], Sequence[str]]) -> None:
        self.name = name
        self._find = find

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Suggest what is found; completion is no place to complain."""
        with contextlib.suppress(Exception):
            found = self._find(incomplete)
            return [CompletionItem(each) for each in found if each.startswith(incomplete)]
        return []


class OrderId(Suggested):
    """The id of an order or a command, without blanks around it.

    What does not show is let in: an order of another system may be called so.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what cannot be an id."""
        text = str(value).strip(" \t\r\n")
        if not text or _UNSTORABLE.search(text) or len(text) > _LONGEST_ID:
            self.fail("an id has letters and digits, such as 1172452900788-01", param, ctx)
        return text


class Duration(click.ParamType[timedelta]):
    """A length of time, such as 90s, 30m, 2h or 3d."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read the number and its unit."""
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d{1,6})([smhd])", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is none; write 90s, 30m, 2h or 3d", param, ctx)
        return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def _accounts(_: str) -> Sequence[str]:
    from orders_sync.cli.workplace import load_current  # noqa: PLC0415 - Completion must be quick.

    return sorted(load_current().accounts)


def _parked_ids(beginning: str) -> Sequence[str]:
    from orders_sync.ledger.searches import Searches  # noqa: PLC0415 - Completion must be quick.

    return _of_ledger(lambda database: Searches(database).parked_ids(beginning, limit=_SUGGESTIONS))


def _parked_causes(_: str) -> Sequence[str]:
    from orders_sync.ledger.searches import Searches  # noqa: PLC0415

    return _of_ledger(lambda database: sorted(Searches(database).parked_counts()))


def _of_ledger(ask: Callable[[Any], Sequence[str]]) -> Sequence[str]:
    """Ask the ledger, if there is one; a file that is not there is not made."""
    from orders_sync.ledger.engine import Database  # noqa: PLC0415 - Completion must be quick.
    from orders_sync.settings import load_settings  # noqa: PLC0415

    url = load_settings().ledger
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return []
    database = Database(url)
    try:
        return ask(database)
    finally:
        database.close()


ACCOUNT = Suggested("account", _accounts)
CAUSE = Suggested("cause", _parked_causes)
ORDER_ID = OrderId("id", _parked_ids)
DURATION = Duration()

account_of_order = click.option(
    "--account", type=ACCOUNT, help="The VTEX account, where more than one has the order."
)
limit = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="The most shown."
)
