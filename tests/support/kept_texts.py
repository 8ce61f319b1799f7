"""The causes and hints that the code can write into the ledger, read from its source."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = Path(__file__).parents[2] / "orders_sync"

#: What says nothing to the ledger of a real store.
ELSEWHERE = ("demo", "sandbox", "testing", "cli", "doctor", "gateway", "migrations")

#: Where it stands among the arguments of what is called by position.
_PLACES: dict[str, dict[str, tuple[int, ...]]] = {
    "cause": {"NotAllowed": (0,), "NotAcceptedError": (0,)},
    "hint": {"NotAllowed": (2,), "not_sendable": (1,)},
    "what": {"JournalLine": (3,)},
}


def kept(what: str) -> set[str]:
    """Return every `cause` or `hint` that the code can write; what it fills in stands in braces."""
    found: set[str] = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        if not set(ELSEWHERE) & set(path.relative_to(PACKAGE).parts):
            found |= set(_of_file(path, what))
    return found


def _of_file(path: Path, what: str) -> Iterator[str]:
    name = ".".join(("orders_sync", *path.relative_to(PACKAGE).with_suffix("").parts))
    text = path.read_text()
    tree = ast.parse(text)
    if re.search("hint|cause|NotAllowed|NotAcceptedError|JournalLine", text, re.IGNORECASE):
        module = importlib.import_module(name.removesuffix(".__init__"))
        for node in _values(tree, what):
            yield from _texts(node, module)
        yield from _constants(module, what)


def _values(tree: ast.AST, what: str) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg=name, value=value) if name == what:
                yield value
            case ast.Dict(keys=keys, values=values):
                yield from (
                    value
                    for key, value in zip(keys, values, strict=True)
                    if isinstance(key, ast.Constant) and key.value == what
                )
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name == what:
                yield value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if name == what:
                yield value
            case ast.Call(func=ast.Name(id=name), args=args):
                yield from (args[n] for n in _PLACES[what].get(name, ()) if n < len(args))


def _texts(node: ast.expr, module: ModuleType) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)) if text:
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(_part(part, module, index) for index, part in enumerate(parts))
        case ast.IfExp(body=one, orelse=other):
            yield from _texts(one, module)
            yield from _texts(other, module)
        case ast.BoolOp(values=values):
            for value in values:
                yield from _texts(value, module)
        case ast.Name(id=name) if isinstance(getattr(module, name, None), str):
            yield getattr(module, name)
        case ast.Call(func=ast.Name(id="hint_for"), args=[*_, otherwise]):
            yield from _texts(otherwise, module)


def _part(part: ast.expr, module: ModuleType, index: int) -> str:
    match part:
        case ast.Constant(value=str(text)):
            return text
        case ast.FormattedValue(value=ast.Name(id=name)):
            value = getattr(module, name, None)
            return value if isinstance(value, str) else f"{{{name.strip('_')}}}"
        case ast.FormattedValue(value=ast.Attribute(attr=name)):
            return f"{{{name}}}"
        case _:
            return f"{{value{index}}}"


def _constants(module: ModuleType, what: str) -> Iterator[str]:
    """Return what a module's tables of hints, or of causes, hold."""
    tables = {
        "hint": {
            "_HINTS",
            "_STUCK",
            "_STUCK_ELSEWHERE",
            "_UNMENDED",
            "_UNMENDED_ELSEWHERE",
        },
        "cause": {"STUCK_CAUSE", "UNMENDED_CAUSES"},
    }.get(what, set())
    for name, value in vars(module).items():
        if name in tables:
            yield from _strings(value)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for each in value.values() for text in _strings(each))
    elif isinstance(value, tuple):
        yield from value
