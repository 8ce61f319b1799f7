"""Every setting of orders_sync, read from the environment or from `.env`, and checked at once.

A setting that is missing or wrong raises `ConfigurationError` with one line that names the
variable, says what is wrong and shows a right value. Secrets are never printed.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from orders_sync.encryption import read_keys
from orders_sync.errors import ConfigurationError
from orders_sync.redis_url import (
    REDIS_SCHEMES,
    SENTINEL_SCHEME,
    check_parameters,
    read_sentinel_url,
)
from orders_sync.settings_parts import (
    AccountSettings,
    DeskSettings,
    EndpointSettings,
    FeedSettings,
    GatewaySettings,
    MailSettings,
    RetryPolicy,
    RetrySettings,
    Secret,
    SentinelSettings,
    SentrySettings,
    VtexSettings,
)
from orders_sync.settings_variables import (
    EXAMPLES,
    PREFIX,
    GivenVariables,
    Variable,
    describe,
    describe_json,
    describe_name,
    find_variables,
)

_BROKER_SCHEMES = (*REDIS_SCHEMES, "redis+socket://")


class Settings(BaseSettings):
    """All settings; `load_settings` reads them and explains to a person what is wrong."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        nested_model_default_partial_update=True,
    )

    accounts: dict[str, AccountSettings] = Field(default_factory=dict)
    secrets_dir: Path | None = None
    # What the ledger keeps of secrets is encrypted with the first, and read with any of them.
    secrets_key: Secret | None = None
    home: Path = Path("var")
    # URLs may carry passwords, so they stay out of what is printed of the settings.
    broker_url: str | None = Field(default=None, repr=False)
    redis_url: str | None = Field(default=None, repr=False)
    # How long a call to VTEX or the ERP may wait for Redis to tell whether it may be made now.
    redis_seconds: PositiveFloat = 0.25
    ledger_url: str | None = Field(default=None, repr=False)

    ledger_connections: Annotated[int, Field(ge=2)] = 20
    poll_seconds: PositiveFloat = 1.0
    # A feed that is read more rarely looks like one that nobody reads.
    idle_poll_seconds: Annotated[float, Field(gt=0, le=300)] = 15.0
    acknowledge: Literal["handled", "recorded"] = "handled"
    acknowledge_seconds: PositiveFloat = 2.0
    sweep_seconds: PositiveFloat = 5.0
    watch_feed_seconds: PositiveFloat = 300.0
    # Below a minute, workers are replaced that would have found back to their broker by themselves.
    silence_seconds: Annotated[float, Field(ge=10)] = 90.0
    lease_seconds: Annotated[float, Field(ge=5)] = 120.0
    max_in_flight: PositiveInt = 1000
    processes: PositiveInt = 4
    reconcile_seconds: PositiveFloat = 600.0
    reconcile_pages: PositiveInt = 10
    reconcile_days: PositiveInt = 30
    # Until an order is first read for changes that VTEX tells nobody of; zero never reads it.
    compare_hours: NonNegativeFloat = 1.0
    stuck_hours: PositiveFloat = 24.0
    # Zero keeps everything for ever.
    retention_days: NonNegativeInt = 90
    pull_seconds: PositiveFloat = 2.0
    change_api: Literal["v2", "v1"] = "v2"
    intake_queue: str = "celery"
    max_command_bytes: PositiveInt = 1024 * 1024
    allow_control: bool = False
    visibility_timeout_seconds: Annotated[int, Field(ge=60, le=3600)] = 600

    feed: FeedSettings = Field(default_factory=FeedSettings)
    vtex: VtexSettings = Field(default_factory=VtexSettings)
    sentinel: SentinelSettings = Field(default_factory=SentinelSettings)
    gateway: GatewaySettings = Field(default_factory=GatewaySettings)
    endpoints: EndpointSettings = Field(default_factory=EndpointSettings)
    desk: DeskSettings = Field(default_factory=DeskSettings)
    retry: RetrySettings = Field(default_factory=RetrySettings)
    mail: MailSettings = Field(default_factory=MailSettings)
    sentry: SentrySettings = Field(default_factory=SentrySettings)

    # URLs of apprise's, which hold tokens.
    notify_targets: tuple[Secret, ...] = ()

    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    metrics_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    metrics_address: Annotated[str, StringConstraints(min_length=1)] = "127.0.0.1"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - it takes _FILE for a setting
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - it knows no accounts
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources: the environment, then files with secrets, then `.env`."""
        has_env_file = getattr(dotenv_settings, "env_file", None) is not None
        layers = find_variables(Settings) if has_env_file else find_variables(Settings)[:2]
        return init_settings, *(GivenVariables(settings_cls, given) for given in layers)

    @field_validator("broker_url", "redis_url")
    @classmethod
    def _redis_scheme(cls, value: str | None, info: ValidationInfo) -> str | None:
        schemes = _BROKER_SCHEMES if info.field_name == "broker_url" else REDIS_SCHEMES
        if value is not None and not value.startswith(schemes):
            raise ValueError("must start with redis://, rediss:// or sentinel://")
        if value is not None and value.startswith(SENTINEL_SCHEME):
            read_sentinel_url(value)
        if problem := check_parameters(value or ""):
            raise ValueError(problem)
        return value

    @field_validator("secrets_key")
    @classmethod
    def _keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_keys(value)
        return value

    @property
    def ledger(self) -> str:
        """The ledger's SQLAlchemy URL; an SQLite file in the home folder unless one is set."""
        return self.ledger_url or f"sqlite:///{self.home / 'ledger.sqlite3'}"

    @property
    def lease(self) -> timedelta:
        """How long a worker has an order that it does not renew its lease of."""
        return timedelta(seconds=self.lease_seconds)

    @property
    def enabled_accounts(self) -> list[str]:
        """The accounts whose work is done, in the order of their names."""
        return sorted(name for name, account in self.accounts.items() if account.enabled)

    def feed_of(self, account: str) -> FeedSettings:
        """Return the configuration that an account's feed shall have."""
        own = self.accounts[account].feed.model_dump(exclude_none=True)
        return self.feed.model_copy(update=own) if own else self.feed

    def policy_of(self, account: str, queue: str) -> RetryPolicy:
        """Return the retry policy of a queue for an account's work, be it known or not."""
        policy: RetryPolicy = getattr(self.retry, queue)
        known = self.accounts.get(account)
        own = getattr(known.retry, queue, None) if known else None
        changes = own.model_dump(exclude_none=True) if own else {}
        return policy.model_copy(update=changes) if changes else policy

    def retention_of(self, account: str) -> timedelta | None:
        """Return how long an account's finished orders are kept; None is for ever."""
        known = self.accounts.get(account)
        own = known.retention_days if known else None
        days = self.retention_days if own is None else own
        return timedelta(days=days) if days else None

    def base_url(self, account: str) -> str:
        """Return the address of an account's OMS."""
        return self.accounts[account].address(account)


