"""The rows of `erp_commands` read as commands, and the outcomes written into them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, func, or_, select, type_coerce, update
from sqlalchemy.types import NULLTYPE

from orders_sync.domain.commands import Command
from orders_sync.erp.staging_tables import ERP_COMMANDS

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import BindParameter, ColumnElement, Select, Update

    from orders_sync.erp.base import CommandOutcome

#: How many rows are offered, and answered, at once.
PAGE_ROWS: Final = 100

NEW: Final = "new"
DONE: Final = "done"

_TIMES: Final = ("issued_at", "dispatched_at", "delivered_at")
#: A day and a time of day; `fromisoformat` alone reads `2026-W48-7` and `20261129` too.
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?",
    re.IGNORECASE,
)
#: Cents that a BIGINT holds have fewer digits; to write out an exponent could take all memory.
_MOST_DIGITS: Final = 19

#: The columns that stand for fields of the body.
_FIELDS: Final = (
    "invoice_number",
    "value_cents",
    "access_key",
    "invoice_url",
    "tracking_number",
    "tracking_url",
    "courier",
    "reason",
    "message",
    *_TIMES,
)

#: The fields whose name is not the column's.
_RENAMED: Final = {("invoice", "invoice_number"): "number", ("invoice", "invoice_url"): "url"}

_READ: Final = ("id", "order_id", "kind", "body", "command_key", *_FIELDS)


#: Selects what was not answered yet, the oldest first. Values come as the driver gives them, since
#: a type's own reading fails on what SQLite lets stand in a column, and one such row would hide all
#: others. An ERP is asked all the time, so it is built once.
OFFERED: Final = (
    select(*(type_coerce(ERP_COMMANDS.c[name], NULLTYPE).label(name) for name in _READ))
    .where(ERP_COMMANDS.c.account == bindparam("of_account"), ERP_COMMANDS.c.state == NEW)
    .order_by(ERP_COMMANDS.c.id)
    .limit(PAGE_ROWS)
)


def as_command(row: Mapping[Any, Any]) -> Command:
    """Read a row as it is: what it says is judged where commands are accepted."""
    kind = _text(row["kind"]).lower()
    key = row["command_key"] or f"erp-{row['id']}"
    return Command(kind, _text(row["order_id"]), _body(kind, row), str(key))


def unserved(accounts: Collection[str]) -> Select[tuple[str, int]]:
    """Return the statement that counts new rows of accounts which are none of these, by account."""
    table = ERP_COMMANDS.c
    is_strange = and_(table.state == NEW, table.account.not_in(list(accounts)))
    return (
        select(table.account, func.count().label("number"))
        .where(is_strange)
        .group_by(table.account)
        .limit(20)
    )


def answering(
    account: str, answers: Iterable[CommandOutcome], now: datetime
) -> Mapping[Update, Sequence[dict[str, Any]]]:
    """Return the statements that write outcomes which differ, each with its rows of values.

    Nothing follows done, and a person may mend what was refused.
    """
    rows: dict[Update, list[dict[str, Any]]] = defaultdict(list)
    for command, outcome in answers:
        if command.key is None:
            continue
        row = {
            "of_account": account,
            "new_state": outcome.kind,
            "new_answer": outcome.reason and _by_columns(command.kind, outcome.reason),
            "new_receipt": outcome.receipt,
            "now": now,
        }
        made_from_id = re.fullmatch(r"erp-([0-9]{1,18})", command.key)
        if made_from_id:
            rows[ANSWERED_BY_ID].append(row | {"row_id": int(made_from_id[1])})
        else:
            rows[ANSWERED_BY_KEY].append(row | {"own_key": command.key})
    return rows


def _answered(is_command: ColumnElement[bool]) -> Update:
    table = ERP_COMMANDS.c
    state: BindParameter[Any] = bindparam("new_state")
    answer: BindParameter[Any] = bindparam("new_answer")
    receipt: BindParameter[Any] = bindparam("new_receipt")
    is_different = or_(
        table.state != state,
        table.answer.is_distinct_from(answer),
        table.receipt.is_distinct_from(receipt),
    )
    return (
        update(ERP_COMMANDS)
        .where(is_command, table.state != DONE, is_different)
        .values(state=state, answer=answer, receipt=receipt, answered_at=bindparam("now"))
    )


ANSWERED_BY_KEY: Final = _answered(
    and_(
        ERP_COMMANDS.c.account == bindparam("of_account"),
        ERP_COMMANDS.c.command_key == bindparam("own_key"),
    )
)
# As long as a table has no statistics, PostgreSQL takes an index that begins with the account, and
# reads all that account's rows for each answer; it takes none for this form of `=`.
ANSWERED_BY_ID: Final = _answered(
    and_(
        ERP_COMMANDS.c.id == bindparam("row_id"),
        ERP_COMMANDS.c.account.is_not_distinct_from(bindparam("of_account")),
        or_(ERP_COMMANDS.c.command_key.is_(None), ERP_COMMANDS.c.command_key == ""),
    )
)


def _by_columns(kind: str, reason: str) -> str:
    """Return a reason with the columns that stand for fields: `number: is missing` says another."""
    for (of_kind, column), field in _RENAMED.items():
        if of_kind == kind:
            reason = re.sub(rf"(^|; ){field}: ", rf"\1{column}: ", reason)
    return reason


def _body(kind: str, row: Mapping[Any, Any]) -> Any:
    """Merge the columns into the JSON object; a filled column wins. What is no object stays."""
    written = _json(row["body"])
    if not isinstance(written, Mapping):
        return written
    filled = {name: _plain(name, row[name]) for name in _FIELDS}
    fields = {
        _RENAMED.get((kind, name), name): value
        for name, value in filled.items()
        if value not in (None, "")
    }
    if "delivered_at" in fields:
        fields["delivered"] = True
    return {**written, **fields}


def _json(value: Any) -> Any:
    """Return what JSON says, and the text itself where it is none."""
    if not isinstance(value, str | bytes | None):
        return value  # The ERP's people made it a JSON column, which its driver has read.
    text = _text(value)
    try:
        return json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return text


def _plain(name: str, value: Any) -> Any:
    """Turn a column's value into one that JSON has."""
    if isinstance(value, str | bytes):
        value = _text(value)
    if name in _TIMES:
        return _time(value)
    return _number(value) if isinstance(value, Decimal) else value


def _number(value: Decimal) -> int | str:
    """Return a whole number as one; what is none (a fraction, NaN, Infinity) is its text."""
    is_short = value.is_finite() and value.adjusted() < _MOST_DIGITS
    return int(value) if is_short and value == value.to_integral_value() else str(value)


def _time(value: Any) -> str | None:
    """Write a time in ISO 8601, in UTC: a driver's zone may change from one pull to the next.

    What has no time of day stays as it is, and is refused where commands are accepted: midnight UTC
    of a day is the day before in the Americas.
    """
    if value is None:
        return None
    if not isinstance(value, datetime) and not _MOMENT.fullmatch(str(value)):
        return str(value)
    try:
        moment = (
            value if isinstance(value, datetime) else datetime.fromisoformat(str(value).upper())
        )
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return zoned.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return str(value)


def _text(value: Any) -> str:
    """Return a text without the blanks that fixed-width columns pad it with."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
    return text.strip()
