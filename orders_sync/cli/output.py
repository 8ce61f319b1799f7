"""Prints what commands have to say: sentences and tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from orders_sync.domain.words import at
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


def print_outcome(value: Any, sentence: str, *, as_json: bool) -> None:
    """Print what a command did: a sentence, or the value as JSON."""
    if as_json:
        print_json(value)
    else:
        echo(sentence)


def print_fields(row: Mapping[str, Any], names: str) -> None:
    """Print the named fields that are set, one a line."""
    for name in names.split():
        value = row[name]
        if value not in {None, 0}:
            shown = at(value) if isinstance(value, datetime) else legible(str(value))
            echo(f"{name.replace('_', ' '):>14}: {shown}")


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, empty: str) -> None:
    """Print rows as a table of some of their columns, or a sentence where there is none."""
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
    """Print how many of a search's rows are not shown; no more than `counted` were counted."""
    if total > shown:
        most = "at least " if total >= counted else ""
        echo(f"{most}{total - shown} more; see them with --limit, or narrow the search.")


def indented(text: str) -> str:
    """Return a text indented where it is JSON, and as it is where it is not."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return legible(str(value))


def _plain(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
