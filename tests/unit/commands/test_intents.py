"""An intent's JSON, as it stands in a column."""

from __future__ import annotations

import pytest
from support.fulfilments import NOW

from orders_sync.commands.verdicts import Intent


def test_an_intent_keeps_its_json() -> None:
    noted = Intent("invoice", NOW, "NF-1", 1300, "Output")

    assert Intent.from_json(noted.to_json()) == noted
    assert Intent.from_json(Intent("note", NOW).to_json()) == Intent("note", NOW)
    assert '"content"' not in Intent("note", NOW).to_json()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("null", id="null"),
        pytest.param('{"kind": "cancel", "at": "2026-11-27T12:00:00"}', id="no offset"),
        pytest.param('{"kind": "cancel", "at": "maria@example.com"}', id="no time"),
    ],
)
def test_what_is_no_intent_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="not the JSON of an intent") as caught:
        Intent.from_json(text)

    assert "maria" not in str(caught.value)
