from __future__ import annotations

import json

import pytest
from support.shop import STORE, Shop


def test_each_finding_is_one_line_with_what_to_do(shop: Shop) -> None:
    result = shop.types("doctor")

    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert result.stderr == ""
    assert any(line.startswith("ok ") and "ledger: tables" in line for line in lines)
    assert any(f"orders-sync feed configure --account {STORE}" in line for line in lines)
    assert lines[-1].endswith("need a person.")


def test_a_program_reads_status_and_findings(shop: Shop) -> None:
    result = shop.types("doctor", "--json")

    answer = json.loads(result.stdout)
    assert answer["status"] == result.exit_code == 1
    assert {"subject", "check", "state", "says", "do", "cause"} == set(answer["findings"][0])


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"ORDERS_SYNC_POLL_SECONDS": "x"}, id="a wrong setting"),
        pytest.param({"ORDERS_SYNC_LEDGER_URL": "nonsense"}, id="a wrong ledger"),
        pytest.param({f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__ERP": "none"}, id="a wrong ERP"),
    ],
)
def test_a_wrong_setting_has_a_status_of_its_own(shop: Shop, changes: dict[str, str]) -> None:
    shop.environment |= changes

    assert shop.types("doctor").exit_code == 3


def test_no_secret_is_in_what_is_found(shop: Shop) -> None:
    name = f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__APP_TOKEN"
    shop.environment |= {
        name: "topsecret",
        "ORDERS_SYNC_BROKER_URL": "redis://:topsecret@127.0.0.1:1/0",
    }

    assert "topsecret" not in shop.types("doctor").output
