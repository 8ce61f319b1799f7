"""The client's page: its examples run, and it leaves no method out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from orders_sync.vtex.client import VtexClient

PAGE = Path(__file__).parents[3] / "docs" / "vtex-client.md"


def test_every_example_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "page"}

    for number, block in enumerate(blocks):
        exec(compile(block, f"example {number}", "exec"), names)  # noqa: S102 - our own page.

    names["transport"].close()
    assert len(blocks) == 7
    assert "ready-for-handling" in capsys.readouterr().out


def test_every_method_is_on_the_page() -> None:
    table = PAGE.read_text().partition("## Every method")[2]
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]*)\|", table, re.MULTILINE))))

    assert named == {name for name in dir(VtexClient) if not name.startswith("_")}
