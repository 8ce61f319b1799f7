"""Gathers what the promises are judged by."""

from __future__ import annotations

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from orders_sync.demo.records import AskedCommand, CommandAnswer, ErpOrder, Evidence
from orders_sync.demo.sandbox_api import SandboxView
from orders_sync.embedded.broker import broker_folder
from orders_sync.embedded.home import logs_folder

_WORD = re.compile(r"\w+")
_ESCAPED_CHARACTER = re.compile(r"\\+u([0-9a-fA-F]{4})")
_ESCAPED_SPACE = re.compile(r"\\+[nrt]")

#: A task's message carries its arguments in base64.
_MESSAGE_BODY = re.compile(r'"body": ?"([A-Za-z0-9+/=]+)"')


def collect_evidence(
    home: Path,
    seen: SandboxView,
    erp_orders: Sequence[ErpOrder],
    asked: Sequence[AskedCommand] | None = None,
    answers: Mapping[int, CommandAnswer] | None = None,
    *,
    also: Iterable[Path] = (),
) -> Evidence:
    """Put together what VTEX saw, what the ERP has, and what was written in the home folder.

    The broker's append-only file has everything that was ever put into it, so that messages that
    were taken long ago are searched too. `also` are other files of the home folder to search.
    """
    files = [
        *logs_folder(home).glob("*.log"),
        *broker_folder(home).rglob("appendonly*.aof*"),
        *also,
    ]
    files = [path for path in files if path.is_file()]
    leaks = files_with_leaks(files, seen.people)
    return Evidence(
        vtex_orders=seen.orders,
        erp_orders=tuple(erp_orders),
        feed_visible=seen.report.feed_visible,
        feed_in_flight=seen.report.feed_in_flight,
        leaks=tuple(str(path.relative_to(home)) for path in leaks),
        searched=len(files),
        people=len(seen.people),
        asked=None if asked is None else tuple(asked),
        answers=answers or {},
        hook=seen.report.hook,
    )


def files_with_leaks(files: Iterable[Path], people: Iterable[str]) -> list[Path]:
    """Return those of `files` that contain one of the texts about `people`."""
    search = _by_first_word(people)
    return [path for path in files if _contains(_read(path), search)]


def contains_personal_data(text: str, people: Iterable[str]) -> bool:
    """Check whether a text contains one of `people`, as whole words, plain, escaped or encoded."""
    return _contains(text, _by_first_word(people))


def _contains(text: str, search: dict[str, list[str]]) -> bool:
    return any(_finds(part, search) for part in _readable_parts(text))


def _by_first_word(people: Iterable[str]) -> dict[str, list[str]]:
    by_word = defaultdict(list)
    for text in people:
        if word := _WORD.search(text):
            by_word[word.group()].append(text[word.start() :])
    return by_word


def _finds(text: str, search: dict[str, list[str]]) -> bool:
    return any(
        text.startswith(phrase, word.start()) and not _goes_on(text, word.start() + len(phrase))
        for word in _WORD.finditer(text)
        for phrase in search.get(word.group(), ())
    )


def _goes_on(text: str, end: int) -> bool:
    return bool(_WORD.match(text, end)) and bool(_WORD.match(text[end - 1]))


def _readable_parts(text: str) -> Iterator[str]:
    yield _unescape(text)
    for body in _MESSAGE_BODY.finditer(text):
        try:
            decoded = base64.b64decode(body.group(1), validate=True)
        except binascii.Error:
            continue
        yield _unescape(decoded.decode(errors="replace"))


def _unescape(text: str) -> str:
    plain = _ESCAPED_CHARACTER.sub(lambda match: chr(int(match.group(1), 16)), text)
    return _ESCAPED_SPACE.sub(" ", plain)


def _read(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")
