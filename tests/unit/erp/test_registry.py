"""An adapter is found by its entry point, and what is wrong with it is said in one line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from support.webhook_erp import SECRET

from orders_sync.erp import registry
from orders_sync.erp.base import Erp
from orders_sync.errors import ConfigurationError
from orders_sync.testing.offering import offer

#: What an adapter that is shipped cannot do without.
NEEDED: Mapping[str, Mapping[str, str]] = {
    "tryton": {"url": "http://tryton", "database": "erp", "user": "sync", "password": "secret"},
    "webhook": {"url": "https://erp.example.com", "secret": SECRET},
}

REPOSITORY = Path(__file__).parents[3]

ACME = """
from orders_sync.erp.base import CancelAnswer, ErpBase, Receipt

class AcmeErp(ErpBase):
    known_options = frozenset({"port"})

    def place_order(self, order):
        return Receipt("1")

    def cancel_order(self, order_id, reason):
        return CancelAnswer.UNKNOWN

class Unfinished(ErpBase):
    def place_order(self, order):
        return Receipt("1")

class Leaky(AcmeErp):
    def __init__(self, account, options, home):
        raise ValueError(f"no port in {options}")

class Stranger:
    def __init__(self, account, options, home):
        pass

NOT_A_CLASS = 3
"""


@pytest.fixture(autouse=True)
def _acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package that offers adapters, by putting its folder on the path."""
    (tmp_path / "acme_erp.py").write_text(ACME)
    offer(
        tmp_path,
        "acme_erp",
        acme="acme_erp:AcmeErp",
        unfinished="acme_erp:Unfinished",
        leaky="acme_erp:Leaky",
        stranger="acme_erp:Stranger",
        number="acme_erp:NOT_A_CLASS",
        absent="acme_erp:Absent",
        gone="acme_erp_of_last_year:AcmeErp",
    )
    monkeypatch.syspath_prepend(str(tmp_path))


def create(name: str, home: Path, **options: object) -> Erp:
    return registry.create(name, account="mystore", options=options, home=home)


def test_an_installed_adapter_is_built_with_its_account_and_options(tmp_path: Path) -> None:
    erp = create("acme", tmp_path, port=1)

    assert vars(erp) == {"account": "mystore", "options": {"port": 1}, "home": tmp_path}


def test_an_unknown_name_lists_what_is_installed(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        create("acmee", tmp_path)

    message = str(raised.value)
    assert message.startswith("ORDERS_SYNC_ACCOUNTS__MYSTORE__ERP: there is no ERP adapter named ")
    assert "'acmee'" in message
    assert "acme," in message


def test_a_name_offered_by_two_packages_is_not_guessed(tmp_path: Path) -> None:
    offer(tmp_path, "other_erp", acme="other_erp:AcmeErp")

    with pytest.raises(ConfigurationError, match=r"several packages .*acme_erp:.*other_erp:"):
        create("acme", tmp_path)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        pytest.param("gone", "cannot be imported: ModuleNotFoundError", id="no such module"),
        pytest.param("absent", "cannot be imported: AttributeError", id="no such class"),
        pytest.param("number", "is not a class", id="not a class"),
        pytest.param("unfinished", r"cannot be built \(TypeError\)", id="a method is missing"),
        pytest.param("stranger", "lacks methods", id="not derived from ErpBase"),
    ],
)
def test_an_adapter_that_cannot_be_used_is_named_in_one_line(
    name: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=says) as raised:
        create(name, tmp_path)

    message = str(raised.value)
    assert message.startswith("ORDERS_SYNC_ACCOUNTS__MYSTORE__ERP: ")
    assert f"'{name}'" in message
    assert "\n" not in message


def test_an_unknown_option_is_refused_with_what_it_takes(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        create("acme", tmp_path, prot=1)

    assert str(raised.value) == (
        "ORDERS_SYNC_ACCOUNTS__MYSTORE__ERP_OPTIONS: the ERP adapter 'acme' refuses its options: "
        "unknown option prot; it takes port."
    )


def test_an_adapter_that_fails_does_not_repeat_its_options(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        create("leaky", tmp_path, password="hunter2")

    assert "hunter2" not in str(raised.value)


def test_every_adapter_of_the_project_is_declared_and_can_be_built(tmp_path: Path) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    declared = project["entry-points"][registry.GROUP]

    built = {
        name: EntryPoint(name, value, registry.GROUP).load()(
            "mystore", NEEDED.get(name, {}), tmp_path
        )
        for name, value in declared.items()
    }

    assert {"console", "staging", "webhook"} <= set(built)
    assert all(isinstance(erp, Erp) for erp in built.values())
