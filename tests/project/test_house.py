"""What of the house's style can be checked; what is left of before may only become less."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import orders_sync

PACKAGE = Path(orders_sync.__file__).parent
TREES = {
    f"orders_sync/{path.relative_to(PACKAGE)}": ast.parse(path.read_text())
    for path in sorted(PACKAGE.rglob("*.py"))
    if "versions" not in path.parts  # What has run once stays as it was.
}

#: Names of classes in two modules: the one is published, in the API's schema, the ERP's port or
#: kombu's transports, and the other is what its own room calls so.
TWICE = frozenset({"Decision", "Page", "Request", "Response", "Transport"})
#: How many modules that one other module imports there are: seams that a reader looks for.
IMPORTED_ONCE = 71

NO_OPENINGS = frozenset({"Give", "Gives", "Hold", "Let", "Say", "Says", "Tell", "Tells", "Whoever"})
NO_NAMES = frozenset({"each", "found", "it", "one", "wanted"})


def documented(tree: ast.Module) -> Iterator[str]:
    """Yield the docstrings of functions and classes; those of commands are their help."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if any(re.search(r"\b(command|group)\(", ast.unparse(d)) for d in node.decorator_list):
                continue
            text = ast.get_docstring(node)
            if text:
                yield text


def bound(tree: ast.Module) -> Iterator[str]:
    """Yield the names of parameters, and of what functions assign."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for node in ast.walk(function):
                if isinstance(node, ast.arg):
                    yield node.arg
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield node.id


def imported(path: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each module of the package that a file imports, beside the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("orders_sync"):
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from ((str(node.module), path), *((name, path) for name in names))
        elif isinstance(node, ast.Import):
            yield from ((alias.name, path) for alias in node.names)


def test_a_class_has_a_name_of_its_own() -> None:
    names = Counter(
        node.name for tree in TREES.values() for node in tree.body if isinstance(node, ast.ClassDef)
    )

    assert {name for name, number in names.items() if number > 1} == TWICE


def test_docstrings_begin_with_plain_words() -> None:
    openings = {
        f"{path}: {text.splitlines()[0]}"
        for path, tree in TREES.items()
        for text in documented(tree)
        if text.split()[0] in NO_OPENINGS
    }

    assert openings == set()


def test_locals_say_what_they_hold() -> None:
    nameless = {
        f"{path}: {name}"
        for path, tree in TREES.items()
        for name in bound(tree)
        if name in NO_NAMES
    }

    assert nameless == set()


def test_a_module_that_one_other_imports_is_part_of_it() -> None:
    importers = defaultdict(set)
    for path, tree in TREES.items():
        for module, importer in imported(path, tree):
            importers[module].add(importer)
    modules = {path.removesuffix(".py").replace("/", ".") for path in TREES}
    alone = sorted(module for module in modules if len(importers[module]) == 1)

    assert len(alone) <= IMPORTED_ONCE, alone


def test_a_file_is_no_longer_than_its_subject() -> None:
    lengths = {path: len((PACKAGE.parent / path).read_text().splitlines()) for path in TREES}

    assert {path for path, length in lengths.items() if length > 400} == set()
