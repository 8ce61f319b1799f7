"""What a failed statement on the staging tables means for an order.

The ERP's people put rules on the tables: triggers, checks, foreign keys. A rule that refuses an
order says why in the words of its author, which may name the customer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from unicodedata import combining, normalize

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from orders_sync.database_failures import Failure, read_failure
from orders_sync.database_outages import outage_of
from orders_sync.erp.staging_rows import line_rows, order_row
from orders_sync.erp.staging_tables import ERP_ORDER_LINES, ERP_ORDERS
from orders_sync.errors import ErpRefused, ErpUnavailable

if TYPE_CHECKING:
    from orders_sync.domain.order import Order

#: A driver raises the latter two for a number or a text that its database has no form for.
_FAILURES: Final = (SQLAlchemyError, OverflowError, UnicodeError)

#: Where the database's URL is.
SETTING: Final = "the url of the account's ERP_OPTIONS"

_LONGEST_WORDS: Final = 300
_SHORTEST_NAME: Final = 3
_BLOT: Final = "***"
_EMAIL: Final = re.compile(r"[^\s@\"'<>]+@[^\s@\"'<>]+")
#: A document, phone or postal code, with what is written between its digits.
_NUMBER: Final = re.compile(r"\d(?:[-./() ]{0,2}\d){6,}")
_WORD: Final = re.compile(r"\w+")

_PERSONAL_COLUMNS: Final = frozenset(
    column.name
    for table in (ERP_ORDERS, ERP_ORDER_LINES)
    for column in table.columns
    if (column.comment or "").startswith("Personal")
)


@contextmanager
def explained(order: Order | None = None) -> Iterator[None]:
    """Raise what a failed statement means in place of what the database or its driver raises.

    The words of a rule are quoted where the `order` that they are about is known, so that what is
    personal in it can be blotted out of them.

    Raises:
        ErpRefused: a value does not fit into the tables, or a rule of the ERP's refuses the row.
        ErpUnavailable: the database is away, too slow or locked.
    """
    try:
        yield
    except PoolTimeoutError:
        raise ErpUnavailable(
            "All of this process's connections to the staging database are in use. Raise the "
            "adapter's option connections, or find out why its calls take so long."
        ) from None
    except _FAILURES as error:
        failure = read_failure(error)
        if failure.is_refusal:
            raise _refusal(failure, order) from None
        outage = outage_of(error)
        raise ErpUnavailable(
            f"The staging database {outage.behaviour} ({failure.code}). {outage.remedy(SETTING)}"
        ) from None


def is_refusal(error: Exception) -> bool:
    """Return whether the database refused the row, and so is there."""
    return read_failure(error).is_refusal


def _refusal(failure: Failure, order: Order | None) -> ErpRefused:
    if not failure.words:
        return ErpRefused(
            f"The staging tables cannot hold a value of this order ({failure.code}).",
            hint="Compare the order in VTEX with the columns' types in docs/staging-tables.md.",
        )
    if order is None:
        return ErpRefused(
            f"A rule of the ERP's database refuses it ({failure.code}).",
            hint="Find the rule (a trigger or a constraint) of the staging tables that raises "
            "this, and mend what it asks for.",
        )
    words = without_personal(failure.words, _personal_texts(order))
    return ErpRefused(f"The ERP's database refuses it: {words} ({failure.code})")


def without_personal(words: str, personal: Iterable[str]) -> str:
    """Make words of the ERP's one short line, without numbers, addresses and the given texts.

    Names are found in any case and without their accents, as ERPs write them.
    """
    names = {_folded(name) for text in personal for name in _WORD.findall(text)}
    names = {name for name in names if len(name) >= _SHORTEST_NAME}

    def blotted(match: re.Match[str]) -> str:
        return _BLOT if _folded(match[0]) in names else match[0]

    visible = "".join(letter if letter.isprintable() else " " for letter in words)
    line = _EMAIL.sub(_BLOT, " ".join(visible[: _LONGEST_WORDS * 4].split()))
    line = _NUMBER.sub(_BLOT, _WORD.sub(blotted, line))
    return line if len(line) <= _LONGEST_WORDS else f"{line[: _LONGEST_WORDS - 1]}…"


def _personal_texts(order: Order) -> list[str]:
    rows = (order_row(order), *line_rows(order))
    return [
        value
        for row in rows
        for name, value in row.items()
        if name in _PERSONAL_COLUMNS and isinstance(value, str)
    ]


def _folded(text: str) -> str:
    plain = (letter for letter in normalize("NFKD", text) if not combining(letter))
    return "".join(plain).casefold()
