from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import NestedSecretsSettingsSource

from orders_sync.errors import ConfigurationError
from orders_sync.settings import Settings, load_settings, require_accounts
from orders_sync.settings_parts import OidcSettings

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
            {"ORDERS_SYNC_BROKER_URL": "rediss://broker/0?ssl_ca_cert=/ca.pem"},
            ["ORDERS_SYNC_BROKER_URL is wrong", "write ssl_ca_certs"],
            id="a slip in a parameter of the broker's URL",
        ),
        pytest.param(
            {"ORDERS_SYNC_REDIS_URL": "redis://budget/0?socket_timeout=5"},
            ["ORDERS_SYNC_REDIS_URL is wrong", "socket_timeout", "take it out"],
            id="a parameter that no URL of a Redis has",
        ),
        pytest.param(
            {"ORDERS_SYNC_BROKER_URL": "redis://broker/0?ssl_ca_certs=/ca.pem"},
            ["ORDERS_SYNC_BROKER_URL is wrong", "write rediss://"],
            id="an authority without TLS",
        ),
        pytest.param(
            {"ORDERS_SYNC_BROKER_URL": "rediss://broker/0?ssl_cert_reqs=topsecret"},
            ["ORDERS_SYNC_BROKER_URL is wrong", "required, optional or none"],
            id="a check of certificates that there is not",
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
            {"ORDERS_SYNC_ACCOUNTS__MYSTORE__APPTOKEN": "topsecret", KEY: "k"},
            ["__APPTOKEN is not a setting", f"Did you mean {TOKEN}?"],
            id="a name without its line",
        ),
        pytest.param(
            {"ORDERS_SYNC_RETRY__ORDER__ATTEMPTS": "3"},
            ["Did you mean ORDERS_SYNC_RETRY__ORDERS__ATTEMPTS?"],
            id="a queue in the singular",
        ),
        pytest.param(
            {"ORDERS_SYNC_FEED": '{"status": []}'},
            ["Did you mean ORDERS_SYNC_FEED__STATUSES?"],
            id="a typo inside JSON",
        ),
        pytest.param(
            {"ORDERS_SYNC_VTEX__COLOUR": "red"},
            ["ORDERS_SYNC_VTEX__COLOUR", "ORDERS_SYNC_VTEX has: CONNECT_SECONDS"],
            id="nothing that is near",
        ),
        pytest.param(
            {"ORDERS_SYNC_HOME__FOLDER": "x"},
            ["ORDERS_SYNC_HOME__FOLDER is not a setting"],
            id="a part of what has none",
        ),
        pytest.param(
            {"ORDERS_SYNC_FEED__STATUSES": "handling,canceled"},
            ["ORDERS_SYNC_FEED__STATUSES is wrong: it is not valid JSON", '=["ready'],
            id="a list that is not JSON",
        ),
        pytest.param(
            {"ORDERS_SYNC_ACCOUNTS": "mystore"},
            ["ORDERS_SYNC_ACCOUNTS is wrong: it is not valid JSON"],
            id="a block that is not JSON",
        ),
        pytest.param(
            {f"{TOKEN}_FILE": "/no/such/file", KEY: "k"},
            [f"{TOKEN}_FILE is wrong: /no/such/file cannot be read: No such file"],
            id="a file that is not there",
        ),
        pytest.param(
            {"ORDERS_SYNC_SECRETS_DIR": "/no/such/folder"},
            ["ORDERS_SYNC_SECRETS_DIR is wrong: /no/such/folder cannot be read"],
            id="a folder that is not there",
        ),
        pytest.param(
            {"ORDERS_SYNC_BROKER_FILE": "x"},
            ["ORDERS_SYNC_BROKER_FILE is not a setting"],
            id="a file of nothing",
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
    lines = [
        line.removeprefix("# ")
        for line in example.splitlines()
        if "ORDERS_SYNC_" in line and "/run/secrets" not in line
    ]
    (empty_folder / ".env").write_text("\n".join(lines))

    settings = load_settings()

    defaults = Settings(_env_file=None)
    assert list(settings.accounts) == ["mystore"]
    assert settings.retry == defaults.retry
    assert settings.feed == defaults.feed
    assert settings.vtex == defaults.vtex
    monkeypatch.undo()


def test_a_secret_is_read_from_the_file_that_its_variable_names(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "token").write_text("from a file\n")

    settings = load(monkeypatch, **{KEY: "k", f"{TOKEN}_FILE": "token"})

    assert settings.accounts["mystore"].app_token.get_secret_value() == "from a file"


def test_a_folder_has_a_file_for_each_secret(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = empty_folder / "secrets"
    folder.mkdir()
    for name, value in {
        KEY: "k",
        TOKEN.lower(): "t",
        "ORDERS_SYNC_BROKER_URL": "redis://files/0",
        "another_program": "x",
    }.items():
        (folder / name).write_text(f"{value}\n")
    (folder / "..data").mkdir()
    (empty_folder / ".env").write_text(f"ORDERS_SYNC_SECRETS_DIR={folder}\n{TOKEN}=of dotenv\n")

    settings = load(monkeypatch, ORDERS_SYNC_BROKER_URL="redis://environment/0")

    account = settings.accounts["mystore"]
    assert (account.app_key.get_secret_value(), account.app_token.get_secret_value()) == ("k", "t")
    assert settings.broker_url == "redis://environment/0"


def test_a_folder_of_files_is_read_as_pydantic_settings_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, outside = tmp_path / "secrets", tmp_path / "outside"
    (folder / "..data").mkdir(parents=True)
    (folder / "sub").mkdir()
    outside.write_text("outside")
    for name, text in {
        KEY: "k\n",
        TOKEN.lower(): "  t  \n",
        "ORDERS_SYNC_accounts__MyStore__erp_options": '{"url": "x"}',
        "ORDERS_SYNC_ACCOUNTS": '{"other": {"app_key": "o", "app_token": "o", "erp": "console"}}',
        "ORDERS_SYNC_ACCOUNTS__OTHER__RETRY__ERP__ATTEMPTS": "7",
        "ORDERS_SYNC_ACCOUNTS__OTHER__FEED__STATUSES": '["handling"]',
        "orders_sync_broker_url": "redis://files/0\n",
        "BROKER_URL": "redis://without-its-prefix/0",
        ".ORDERS_SYNC_POLL_SECONDS": "99",
        "sub/ORDERS_SYNC_POLL_SECONDS": "99",
        "..data/ORDERS_SYNC_LEASE_SECONDS": "77",
    }.items():
        (folder / name).write_text(text)
    (folder / "ORDERS_SYNC_LEASE_SECONDS").symlink_to("..data/ORDERS_SYNC_LEASE_SECONDS")
    (folder / "ORDERS_SYNC_LEDGER_URL").symlink_to(outside)

    class Theirs(Settings):
        @classmethod
        def settings_customise_sources(cls, *_: Any, **__: Any) -> tuple[Any, ...]:
            given: Any = Theirs  # Its constructor takes a class too, and says otherwise.
            return (NestedSecretsSettingsSource(given, secrets_dir=folder),)

    ours = load(monkeypatch, ORDERS_SYNC_SECRETS_DIR=str(folder))

    assert ours.model_dump(exclude={"secrets_dir"}) == Theirs().model_dump(exclude={"secrets_dir"})
    assert ours.accounts["mystore"].app_token.get_secret_value() == "t"
    assert ours.accounts["other"].retry.erp.attempts == 7
    assert (ours.lease_seconds, ours.ledger_url) == (77, None)


def test_a_slip_in_the_name_of_a_file_is_found(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "ORDERS_SYNC_BROKER_ULR").write_text("redis://files/0")

    with pytest.raises(ConfigurationError, match="Did you mean ORDERS_SYNC_BROKER_URL"):
        load(monkeypatch, ORDERS_SYNC_SECRETS_DIR=str(empty_folder))


def test_no_file_is_read_further_than_a_setting_can_be_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ConfigurationError, match="longer than a setting can be"):
        load(monkeypatch, ORDERS_SYNC_BROKER_URL_FILE="/dev/zero")


@pytest.mark.parametrize(
    ("oidc", "problem"),
    [
        ({"issuer": "http://login.example.com"}, "must begin with https://"),
        ({"issuer": "https://login.example.com"}, "needs a CLIENT_ID beside its ISSUER"),
    ],
)
def test_a_provider_is_named_whole_and_encrypted(oidc: dict[str, str], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        OidcSettings.model_validate(oidc)
