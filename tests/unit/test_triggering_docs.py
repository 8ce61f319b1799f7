"""The page for other services says what the tasks and their fields are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orders_sync.commands import NAMED
from orders_sync.outbound import tasks
from orders_sync.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "triggering.md").read_text()


def rows(heading: str) -> str:
    section = PAGE.partition(f"{heading}\n")[2].partition("\n#")[0]
    return "\n".join(line for line in section.splitlines() if line.startswith("| "))


@pytest.mark.parametrize(
    ("kind", "heading"),
    [
        pytest.param("invoice", "### Fields of `invoice`", id="invoice"),
        pytest.param("track", "### Fields of `tracking`", id="track"),
        pytest.param("change", "### Fields of `change`", id="change"),
    ],
)
def test_the_page_names_exactly_the_fields_there_are(kind: str, heading: str) -> None:
    named = set(re.findall(r"`([a-z_]+)`", re.sub(r" \| .* \|", " |", rows(heading))))

    assert named == set(NAMED[kind].body.model_fields)


def test_the_page_names_every_task_that_other_services_may_send() -> None:
    named = set(re.findall(r"`(orders_sync\.\w+)` \|", rows("## The commands")))

    assert named == {task.name for task in tasks.INTAKE}


def test_the_page_has_the_defaults_of_the_settings() -> None:
    settings = Settings(_env_file=None)

    assert settings.intake_queue == "celery"
    assert "through Celery's default queue, `celery`" in PAGE
    assert settings.max_command_bytes == 2**20
    assert "`ORDERS_SYNC_MAX_COMMAND_BYTES` (1 MiB)" in PAGE
