"""Every setting of orders_sync, read from the environment or from `.env`, and checked at once.

A setting that is missing or wrong raises `ConfigurationError` with one line that names the
variable, says what is wrong and shows a right value. Secrets are never printed.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from orders_sync.errors import ConfigurationError
from orders_sync.sentinel_url import SENTINEL_SCHEME, read_sentinel_url
from orders_sync.settings_problems import (
    EXAMPLES,
    PREFIX,
    describe,
    describe_json,
    describe_name,
)
from orders_sync.settings_sources import Given, Variable, find_variables

_HOUR = 3600.0
_DAY = 24 * _HOUR

#: The addresses of a Redis; a broker's may also have Celery's own scheme.
REDIS_SCHEMES = ("redis://", "rediss://", "unix://", SENTINEL_SCHEME)
_BROKER_SCHEMES = (*REDIS_SCHEMES, "redis+socket://")


def _as_header(secret: SecretStr) -> SecretStr:
    if not re.fullmatch("[!-~]{16,}", secret.get_secret_value()):
        raise ValueError("must be 16 or more letters, digits and signs of ASCII")
    return secret


Secret = Annotated[SecretStr, Field(min_length=1)]
HookSecret = Annotated[SecretStr, AfterValidator(_as_header)]
DeskRole = Annotated[
    str, StringConstraints(pattern=r"^(viewer|operator|admin)( persons)?$", strip_whitespace=True)
]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+", strip_whitespace=True)]

MailAddress = Annotated[str, StringConstraints(pattern=r"^[^\s@]+@[^\s@]+$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class AccountSettings(_Part):
    """One VTEX account: how to call it, and the adapter of the ERP that fulfils its orders.

    VTEX's hook is let in with either secret, so that one can take the other's place.
    """

    app_key: Secret
    app_token: Secret
    base_url: Url | None = None
    erp: str = "staging"
    erp_options: dict[str, Any] = Field(default_factory=dict, repr=False)
    requests_per_minute: PositiveInt = 5400
    erp_calls_at_once: PositiveInt = 8
    hook_secret: HookSecret | None = None
    hook_old_secret: HookSecret | None = None


class FeedSettings(_Part):
    """The feed configuration that is created where VTEX has none for the account's key.

    Events that a killed worker had read come back after `visibility_seconds`: a lease's length.
    https://developers.vtex.com/docs/guides/orders-feed
    """

    statuses: tuple[str, ...] = (
        "ready-for-handling",
        "cancellation-requested",
        "canceled",
        "replaced",
    )
    visibility_seconds: Annotated[int, Field(ge=30, le=43_200)] = 120
    retention_seconds: Annotated[int, Field(ge=345_600, le=1_209_600)] = 345_600


class VtexSettings(_Part):
    """Bounds of every call to VTEX, in seconds and bytes, and of a process's idle connections.

    VTEX shows the effect of a write at latest `visible_after_seconds` later.
    """

    connect_seconds: PositiveFloat = 3.0
    read_seconds: PositiveFloat = 10.0
    total_seconds: PositiveFloat = 30.0
    max_body_bytes: PositiveInt = 20 * 1024 * 1024
    visible_after_seconds: PositiveFloat = 30.0
    connections: PositiveInt = 100


class SentinelSettings(_Part):
    """How to reach a Redis that sentinels watch over, where a URL begins with `sentinel://`.

    User and password are the sentinels' own. `tls` says who speaks TLS, with certificates that
    `ca_file` vouches for, or without it those whom the machine trusts.
    """

    master: Annotated[str, StringConstraints(min_length=1)] = "mymaster"
    username: str | None = None
    password: Secret | None = None
    tls: Literal["none", "redis", "sentinels", "both"] = "none"
    ca_file: Path | None = None


class GatewaySettings(_Part):
    """Where `orders-sync serve` listens, and how often a token may call each of its processes.

    `proxies` are addresses whose X-Forwarded-For and X-Forwarded-Proto are believed; * is all.
    """

    address: Annotated[str, StringConstraints(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    proxies: str | None = None
    requests_per_minute: PositiveInt = 6000


class MailSettings(_Part):
    """The server that takes the mails of `orders-sync watch`, and whom they are from."""

    host: Annotated[str, StringConstraints(min_length=1)] | None = None
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    username: str | None = None
    password: Secret | None = None
    sender: MailAddress = "orders-sync@localhost"
    tls: Literal["starttls", "tls", "none"] = "starttls"


class SentrySettings(_Part):
    """Where errors that nobody foresaw are sent; nowhere without a DSN."""

    dsn: Secret | None = None
    environment: Annotated[str, StringConstraints(min_length=1)] = "production"


class EndpointSettings(_Part):
    """How events are sent to endpoints, and how long they are kept.

    An endpoint gets at most `at_once` at the same time, and has `seconds` to answer. One that has
    failed for `off_after_hours` is switched off. `private_addresses` allows those of this machine
    and of networks of one's own, and http:// beside https://.
    """

    private_addresses: bool = False
    at_once: PositiveInt = 4
    seconds: Annotated[float, Field(gt=0, le=30)] = 15.0
    off_after_hours: PositiveFloat = 72.0
    keep_days: PositiveInt = 14


class DeskSettings(_Part):
    """Who may use the order desk, and for how long without signing in again.

    People sign in by a password, unless a proxy names them in `user_header`: it is believed from
    the addresses of `trusted_proxies` only (with commas; networks such as 10.0.0.0/8 too). A
    person who is no user of ours has the role of one of the groups in `group_header`, by `groups`
    (group to `viewer`, `operator` or `admin`, with ` persons` behind it for whoever may see
    persons), else `default_role`, else none. `{order_id}`, `{reference}` and `{account}` stand in
    `erp_url` for an order's; `streams` browsers may watch live figures at once.
    """

    idle_minutes: PositiveInt = 60
    session_hours: PositiveInt = 12
    user_header: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$")] | None = None
    group_header: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$")] | None = None
    trusted_proxies: str = ""
    groups: dict[str, DeskRole] = Field(default_factory=dict)
    default_role: DeskRole | None = None
    erp_url: Url | None = None
    streams: PositiveInt = 50

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        for address in filter(None, map(str.strip, value.split(","))):
            ip_network(address)
        return value


class RetryPolicy(_Part):
    """How long and how often a failed step of one queue is tried again.

    The wait before retry n is drawn between 0 and `first_seconds` x `factor`^n, at most
    `cap_seconds`. After `attempts` tries, or `deadline_seconds` after the first, work is parked.
    """

    first_seconds: PositiveFloat
    factor: Annotated[float, Field(ge=1)] = 2.0
    cap_seconds: PositiveFloat
    attempts: PositiveInt
    deadline_seconds: PositiveFloat


def _policy(first: float, cap: float, attempts: int, deadline: float) -> Any:
    policy = RetryPolicy(
        first_seconds=first, cap_seconds=cap, attempts=attempts, deadline_seconds=deadline
    )
    return Field(default=policy)


class RetrySettings(_Part):
    """One retry policy a queue."""

    feed: RetryPolicy = _policy(2, 60, 5, _HOUR)
    orders: RetryPolicy = _policy(2, 300, 12, _DAY)
    erp: RetryPolicy = _policy(5, 600, 20, 3 * _DAY)
    invoice: RetryPolicy = _policy(5, 600, 20, 3 * _DAY)
    tracking: RetryPolicy = _policy(30, 1800, 15, 7 * _DAY)
    cancel: RetryPolicy = _policy(1, 60, 15, 2 * _HOUR)
    change: RetryPolicy = _policy(5, 300, 12, 6 * _HOUR)
    events: RetryPolicy = _policy(5, 3600, 200, 3 * _DAY)
    upkeep: RetryPolicy = _policy(5, 60, 1, _HOUR)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, value: Any) -> Any:
        """Let one figure of a policy be set alone; the others keep their defaults."""
        if not isinstance(value, dict):
            return value
        return {queue: cls._merged(queue, figures) for queue, figures in value.items()}

    @classmethod
    def _merged(cls, queue: str, figures: Any) -> Any:
        field = cls.model_fields.get(queue)
        if field is None or not isinstance(figures, dict):
            return figures
        default: RetryPolicy = field.default
        return {**default.model_dump(), **figures}


class Settings(BaseSettings):
    """All settings; `load_settings` reads them and words what is wrong for a person."""

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
        """Have the environment win over files with secrets, and these over `.env`."""
        has_env_file = getattr(dotenv_settings, "env_file", None) is not None
        layers = find_variables(Settings) if has_env_file else find_variables(Settings)[:2]
        return init_settings, *(Given(settings_cls, given) for given in layers)

    @field_validator("broker_url", "redis_url")
    @classmethod
    def _redis_scheme(cls, value: str | None, info: ValidationInfo) -> str | None:
        schemes = _BROKER_SCHEMES if info.field_name == "broker_url" else REDIS_SCHEMES
        if value is not None and not value.startswith(schemes):
            raise ValueError("must start with redis://, rediss:// or sentinel://")
        if value is not None and value.startswith(SENTINEL_SCHEME):
            read_sentinel_url(value)
        return value

    @property
    def ledger(self) -> str:
        """The ledger's SQLAlchemy URL; an SQLite file in the home folder unless one is set."""
        return self.ledger_url or f"sqlite:///{self.home / 'ledger.sqlite3'}"

    @property
    def lease(self) -> timedelta:
        """How long a worker has an order that it does not renew its lease of."""
        return timedelta(seconds=self.lease_seconds)

    def base_url(self, account: str) -> str:
        """The address of an account's OMS."""
        return (
            self.accounts[account].base_url or f"https://{account}.vtexcommercestable.com.br"
        ).rstrip("/")


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
    """Refuse to go on without an account.

    Raises:
        ConfigurationError: no account is configured.
    """
    if not settings.accounts:
        name = f"{PREFIX}ACCOUNTS__MYSTORE__APP_KEY"
        raise ConfigurationError(
            f"{name} is missing: no VTEX account is configured. Put your account's name in place "
            f"of MYSTORE and set {name}={EXAMPLES['APP_KEY']} and its __APP_TOKEN."
        )


def child_environment(**changes: str) -> dict[str, str]:
    """Copy this process's environment for a process that is started beside it, with changes."""
    return {**os.environ, **changes}


def watchdog_address() -> str | None:
    """Give the socket on which systemd wants to hear that this process works; None without systemd.

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
    """Everything that is set for us, by upper-case name."""
    return {each.name.upper(): each.value for each in reversed(variables())}


def _refuse_unknown_names() -> None:
    for variable in _variables():
        problem = describe_name(variable, Settings)
        if problem is not None:
            raise ConfigurationError(problem)
