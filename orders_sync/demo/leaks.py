"""Looks for personal data in what was written: logs, and all that the broker was ever given."""

from __future__ import annotations

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

_WORD = re.compile(r"\w+")
_ESCAPED_CHARACTER = re.compile(r"\\+u([0-9a-fA-F]{4})")
_ESCAPED_SPACE = re.compile(r"\\+[nrt]")
#: A task's message carries its arguments in base64.
_MESSAGE_BODY = re.compile(r'"body": ?"([A-Za-z0-9+/=]+)"')


def files_with_leaks(files: Iterable[Path], people: Iterable[str]) -> list[Path]:
    """Give those of `files` that contain one of the texts about `people`."""
    search = _by_first_word(people)
    return [path for path in files if _contains(_read(path), search)]


def contains_personal_data(text: str, people: Iterable[str]) -> bool:
    """Say whether a text contains one of the others, as whole words, plain, escaped or encoded."""
    return _contains(text, _by_first_word(people))


def _contains(text: str, search: dict[str, list[str]]) -> bool:
    return any(_finds(part, search) for part in _readable_parts(text))


def _by_first_word(people: Iterable[str]) -> dict[str, list[str]]:
    found = defaultdict(list)
    for text in people:
        if word := _WORD.search(text):
            found[word.group()].append(text[word.start() :])
    return found


def _finds(text: str, search: dict[str, list[str]]) -> bool:
    return any(
        text.startswith(wanted, word.start()) and not _goes_on(text, word.start() + len(wanted))
        for word in _WORD.finditer(text)
        for wanted in search.get(word.group(), ())
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
    plain = _ESCAPED_CHARACTER.sub(lambda found: chr(int(found.group(1), 16)), text)
    return _ESCAPED_SPACE.sub(" ", plain)


def _read(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")