def load_settings() -> Settings:
    """Read and check the settings.

    Raises:
        ConfigurationError: a setting is missing, wrong or unknown; the message names it.
    """
    _refuse_unknown_names()
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigurationError(describe(error, Settings.model_construct())) from None
    except SettingsError:
        raise ConfigurationError(describe_json(_variables(), Settings)) from None


def require_accounts(settings: Settings) -> None:
    """Check that there is an account.

    Raises:
        ConfigurationError: no account is configured.
    """
    if not settings.accounts:
        name = f"{PREFIX}ACCOUNTS__MYSTORE__APP_KEY"
        raise ConfigurationError(
            f"{name} is missing: no VTEX account is configured. Put your account's name in place "
            f"of MYSTORE and set {name}={EXAMPLES['APP_KEY']} and its __APP_TOKEN. Or add one to "
            "the ledger: orders-sync accounts add --help"
        )


def child_environment(**changes: str) -> dict[str, str]:
    """Return this process's environment, with changes, for a process that is started beside it."""
    return {**os.environ, **changes}


def environment_variable(name: str) -> str | None:
    """Return a variable that somebody else names, such as the one that a secret lies in."""
    return os.environ.get(name)


def watchdog_address() -> str | None:
    """Return the socket that tells systemd that this process works; None without systemd.

    https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
    """
    return os.environ.get("NOTIFY_SOCKET")


def exports_traces() -> bool:
    """Return whether OpenTelemetry's own variables name a collector that traces go to.

    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """
    given = os.environ
    if given.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return given.get("OTEL_TRACES_EXPORTER", "otlp") == "otlp" and any(map(given.get, names))


def variables() -> list[Variable]:
    """List everything that is set for us: the environment's, which win, then files', then `.env`'s.

    Raises:
        ConfigurationError: a file, or the folder of files, cannot be read.
    """
    environment, files, env_file = find_variables(Settings)
    return [*environment, *files, *env_file]


def _variables() -> dict[str, str | None]:
    """Return everything that is set for us, by upper-case name."""
    return {variable.name.upper(): variable.value for variable in reversed(variables())}


def _refuse_unknown_names() -> None:
    for variable in _variables():
        problem = describe_name(variable, Settings)
        if problem is not None:
            raise ConfigurationError(problem)
