"""Every text that the desk's catalogues must have: (context, text), plurals with both forms."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from babel.messages.extract import extract_from_dir
from pydantic import BaseModel
from support.kept_texts import PACKAGE, kept

from orders_sync.commands import KINDS
from orders_sync.gateway.desk.forms import part_of

DESK = PACKAGE / "gateway" / "desk"

_BRACES = re.compile(r"\{\w+\}")

#: What `status/reading.py` finds is worded in these: in one function of a file, or in all.
FINDERS = {
    "status/reading.py": None,
    "doctor/bounded.py": None,
    "doctor/findings.py": None,
    "doctor/ledger.py": "judge_polls",
    "doctor/traffic.py": None,
    "doctor/work.py": None,
    "doctor/workers.py": None,
}

#: A function of these files whose findings no page shows.
NOT_ON_PAGES = "compare_clocks"

#: What pydantic says of the fields that there are.
PROBLEMS = (
    "is missing",
    "Input should be a valid integer",
    "Input should be a valid integer, unable to parse string as an integer",
    "Input should be a valid number, unable to parse string as a number",
    "Input should be a valid string",
    "Input should be greater than 0",
    "Input should be greater than or equal to 0",
    "String should have at least {least} character",
    "String should have at most {most} characters",
    "Tuple should have at least {least} item after validation, not {number}",
    "Extra inputs are not permitted",
    "Input should be {choices}",
)

Message = tuple[str | None, str | tuple[str, ...]]


def messages() -> set[Message]:
    """Return all of them."""
    return {
        *_of_pages(),
        *(("hint", text) for text in kept("hint")),
        *(("reason", text) for text in kept("reason") if _is_text(text)),
        *(("finding", text) for text in _findings() if _is_text(text)),
        *(("count", f"{{count}} {noun}") for noun in _counted()),
        *(("field", text) for kind in KINDS for text in _described(kind.body)),
        *(("problem", text) for text in (*PROBLEMS, *_refusals())),
    }


def _of_pages() -> Iterator[Message]:
    found = extract_from_dir(
        DESK,
        method_map=[("**.py", "python"), ("templates/**.html", "jinja2")],
        options_map={"templates/**.html": {"trimmed": "true", "silent": "false"}},
        keywords={"_": None, "N_": None, "words": None, "gettext": None, "ngettext": (1, 2)},
    )
    for _, _, text, _, _ in found:
        yield (None, text)


def _described(model: type[BaseModel]) -> Iterator[str]:
    for info in model.model_fields.values():
        if info.description:
            yield info.description
        part = part_of(info.annotation)
        if part is not None:
            yield from _described(part)


def _findings() -> Iterator[str]:
    for name, function in FINDERS.items():
        for node in ast.parse((PACKAGE / name).read_text()).body:
            called = getattr(node, "name", None)
            if called != NOT_ON_PAGES and function in {None, called}:
                yield from _found_in(node)


def _found_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="Finding"), args=[_, check, _, *said]):
                for value in (check, *said):
                    yield from _texts(value)
            case ast.AnnAssign(target=ast.Name(id="_PEERS"), value=ast.Tuple(elts=peers)):
                for peer in peers:
                    yield from _texts(peer.elts[-1])  # type: ignore[attr-defined]
            case ast.Assign(
                targets=[ast.Name(id="says" | "do" | "_CHECK" | "REACHABLE")],
                value=ast.expr() as value,
            ):
                yield from _texts(value)
            case ast.AnnAssign(
                target=ast.Name(id="_CHECK" | "REACHABLE"), value=ast.expr() as value
            ):
                yield from _texts(value)


def _counted() -> Iterator[str]:
    """Yield the nouns of what a finding counts, as they follow one and several."""
    for name in FINDERS:
        for node in ast.walk(ast.parse((PACKAGE / name).read_text())):
            match node:
                case ast.Call(
                    func=ast.Name(id="count_of"), args=[_, ast.Constant(value=str(noun))]
                ):
                    yield from (noun, f"{noun}s")


def _is_text(text: str) -> bool:
    """Check whether there is something to translate: more than places, and no command to type."""
    return not text.startswith("orders-sync ") and bool(
        re.search("[A-Za-z]{2}", _BRACES.sub("", text))
    )


def _refusals() -> Iterator[str]:
    for path in (PACKAGE / "commands").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Raise(exc=ast.Call(func=ast.Name(id="ValueError"), args=[value])):
                    yield from (
                        text for text in _texts(value) if text.islower() or text[0].islower()
                    )


def _texts(node: Any) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(_part(part, index) for index, part in enumerate(parts))
        case ast.IfExp(body=one, orelse=other):
            yield from _texts(one)
            yield from _texts(other)


def _part(part: ast.expr, index: int) -> str:
    match part:
        case ast.Constant(value=str(text)):
            return text
        case ast.FormattedValue(value=ast.Name(id=name) | ast.Attribute(attr=name)):
            return f"{{{name}}}"
        case _:
            return f"{{value{index}}}"
