"""The kinds of values that commands take, each with its check and its completion."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from orders_sync.settings import load_settings

_SUGGESTIONS: Final = 50
#: Longer ones are refused wherever they come from.
_LONGEST_ID: Final = 255
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
#: As many times the largest body that is accepted may be read, since JSON has blanks.
_BLANKS: Final = 4


class Suggested(click.ParamType[str]):
    """A text, completed by what `find` returns for its beginning."""

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
            texts = self._find(incomplete)
            return [CompletionItem(text) for text in texts if text.startswith(incomplete)]
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
        parts = re.fullmatch(r"(\d{1,6})([smhd])", str(value).strip())
        if parts is None:
            self.fail(f"{value!r} is none; write 90s, 30m, 2h or 3d", param, ctx)
        return timedelta(seconds=int(parts[1]) * _UNITS[parts[2]])


class Instant(click.ParamType[datetime]):
    """A day, or an instant of one, in UTC unless it has an offset.

    With `is_end` a day means until its end.
    """

    name = "date"

    def __init__(self, *, is_end: bool = False) -> None:
        self._is_end = is_end

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read the day or the instant."""
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        try:
            if len(text) == len("2026-11-27"):
                day = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
                return day + timedelta(days=1) if self._is_end else day
            instant = datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is no date; write 2026-11-27 or 2026-11-27T18:30Z", param, ctx)
        return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


class BoundedFile(click.ParamType[bytes]):
    """A file's bytes, or those of standard input; neither may be larger than a body could be."""

    name = "file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """Read the file, unless it is of a kind that may have no end."""
        if isinstance(value, bytes):
            return value
        most: int = load_settings().max_command_bytes * _BLANKS
        if value == "-":
            text = sys.stdin.buffer.read(most + 1)
        else:
            try:
                # A pipe that nobody writes to is opened at once, and refused.
                with open(value, "rb", opener=_open_at_once) as file:
                    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                        self.fail(f"{value} is no regular file; give - and pipe it in", param, ctx)
                    text = file.read(most + 1)
            except OSError as error:
                self.fail(f"{value}: {error.strerror}", param, ctx)
        if len(text) > most:
            self.fail(f"it has more than {most} bytes, which no command has", param, ctx)
        return text


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def read_object(text: bytes) -> dict[str, Any]:
    """Return the JSON object that a file holds.

    Raises:
        click.ClickException: there is none in it.
    """
    try:
        value = json.loads(text.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise click.ClickException(f"--file is not JSON: {error.msg} at {where}.") from error
    except (ValueError, RecursionError) as error:
        raise click.ClickException("--file is not JSON in UTF-8 that can be read.") from error
    if not isinstance(value, dict):
        raise click.ClickException(
            f"--file must be a JSON object with the fields, and is a {type(value).__name__}."
        )
    return value


def _accounts(_: str) -> Sequence[str]:
    from orders_sync.cli.context import load_current  # noqa: PLC0415 - Completion must be quick.

    return sorted(load_current().accounts)


def _parked_ids(beginning: str) -> Sequence[str]:
    from orders_sync.ledger.searches import Searches  # noqa: PLC0415 - Completion must be quick.

    return _of_ledger(lambda database: Searches(database).parked_ids(beginning, limit=_SUGGESTIONS))


def _parked_causes(_: str) -> Sequence[str]:
    from orders_sync.ledger.searches import Searches  # noqa: PLC0415

    return _of_ledger(lambda database: sorted(Searches(database).parked_counts()))


def _of_ledger(query: Callable[[Any], Sequence[str]]) -> Sequence[str]:
    """Return what the ledger has, if there is one; a file that is not there is not made."""
    from orders_sync.ledger.engine import Database  # noqa: PLC0415 - Completion must be quick.

    url = load_settings().ledger
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return []
    database = Database(url)
    try:
        return query(database)
    finally:
        database.close()


ACCOUNT = Suggested("account", _accounts)
CAUSE = Suggested("cause", _parked_causes)
ORDER_ID = OrderId("id", _parked_ids)
DURATION = Duration()

account_of_order = click.option(
    "--account", type=ACCOUNT, help="The VTEX account, where more than one has the order."
)
json_file = click.option(
    "--file",
    "file",
    type=BoundedFile(),
    metavar="JSON|-",
    help="A file with a JSON object of fields (-: standard input); options come on top of it.",
)
limit = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="The most shown."
)
