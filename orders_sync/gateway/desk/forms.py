"""Forms made from the body models of commands, and bodies read back from filled forms. Pure."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

#: Lists of parts have so many empty rows at their end, to add some.
_EMPTY_ROWS: Final = 2
_MOST_ROWS: Final = 200

_LONG: Final = frozenset({"embedded_invoice", "message", "reason"})
#: Texts that name goods and papers; a value that looks like an id is shown to everybody.
_IDS: Final = frozenset({"number", "invoice_number", "line_id", "sku", "cfop", "measurement_unit"})
_ID: Final = re.compile(r"(?=.*\d)[\w./# -]{1,60}")
_FIGURE: Final = re.compile(r"[\d.,:+TZ-]{1,40}")
_SUM: Final = re.compile(r"-?\d{1,16}(?:[.,]\d{1,2})?")
_WHOLE: Final = re.compile(r"-?\d{1,18}")


class InputType(StrEnum):
    """The kind of input of a field."""

    TEXT = "text"
    LONG = "long"
    SUM = "sum"  # Of money, with the currency's unit before the comma.
    NUMBER = "number"
    MOMENT = "moment"
    FLAG = "flag"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form by its path, such as `items.0.sku`.

    `is_hidden`: it has a value that its reader may not see, and keeps it if left empty.
    """

    path: str
    name: str
    entry: InputType
    about: str | None
    is_required: bool
    value: str
    is_hidden: bool = False
    choices: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of parts; the last of its rows are empty."""

    path: str
    name: str
    rows: Sequence[Sequence[Field | Rows]] = field(default_factory=tuple)


def fields_of(
    model: type[BaseModel], body: Any, *, sees_persons: bool, path: str = ""
) -> Sequence[Field | Rows]:
    """Return the fields of a body, its kind's own first, with their values.

    The body may be wrong, or missing.
    """
    values = body if isinstance(body, Mapping) else {}
    own = sorted(
        model.model_fields.items(), key=lambda field: field[0] not in model.__annotations__
    )
    return [
        _field(info.alias or name, info, values, sees_persons=sees_persons, path=path)
        for name, info in own
    ]


def body_in(
    model: type[BaseModel],
    form: Mapping[str, str],
    body: Any,
    *,
    sees_persons: bool,
    path: str = "",
) -> dict[str, Any]:
    """Return the body of a filled form; `body` is the one that the form was made from."""
    made: dict[str, Any] = {}
    for shown in fields_of(model, body, sees_persons=sees_persons, path=path):
        if isinstance(shown, Rows):
            rows = _rows_in(model, shown, form, body, sees_persons=sees_persons)
            if rows or (isinstance(body, Mapping) and body.get(shown.name) == []):
                made[shown.name] = rows
            continue
        text = form.get(shown.path, "").strip()
        if shown.is_hidden and not text:
            made[shown.name] = body[shown.name]
        elif (value := _read(shown, text)) is not None:
            made[shown.name] = value
    return made


def filled(fields: Sequence[Field | Rows], form: Mapping[str, str]) -> Sequence[Field | Rows]:
    """Return a form's fields with the typed values, to be corrected."""
    return [
        Rows(shown.path, shown.name, [filled(row, form) for row in shown.rows])
        if isinstance(shown, Rows)
        else Field(
            shown.path,
            shown.name,
            shown.entry,
            shown.about,
            shown.is_required,
            form.get(shown.path, ""),
            shown.is_hidden,
            shown.choices,
        )
        for shown in fields
    ]


def _field(
    name: str, info: FieldInfo, values: Mapping[str, Any], *, sees_persons: bool, path: str
) -> Field | Rows:
    own_path, value = f"{path}{name}", values.get(name)
    part = part_of(info.annotation)
    if part is not None:
        given = (
            [*value][:_MOST_ROWS]
            if isinstance(value, Sequence) and not isinstance(value, str)
            else []
        )
        rows = [
            fields_of(part, row, sees_persons=sees_persons, path=f"{own_path}.{index}.")
            for index, row in enumerate([*given, *[None] * _EMPTY_ROWS])
        ]
        return Rows(own_path, name, rows)
    entry = _entry(name, info.annotation)
    choices = [str(choice) for choice in _choices(info.annotation)]
    text = _shown(entry, value)
    is_hidden = bool(text) and not sees_persons and not _is_harmless(name, entry, text)
    return Field(
        path=own_path,
        name=name,
        entry=entry,
        about=info.description,
        is_required=info.is_required(),
        value="" if is_hidden else text or _default(info, entry),
        is_hidden=is_hidden,
        choices=choices,
    )


