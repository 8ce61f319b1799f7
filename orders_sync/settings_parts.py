"""The blocks of settings: an account, VTEX, the gateway, a retry policy ...; all are frozen."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

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
    field_validator,
    model_validator,
)

_HOUR = 3600.0
_DAY = 24 * _HOUR


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


class AccountFeedSettings(_Part):
    """The part of the feed's configuration that an account has for itself."""

    statuses: Annotated[tuple[str, ...], Field(min_length=1)] | None = None


class AccountRetryPolicy(_Part):
    """The part of a queue's retry policy that an account has for itself."""

    first_seconds: PositiveFloat | None = None
    factor: Annotated[float, Field(ge=1)] | None = None
    cap_seconds: PositiveFloat | None = None
    attempts: PositiveInt | None = None
    deadline_seconds: PositiveFloat | None = None


class AccountRetrySettings(_Part):
    """The queues whose work is of one account each."""

    orders: AccountRetryPolicy = Field(default_factory=AccountRetryPolicy)
    erp: AccountRetryPolicy = Field(default_factory=AccountRetryPolicy)
    invoice: AccountRetryPolicy = Field(default_factory=AccountRetryPolicy)
    tracking: AccountRetryPolicy = Field(default_factory=AccountRetryPolicy)
    cancel: AccountRetryPolicy = Field(default_factory=AccountRetryPolicy)
    change: AccountRetryPolicy = Field(default_factory=AccountRetryPolicy)


class AccountSettings(_Part):
    """One VTEX account: how to call it, and the adapter of the ERP that fulfils its orders.

    VTEX's hook is let in with either secret, so that one can take the other's place. Work of an
    account that is not `enabled` waits. `erp_mapping` is a file that says what VTEX's carriers,
    payments and SKUs are in the ERP. What it says nothing of is as for all accounts.
    """

    app_key: Secret
    app_token: Secret
    base_url: Url | None = None
    erp: str = "staging"
    erp_options: dict[str, Any] = Field(default_factory=dict, repr=False)
    erp_mapping: Path | None = None
    requests_per_minute: PositiveInt = 5400
    erp_calls_at_once: PositiveInt = 8
    erp_calls_per_minute: PositiveInt | None = None
    hook_secret: HookSecret | None = None
    hook_old_secret: HookSecret | None = None
    enabled: bool = True
    feed: AccountFeedSettings = Field(default_factory=AccountFeedSettings)
    retry: AccountRetrySettings = Field(default_factory=AccountRetrySettings)
    retention_days: NonNegativeInt | None = None

    def address(self, name: str) -> str:
        """Return the address of the OMS of the account, which has this name."""
        return (self.base_url or f"https://{name}.vtexcommercestable.com.br").rstrip("/")


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


class OidcSettings(_Part):
    """An OpenID Connect provider that people of the desk sign in at, called `label`.

    `name_claim` names a person, `groups_claim` their groups; without `client_secret` it is a
    public client.
    """

    issuer: Url | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    scopes: str = "openid profile"
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    label: str = "OpenID Connect"

    @field_validator("issuer")
    @classmethod
    def _encrypted(cls, value: str | None) -> str | None:
        host = urlsplit(value or "").hostname or ""
        if value and value.startswith("http:") and host not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError("must begin with https://")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.issuer is not None and not self.client_id:
            raise ValueError("needs a CLIENT_ID beside its ISSUER")
        return self


class DeskSettings(_Part):
    """Who may use the order desk, and for how long without signing in again.

    People sign in by a password or at `oidc`, unless a proxy names them in `user_header`: it is
    believed from the addresses of `trusted_proxies` only (with commas; networks such as 10.0.0.0/8
    too). A person who is no user of ours has the role of one of the groups that proxy (in
    `group_header`) or provider name, by `groups`
    (group to `viewer`, `operator` or `admin`, with ` persons` behind it for people who may see
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
    oidc: OidcSettings = Field(default_factory=OidcSettings)
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
        """Add the defaults of a policy's other figures where only one is set."""
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
