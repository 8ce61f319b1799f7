"""How commands print: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from orders_sync.terminal import LINES, legible

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

#: Of what is not read on a screen, so that a line stays one line for `grep`.
_WIDTH_OF_A_PIPE = 240


def echo(text: str = "", *, err: bool = False, bold: bool = False, of_lines: bool = False) -> None:
    """Print a line; what a terminal would obey in it is spelt out.

    That holds for line breaks too, except in a text `of_lines`.
    """
    click.secho(legible(text, keep=LINES if of_lines else ""), err=err, bold=bold or None)


def print_json(value: Any) -> None:
    """Print one JSON value on standard output; times are ISO 8601 in UTC."""
    click.echo(json.dumps(value, indent=2, default=_plain))


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, empty: str) -> None:
    """Print rows as a table of some of their columns, or say in words that there is none."""
    if not rows:
        echo(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH_OF_A_PIPE)
    console.print(table)


def print_more(total: int, shown: int, counted: int) -> None:
    """Say how many of a search's rows are not shown; no more than `counted` were counted."""
    if total > shown:
        most = "at least " if total >= counted else ""
        echo(f"{most}{total - shown} more; see them with --limit, or narrow the search.")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return legible(str(value))


def _plain(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