def _default(info: FieldInfo, entry: InputType) -> str:
    return str(info.default) if entry is InputType.CHOICE and info.default else ""


def _is_harmless(name: str, entry: InputType, text: str) -> bool:
    """Check whether a value cannot name a person, whatever its caller sent."""
    if entry in {InputType.FLAG, InputType.CHOICE}:
        return True
    if entry in {InputType.TEXT, InputType.LONG}:
        return name in _IDS and _ID.fullmatch(text) is not None
    return _FIGURE.fullmatch(text) is not None


def _plain(annotation: Any) -> list[Any]:
    """Return the types that an annotation allows, None left out."""
    origin = get_origin(annotation)
    if origin in {Union, types.UnionType}:
        return [plain for arg in get_args(annotation) for plain in _plain(arg)]
    if hasattr(annotation, "__metadata__"):
        return _plain(annotation.__origin__)
    return [] if annotation is type(None) else [annotation]


def part_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a list's parts; None where an annotation is no such list."""
    for allowed in _plain(annotation):
        if get_origin(allowed) is tuple:
            for part in _plain(get_args(allowed)[0]):
                if isinstance(part, type) and issubclass(part, BaseModel):
                    return part
    return None


def _choices(annotation: Any) -> Sequence[Any]:
    return [
        choice
        for allowed in _plain(annotation)
        if get_origin(allowed) is Literal
        for choice in get_args(allowed)
    ]


def _entry(name: str, annotation: Any) -> InputType:
    allowed = _plain(annotation)
    if name.endswith("_cents"):
        return InputType.SUM
    if _choices(annotation):
        return InputType.CHOICE
    if bool in allowed:
        return InputType.FLAG
    if {datetime, date} & set(allowed):
        return InputType.MOMENT
    if {int, float} & set(allowed):
        return InputType.NUMBER
    return InputType.LONG if name in _LONG else InputType.TEXT


def _shown(entry: InputType, value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    if entry is InputType.FLAG:
        return "true" if value in {True, "true"} else ""
    text = str(value)
    if entry is InputType.SUM and _WHOLE.fullmatch(text):
        cents = int(text)
        return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"
    return text


def _read(shown: Field, text: str) -> Any:
    """Return a typed value, to be validated with the body; None where there is none."""
    if shown.entry is InputType.FLAG:
        return True if text == "true" else None
    if not text:
        return None
    if shown.entry is InputType.SUM and _SUM.fullmatch(text):
        whole, _, cents = text.replace(",", ".").partition(".")
        sign = -1 if whole.startswith("-") else 1
        return int(whole) * 100 + sign * int((cents + "00")[:2])
    if shown.entry is InputType.NUMBER:
        return text.replace(",", ".")
    return text


def _rows_in(
    model: type[BaseModel],
    shown: Rows,
    form: Mapping[str, str],
    body: Any,
    *,
    sees_persons: bool,
) -> list[dict[str, Any]]:
    info = next(
        info for name, info in model.model_fields.items() if (info.alias or name) == shown.name
    )
    part = part_of(info.annotation)
    given = body.get(shown.name) if isinstance(body, Mapping) else None
    rows: list[dict[str, Any]] = []
    for index in range(len(shown.rows)):
        before = given[index] if isinstance(given, list) and index < len(given) else None
        path = f"{shown.path}.{index}."
        # A row whose fields are all empty was taken out, even where it had hidden ones.
        is_typed = any(text.strip() for name, text in form.items() if name.startswith(path))
        if part is not None and is_typed:
            rows.append(body_in(part, form, before, sees_persons=sees_persons, path=path))
    return rows
