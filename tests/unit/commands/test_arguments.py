"""How a task's arguments make a body: nothing that is given is passed over."""

from __future__ import annotations

from typing import Any

import pytest

from orders_sync.commands import NAMED
from orders_sync.commands.acceptance import NotAcceptedError, read_body

NUMBER = {"number": "A"}


@pytest.mark.parametrize(
    ("kind", "arguments", "body"),
    [
        pytest.param("invoice", {"invoice": NUMBER}, NUMBER, id="in its object"),
        pytest.param("invoice", {"invoice": {}, "number": "A"}, NUMBER, id="beside it"),
        pytest.param("invoice", {"invoice": NUMBER, "number": "A"}, NUMBER, id="in both, the same"),
        pytest.param("cancel", {"reason": "x"}, {"reason": "x"}, id="fields of their own"),
        pytest.param("invoice", {"invoice": "7"}, "7", id="no object"),
    ],
)
def test_arguments_make_a_body(kind: str, arguments: dict[str, Any], body: Any) -> None:
    assert NAMED[kind].body_in(arguments) == body


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        pytest.param(
            "invoice", {"invoice": NUMBER, "number": "B"}, "number, given twice", id="two"
        ),
        pytest.param("invoice", {"invoice": NUMBER, "note": "x"}, "note: Extra", id="unknown"),
        pytest.param("cancel", {"reason": "x", "by": "me"}, "by: Extra", id="unknown of fields"),
    ],
)
def test_what_cannot_be_told_is_refused_by_name(
    kind: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(NotAcceptedError, match=words):
        read_body(kind, NAMED[kind].body_in(arguments))
