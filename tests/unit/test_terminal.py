"""Foreign words on a terminal, and commands that are pasted from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pasting import words_of

from orders_sync.terminal import command_line, legible, order_command

ODD_IDS = [
    "1; touch pasted",
    "$(touch pasted)-01",
    "`touch pasted`",
    "1 | tee pasted",
    "it's",
    'a "b"',
    "back\\slash'",
    "*",
    "~",
    "-x",
    "--account=other",
    "1\x1b]8;;http://evil.example\x07-01",
    "1\u202e10-1",
    "1\nfake line",
    "-\x9b31m",
    "1' \x1b; touch pasted; '",
]


@pytest.mark.parametrize("order_id", ODD_IDS)
def test_a_pasted_command_means_the_order_and_does_nothing_else(
    tmp_path: Path, order_id: str
) -> None:
    command = order_command("orders show", order_id, "mystore")

    words = words_of(command, tmp_path)

    assert words[:2] == ["orders", "show"]
    assert order_id in words
    assert command.isprintable()
    assert list(tmp_path.iterdir()) == []
    if order_id.startswith("-"):
        assert words[-2:] == ["--", order_id]


def test_an_ordinary_command_is_written_as_ever() -> None:
    told = order_command("parked retry", "1172452900788-01", "mystore")

    assert told == "orders-sync parked retry 1172452900788-01 --account mystore"
    assert command_line("a", "b c") == "a 'b c'"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("João 1-01", "João 1-01"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x1b]8;;http://x\x07y", r"\x1b]8;;http://x\x07y"),
        ("\x9b31m", r"\x9b31m"),
        ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
        ("a\r\nb", r"a\r\nb"),
        ("a\u2028b\ufeff\u200b", r"a\u2028b\ufeff\u200b"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_a_terminal_obeys_or_hides_is_spelt_out(text: str, shown: str) -> None:
    assert legible(text) == shown


@given(st.text())
def test_whatever_is_shown_shows(text: str) -> None:
    assert legible(text).isprintable()
    assert legible(text, keep="\n").replace("\n", "").isprintable()
