"""What the `ERP_OPTIONS` of a `webhook` ERP may say, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from orders_sync.erp.webhook_messages import Verb
from orders_sync.errors import ConfigurationError
from orders_sync.http_client import BadUrl, read_target
from orders_sync.signing import is_secret

_NEEDED: Final = frozenset({Verb.PLACE, Verb.CANCEL})
_MADE_BY: Final = 'make one: echo "whsec_$(openssl rand -base64 32)"'
_OUR_HEADERS: Final = frozenset(
    {
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)


def _as_url(url: str) -> str:
    try:
        read_target(url)
    except BadUrl as error:
        raise ValueError(f"{error}".removeprefix("it ")) from None
    return url


def _as_secret(secret: SecretStr) -> SecretStr:
    if not is_secret(secret.get_secret_value()):
        raise ValueError(f"must be a secret of Standard Webhooks; {_MADE_BY}")
    return secret


def _as_header_name(name: str) -> str:
    if name.lower() in _OUR_HEADERS:
        raise ValueError("must be another: this one is set by orders_sync")
    return name


def _as_header(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.isascii() or not text.isprintable():
        raise ValueError("must be one line of ASCII")
    return value


_Url = Annotated[str, AfterValidator(_as_url)]
_Secret = Annotated[SecretStr, AfterValidator(_as_secret)]
_HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$"), AfterValidator(_as_header_name)]
_HeaderValue = Annotated[SecretStr, AfterValidator(_as_header)]
_Seconds = Annotated[float, Field(gt=0, le=60)]


class WebhookOptions(BaseModel):
    """What the account's `ERP_OPTIONS` may say.

    Each of the `verbs` is sent to its own of `urls`, or to `url`. Messages are signed with `secret`
    and, while one takes the other's place, with `old_secret` too. `secret_headers` are sent with
    each. The seconds are those of `HttpCalls`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: _Url | None = None
    urls: dict[Verb, _Url] = Field(default_factory=dict)
    verbs: frozenset[Verb] = frozenset(Verb)
    secret: _Secret
    old_secret: _Secret | None = None
    secret_headers: dict[_HeaderName, _HeaderValue] = Field(default_factory=dict)
    connect_seconds: _Seconds = 3.0
    read_seconds: _Seconds = 10.0
    total_seconds: _Seconds = 20.0

    @model_validator(mode="after")
    def _is_whole(self) -> WebhookOptions:
        if missing := sorted(_NEEDED - self.verbs):
            raise ValueError(f"verbs must have {' and '.join(missing)}")
        if self.url is None and not self.verbs - {Verb.CHECK} <= self.urls.keys():
            raise ValueError('url is missing; give {"url": "https://erp.example.com/orders"}')
        return self

    @property
    def keys(self) -> Sequence[str]:
        """The secrets that sign."""
        return [key.get_secret_value() for key in (self.secret, self.old_secret) if key is not None]

    def url_of(self, verb: Verb) -> str:
        """Return where a message goes."""
        return self.urls.get(verb) or self.url or self.urls[Verb.PLACE]


def read_options(options: Mapping[str, Any]) -> WebhookOptions:
    """Read and check the options.

    Raises:
        ConfigurationError: one is missing or wrong; the message names it, and not what it was.
    """
    try:
        return WebhookOptions.model_validate(dict(options))
    except ValidationError as error:
        raise ConfigurationError(_first_problem(error)) from None


def _first_problem(error: ValidationError) -> str:
    """Name the first option that is wrong, and what it must be; never what it was."""
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = ".".join(str(part) for part in problem["loc"] if part != "[key]")
    words = problem["msg"].removeprefix("Value error, ").replace("Input should", "must")
    if problem["type"] == "missing":
        words = f"is missing; {_MADE_BY}" if name == "secret" else "is missing"
    return f"{name} {words}" if name else words
