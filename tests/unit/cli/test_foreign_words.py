"""Orders whose ids hold what a terminal or a shell obeys: shown harmlessly, named, retried."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.office import STORE, Office
from support.parking import parked_order
from support.pasting import words_of
from support.shop import Shop

ODD = [
    pytest.param("1; touch x", id="a shell's words"),
    pytest.param("-x'y", id="an option"),
    pytest.param("\x1b]8;;http://evil.example\x07click\x1b]8;;\x07", id="a link"),
    pytest.param("1\u202e10-2\u2066", id="turned around"),
    pytest.param("1\x9b2J\nAll is well.", id="another line"),
]
SCREENS = [
    ("orders", "list"),
    ("parked", "list"),
    ("commands", "list"),
    ("status",),
]

#: A bold heading of our own is no foreign word; CliRunner leaves styles out.
SHOWS = re.compile(r"[\x20-\x7e\n\t\u2026]*")


def parked(office: Office, order_id: str) -> None:
    parked_order(office, order_id)
    office.ask("note", {"message": "x"}, key=f"key {order_id}", order_id=order_id)


@pytest.mark.parametrize("order_id", ODD)
def test_no_screen_shows_what_a_terminal_obeys(shop: Shop, office: Office, order_id: str) -> None:
    parked(office, order_id)
    about = ("--account", STORE, "--", order_id)
    screens = [*SCREENS, ("orders", "show", *about), ("parked", "show", *about)]
    screens += [("orders", "show", "--account", STORE, "--", f"{order_id} of nobody")]

    for screen in screens:
        result = shop.types(*screen)

        assert SHOWS.fullmatch(result.output), (screen, result.output)
        assert "\nAll is well." not in result.output


@pytest.mark.parametrize("order_id", ODD)
def test_an_odd_order_is_retried_by_the_command_that_is_suggested(
    shop: Shop, office: Office, tmp_path: Path, order_id: str
) -> None:
    parked_order(office, order_id)
    story = json.loads(shop.prints("orders", "show", "--json", "--account", STORE, "--", order_id))
    suggested = next(line for line in story["whereabouts"]["do"] if "retry" in line)

    shop.prints(*words_of(suggested, tmp_path))

    again = json.loads(shop.prints("orders", "show", "--json", "--account", STORE, "--", order_id))
    assert again["order"]["standing"] == "active"
