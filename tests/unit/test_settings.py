from __future__ import annotations

from pathlib import Path

import pytest

from orders_sync.errors import ConfigurationError
from orders_sync.settings import Settings, load_settings, require_accounts

KEY = "ORDERS_SYNC_ACCOUNTS__MYSTORE__APP_KEY"
TOKEN = "ORDERS_SYNC_ACCOUNTS__MYSTORE__APP_TOKEN"
ACCOUNT = {KEY: "vtexappkey-mystore-A", TOKEN: "topsecret"}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_two_variables_make_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, **ACCOUNT)

    assert settings.base_url("mystore") == "https://mystore.vtexcommercestable.com.br"
    assert settings.accounts["mystore"].erp == "staging"
    assert settings.ledger == "sqlite:///var/ledger.sqlite3"


def test_one_figure_of_a_retry_policy_is_set_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, ORDERS_SYNC_RETRY__INVOICE__ATTEMPTS="3")

    assert settings.retry.invoice.attempts == 3
    assert settings.retry.invoice.cap_seconds == 600


def test_settings_are_read_from_a_dotenv_file(empty_folder: Path) -> None:
    lines = [f"{name}={value}" for name, value in ACCOUNT.items()]
    (empty_folder / ".env").write_text("\n".join(lines))

    assert list(load_settings().accounts) == ["mystore"]


def test_secrets_are_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        **ACCOUNT,
        ORDERS_SYNC_BROKER_URL="redis://:topsecret@broker/0",
        ORDERS_SYNC_LEDGER_URL="postgresql://me:topsecret@db/ledger",
    )

    assert "topsecret" not in f"{settings!r} {settings} {settings.accounts}"
    assert "vtexappkey-mystore-A" not in repr(settings)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        pytest.param({KEY: "k"}, [TOKEN, "is missing"], id="half an account"),
        pytest.param({**ACCOUNT, TOKEN: ""}, [TOKEN, "is wrong"], id="an empty token"),
        pytest.param(
            {**ACCOUNT, "ORDERS_SYNC_ACCOUNTS__MYSTORE__BASE_URL": "mystore"},
            ["BASE_URL is wrong", "=https://mystore.vtexcommercestable.com.br"],
            id="an address without a scheme",
        ),
        pytest.param(
            {**ACCOUNT, "ORDERS_SYNC_ACCOUNTS__MYSTORE__ERP_OPTIONS": "{url}"},
            ["ORDERS_SYNC_ACCOUNTS__MYSTORE__ERP_OPTIONS", "JSON", '={"url"'],
            id="options that are not JSON",
        ),
        pytest.param(
            {**ACCOUNT, "ORDERS_SYNC_ACCOUNTS__MYSTORE__ERP_OPTION": "{}"},
            ["ORDERS_SYNC_ACCOUNTS__MYSTORE__ERP_OPTION", "not a setting"],
            id="a typo in an account",
        ),
        pytest.param(
            {"ORDERS_SYNC_POL_SECONDS": "1"},
            ["ORDERS_SYNC_POL_SECONDS", "Did you mean ORDERS_SYNC_POLL_SECONDS?"],
            id="a typo",
        ),
        pytest.param(
            {"ORDERS_SYNC_POLL_SECONDS": "often"},
            ["ORDERS_SYNC_POLL_SECONDS is wrong", "ORDERS_SYNC_POLL_SECONDS=1"],
            id="not a number",
        ),
        pytest.param(
            {"ORDERS_SYNC_BROKER_URL": "amqp://localhost"},
            ["ORDERS_SYNC_BROKER_URL is wrong", "=redis://localhost:6379/0"],
            id="another kind of broker",
        ),
        pytest.param(
            {"ORDERS_SYNC_FEED__VISIBILITY_SECONDS": "99999"},
            ["ORDERS_SYNC_FEED__VISIBILITY_SECONDS is wrong", "43200", "=120"],
            id="beyond VTEX's bound",
        ),
        pytest.param(
            {"ORDERS_SYNC_RETRY__INVOICES__ATTEMPTS": "1"},
            ["ORDERS_SYNC_RETRY__INVOICES", "not a setting"],
            id="a queue that does not exist",
        ),
        pytest.param(
            {"ORDERS_SYNC_ACKNOWLEDGE": "never"},
            ["ORDERS_SYNC_ACKNOWLEDGE is wrong", "=handled"],
            id="neither of two words",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(monkeypatch, **variables)

    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message
    assert "topsecret" not in message


def test_without_an_account_the_message_shows_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)

    with pytest.raises(ConfigurationError, match=f"{KEY} is missing.*{KEY}=vtexappkey"):
        require_accounts(settings)


def test_a_typo_in_a_dotenv_file_is_found_too(empty_folder: Path) -> None:
    (empty_folder / ".env").write_text("ORDERS_SYNC_HOEM=/tmp/x\n")

    with pytest.raises(ConfigurationError, match="Did you mean ORDERS_SYNC_HOME"):
        load_settings()


def test_every_setting_of_the_example_file_is_one(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text()
    lines = [line.removeprefix("# ") for line in example.splitlines() if "ORDERS_SYNC_" in line]
    (empty_folder / ".env").write_text("\n".join(lines))

    settings = load_settings()

    defaults = Settings(_env_file=None)
    assert list(settings.accounts) == ["mystore"]
    assert settings.retry == defaults.retry
    assert settings.feed == defaults.feed
    assert settings.vtex == defaults.vtex
    monkeypatch.undo()
