from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from support.office import ORDER, Office
from support.parking import CAUSE, ORDER_CAUSE, parked_invoice, parked_order
from support.shop import STORE, Shop

from orders_sync.cli import main


def completions(environment: dict[str, str], *words: str) -> list[str]:
    """What the shell is told to offer in place of the last word."""
    asked = {
        **environment,
        "_ORDERS_SYNC_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("orders-sync", *words)),
        "COMP_CWORD": str(len(words)),
    }
    result = CliRunner().invoke(main, prog_name="orders-sync", env=asked)
    assert result.stderr == ""
    return [line.partition(",")[2] for line in result.stdout.splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])

    assert result.exit_code == 0
    assert f"{shell}_complete" in result.stdout
    assert result.stderr == ""


def test_an_unknown_shell_is_wrong_usage() -> None:
    assert CliRunner().invoke(main, ["completion", "dos"]).exit_code == 2


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        pytest.param(["do"], ["doctor"], id="a command"),
        pytest.param(["parked", "re"], ["retry"], id="a command of a group"),
        pytest.param(["orders", "list", "--account", "m"], [STORE], id="an account"),
        pytest.param(["commands", "list", "--kind", "c"], ["cancel", "change"], id="kinds"),
        pytest.param(["commands", "list", "--cause", "i"], [CAUSE], id="causes of commands"),
        pytest.param(["parked", "show", ORDER[:4]], [ORDER], id="what is parked"),
        pytest.param(["parked", "show", "%"], [], id="no wildcard"),
        pytest.param(["parked", "list", "--cause", ""], [ORDER_CAUSE, CAUSE], id="causes"),
    ],
)
def test_names_and_ids_are_completed(
    shop: Shop, office: Office, words: list[str], offered: list[str]
) -> None:
    parked_order(office, ORDER)
    parked_invoice(office)

    assert completions(shop.environment, *words) == offered


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({}, id="no account and no ledger"),
        pytest.param({"ORDERS_SYNC_POLL_SECONDS": "x"}, id="a wrong setting"),
        pytest.param({"ORDERS_SYNC_LEDGER_URL": "nonsense"}, id="no ledger's URL"),
    ],
)
@pytest.mark.parametrize("option", ["--account", "--cause"])
def test_completion_never_complains_and_makes_nothing(
    tmp_path: Path, environment: dict[str, str], option: str
) -> None:
    home = {"ORDERS_SYNC_HOME": str(tmp_path)}

    assert completions({**home, **environment}, "parked", "list", option, "") == []
    assert list(tmp_path.iterdir()) == []
