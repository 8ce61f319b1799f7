"""The codes and sentences that the code can write into the ledger, read from its source."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from orders_sync.domain.differences import DeliveryPart, PaymentPart
from orders_sync.errors import LedgerUnavailable, ParkedError, RetryableError, WaitError
from orders_sync.ledger.decisions import DecisionRefused

PACKAGE = Path(__file__).parents[2] / "orders_sync"

#: What writes nothing to the ledger of a real store.
ELSEWHERE = ("celery.py", "demo", "sandbox", "testing", "cli", "doctor", "gateway", "migrations")

#: Whose sentences are not ours: an adapter speaks for its ERP. The others' are kept nowhere.
_OTHERS = ("erp", "broker", "feed.py", "producer.py", "roster.py", "settings_variables.py")

#: Where it stands among the arguments of what is called by position.
_PLACES: dict[str, dict[str, tuple[int, ...]]] = {
    "cause": {"NotAllowed": (0,), "NotAcceptedError": (0,)},
    "hint": {"NotAllowed": (2,), "Park": (2,), "not_sendable": (1,)},
    "reason": {
        **dict.fromkeys(("AlreadyInVtex", "Wait", "_look_later", "not_sendable"), (0,)),
        "wait_until_shown": (0,),
        **dict.fromkeys(("NotAllowed", "NotAcceptedError", "Park", "_lost"), (1,)),
        "_settled": (3,),
    },
    "what": {"JournalLine": (3,)},
}

#: The names of variables and arguments that hold it, beside its own.
_NAMES = {"reason": ("note", "remark", "said", "spent", "why")}

#: The errors whose text is kept as a reason, or shown.
_ERRORS = (ParkedError, RetryableError, WaitError, DecisionRefused)

#: The functions that put a part of a reason into words.
_IN_WORDS = {
    "orders_sync.commands.body": ("named",),
    "orders_sync.domain.differences": ("_parts", "_line_words"),
    "orders_sync.token_store": ("trouble_of", "_advice"),
    "orders_sync.vtex.responses": ("_grant",),
}

#: What modules have in tables.
_TABLES = {
    "hint": ("_HINTS", "_STUCK", "_STUCK_ELSEWHERE", "_UNMENDED", "_UNMENDED_ELSEWHERE"),
    "cause": ("STUCK_CAUSE", "UNMENDED_CAUSES"),
    "reason": ("_ERRORS", "_WAITS"),
}


def kept(what: str) -> set[str]:
    """Return every `cause`, `hint`, `reason` or `what` that the code can write.

    What it fills in stands in braces.
    """
    texts: set[str] = set()
    elsewhere = {*ELSEWHERE} - {"gateway"} | {*_OTHERS} if what == "reason" else {*ELSEWHERE}
    for path in sorted(PACKAGE.rglob("*.py")):
        if not elsewhere & set(path.relative_to(PACKAGE).parts):
            texts |= set(_of_file(path, what))
    return texts | ({*_differences()} if what == "reason" else set())


def _differences() -> Iterator[str]:
    for part in (*DeliveryPart, *PaymentPart):
        yield f"{part}" if part is DeliveryPart.ADDRESS else f"{part} {{before}} -> {{after}}"


def _of_file(path: Path, what: str) -> Iterator[str]:
    name = ".".join(("orders_sync", *path.relative_to(PACKAGE).with_suffix("").parts))
    module = importlib.import_module(name.removesuffix(".__init__"))
    for node in _values(ast.parse(path.read_text()), what, module):
        yield from _texts(node, module)
    for table, value in vars(module).items():
        if table in _TABLES.get(what, ()):
            yield from _strings(value)


def _values(tree: ast.AST, what: str, module: ModuleType) -> Iterator[ast.expr]:
    names = (what, *_NAMES.get(what, ()))
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg=str(name), value=value) if name in names:
                yield value
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in names:
                yield value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if (
                name in names
            ):
                yield value
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args):
                yield from (args[n] for n in _places(name, what, module) if n < len(args))
            case ast.ClassDef(name=name) if what == "reason" and _is_error(name, module):
                yield from _given_to_super(node)
            case ast.FunctionDef(name=name) if what == "reason" and name in _IN_WORDS.get(
                module.__name__, ()
            ):
                yield from _returned(node)


def _places(name: str, what: str, module: ModuleType) -> tuple[int, ...]:
    if what == "reason" and _is_error(name, module):
        return (0,)
    return _PLACES[what].get(name, ())


def _is_error(name: str, module: ModuleType) -> bool:
    kind = getattr(module, name, None)
    return (
        isinstance(kind, type)
        and issubclass(kind, _ERRORS)
        and not issubclass(kind, LedgerUnavailable)
    )


def _given_to_super(tree: ast.ClassDef) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="__init__"), args=[text, *_]):
                yield text


def _returned(tree: ast.FunctionDef) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Return(value=ast.expr() as value) | ast.Yield(value=ast.expr() as value):
                yield value


def _texts(node: ast.expr, module: ModuleType) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)) if text:
            yield text
        case ast.JoinedStr(values=parts):
            yield _joined(parts, module)
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


def _joined(parts: list[ast.expr], module: ModuleType) -> str:
    """Return a text with its places, which are named alike where they hold the same."""
    held: dict[str, str] = {}
    text = ""
    for index, part in enumerate(parts):
        match part:
            case ast.Constant(value=str(words)):
                text += words
                continue
            case ast.FormattedValue(value=ast.Name(id=name)):
                value = getattr(module, name, None)
                if isinstance(value, str):
                    text += value
                    continue
            case ast.FormattedValue(
                value=ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name)))
            ):
                pass
            case _:
                name = ""
        name, holds = name.strip("_"), ast.unparse(part)
        if not name or held.setdefault(name, holds) != holds:
            name = f"value{index}"
        text += f"{{{name}}}"
    return text


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for each in value.values() for text in _strings(each))
    elif isinstance(value, tuple):
        yield from (text for text in value if isinstance(text, str))
