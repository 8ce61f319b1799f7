"""What holds for all commands: --json, exit statuses, closed pipes, Ctrl-C."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from support.office import ORDER, Office
from support.parking import ORDER_CAUSE, parked_invoice, parked_order
from support.shop import STORE, Shop

from orders_sync.cli import main
from orders_sync.settings import child_environment

#: Commands that have no --json, and why.
WITHOUT_JSON = {
    "completion": "it prints a script for a shell",
    "serve": "it serves until it is stopped, and prints one line, its address",
    "sandbox": "it serves until it is stopped, and prints one line, its address",
    "up": "it runs until it is stopped, and tells sentences on standard error",
}

DISCARD = ("parked", "discard", "b-01", "--reason", "twice")


def leaves(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from leaves(below, (*path, name))
    else:
        yield " ".join(path), command


LEAVES = dict(leaves(main))


@pytest.mark.parametrize("name", LEAVES)
def test_a_command_has_json_or_a_reason(name: str) -> None:
    options = {option for parameter in LEAVES[name].params for option in parameter.opts}

    assert ("--json" in options) != (name in WITHOUT_JSON)


@pytest.fixture
def busy(shop: Shop, office: Office) -> str:
    """A shop with a feed, two parked orders and a parked command, whose id it gives."""
    shop.prints("feed", "configure")
    parked_order(office, "a-01")
    parked_order(office, "b-01")
    return parked_invoice(office)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(arguments, id=" ".join(arguments[:2]))
        for arguments in (
            ("config",),
            ("db", "upgrade"),
            ("feed", "show"),
            ("feed", "configure"),
            ("feed", "peek"),
            ("orders", "list"),
            ("orders", "show", "a-01"),
            ("orders", "sync", ORDER),
            ("commands", "list"),
            ("commands", "show", "COMMAND"),
            ("invoice", ORDER, "--number", "1"),
            ("track", ORDER, "--invoice", "1", "--tracking-number", "BR1"),
            ("cancel", ORDER, "--reason", "fraud"),
            ("deny", ORDER, "--reason", "packed"),
            ("note", ORDER, "--message", "call us"),
            ("parked", "list"),
            ("parked", "show", "COMMAND"),
            ("parked", "retry", "a-01"),
            ("parked", "edit", "COMMAND", "--set", "number=8"),
            DISCARD,
        )
    ],
)
def test_json_is_all_that_is_printed(shop: Shop, busy: str, arguments: tuple[str, ...]) -> None:
    typed = [busy if word == "COMMAND" else word for word in arguments]

    result = shop.types(*typed, "--json")

    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) is not None


@pytest.mark.parametrize(
    ("arguments", "changes", "status"),
    [
        pytest.param(["orders", "list"], {}, 0, id="done"),
        pytest.param(["orders", "show", "nope"], {}, 1, id="not found"),
        pytest.param(["commands", "show", "nope"], {}, 1, id="no command"),
        pytest.param(["commands", "list", "--kind", "ship"], {}, 2, id="no kind of command"),
        pytest.param(["parked", "retry", "nope"], {}, 1, id="not parked"),
        pytest.param(["feed", "peek"], {}, 1, id="no feed"),
        pytest.param(["feed", "peek", "--limit", "0"], {}, 2, id="wrong usage"),
        pytest.param(["orders", "sync", "x" * 256], {}, 2, id="longer than an id"),
        pytest.param(["orders", "list"], {"ORDERS_SYNC_POLL_SECONDS": "x"}, 3, id="wrong setting"),
    ],
)
def test_the_status_says_how_it_went(
    shop: Shop, arguments: list[str], changes: dict[str, str], status: int
) -> None:
    shop.environment |= changes

    result = shop.types(*arguments)

    assert result.exit_code == status
    assert "Traceback" not in result.stderr


def test_a_ledger_without_tables_is_a_matter_of_configuration(shop: Shop, tmp_path: Path) -> None:
    shop.environment["ORDERS_SYNC_HOME"] = str(tmp_path / "elsewhere")

    result = shop.types("parked", "list")

    assert result.exit_code == 3
    assert "orders-sync db upgrade" in result.stderr


def test_a_home_that_cannot_be_made_is_one_line(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    shop.environment["ORDERS_SYNC_HOME"] = str(tmp_path / "file" / "below")

    result = shop.types("orders", "list")

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert str(tmp_path / "file") in result.stderr


def test_ctrl_c_at_a_question_is_one_line(shop: Shop, office: Office) -> None:
    parked_order(office, ORDER)

    result = shop.types("parked", "retry", "--cause", ORDER_CAUSE, "--all", stdin="")

    assert result.exit_code == 1
    assert result.stderr.endswith("Aborted!\n")
    assert shop.answers("parked", "list")["causes"] == {ORDER_CAUSE: 1}


@pytest.mark.parametrize("arguments", [["config"], ["orders", "list"]], ids=" ".join)
def test_a_closed_pipe_is_no_complaint(shop: Shop, office: Office, arguments: list[str]) -> None:
    parked_order(office, f"{STORE}-01")
    process = subprocess.Popen(
        [sys.executable, "-m", "orders_sync", *arguments],
        env=child_environment(**shop.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None

    process.stdout.close()
    _, errors = process.communicate(timeout=60)

    assert errors == b""
