"""VTEX's hook: its configuration, and the order events that it posts to a URL of ours.

https://developers.vtex.com/docs/guides/orders-feed
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal

from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.errors import ConfigurationError, NotFound
from orders_sync.vtex.documents import parse_json, require, validate
from orders_sync.vtex.endpoints import EndpointGroup
from orders_sync.vtex.feed import FROM_WORKFLOW, FeedFilter
from orders_sync.vtex.responses import read_json
from orders_sync.vtex.schemas import OddText, WholeText, WireModel


class Hook(BaseModel):
    """Where VTEX posts to; the headers are how the receiver knows VTEX, so no repr shows them."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    url: str | None = None
    headers: Mapping[str, str] | None = Field(default=None, repr=False)


class HookConfiguration(BaseModel):
    """A hook's configuration; fields that VTEX adds survive a round trip."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    filter: FeedFilter = FeedFilter()
    hook: Hook = Hook()

    @classmethod
    def from_workflow(
        cls, statuses: Iterable[str], *, url: str, headers: Mapping[str, str]
    ) -> Self:
        """Configure a hook for status changes."""
        return cls(
            filter=FeedFilter(type=FROM_WORKFLOW, status=tuple(statuses)),
            hook=Hook(url=url, headers=dict(headers)),
        )

    def check(self) -> None:
        """Refuse what VTEX would refuse, before it is asked.

        Raises:
            ConfigurationError: the URL is none of https, there is no header, or the filter mixes
                two types.
        """
        parts = urlsplit(self.hook.url or "")
        # VTEX cannot reach this machine, so it is never asked to: that is for a sandbox here.
        is_here = parts.scheme == "http" and parts.hostname == "127.0.0.1"
        if not parts.hostname or not (parts.scheme == "https" or is_here):
            raise ConfigurationError(
                f"The hook's url is {parts.scheme or 'no'} address; VTEX takes https only, for "
                "example https://orders.example.com/vtex/hook."
            )
        if not self.hook.headers:
            raise ConfigurationError(
                "The hook has no headers. VTEX signs nothing, so name one whose value is a "
                "secret, for example X-Integration-Secret."
            )
        self.filter.check("hook")

    def difference(self, target: HookConfiguration) -> list[str]:
        """Return how this configuration differs from a target, without headers' values."""
        mine, theirs = self.hook, target.hook
        differing = self.filter.difference(target.filter)
        if mine.url != theirs.url:
            differing.append(f"hook.url is {mine.url}, wanted {theirs.url}")
        own = {name.lower(): value for name, value in (mine.headers or {}).items()}
        differing += [
            f"hook.headers.{name} {'has another value' if name.lower() in own else 'is missing'}"
            for name, value in (theirs.headers or {}).items()
            if own.get(name.lower()) != value
        ]
        return differing

    def to_wire(self) -> dict[str, Any]:
        """Return the configuration as VTEX's JSON."""
        return self.model_dump(by_alias=True, exclude_none=True, mode="json")


#: VTEX signs nothing; the value of this header, which its configuration names, says who posts.
HEADER: Final = "X-Integration-Secret"

#: A post has some 400 bytes. Parsed, a text of small parts takes twenty times its length.
_LONGEST_BYTES: Final = 64 * 1024


class HookOrigin(WireModel):
    """Whose hook it is: the account and the key that configured it."""

    model_config = ConfigDict(alias_generator=to_pascal)

    account: WholeText
    key: WholeText


class HookPost(WireModel):
    """What the hook posts; order and origin are all it takes, and the rest is any text or none."""

    model_config = ConfigDict(alias_generator=to_pascal)

    order_id: WholeText
    origin: HookOrigin
    current_change: OddText = None
    last_change: OddText = None
    domain: OddText = None
    state: OddText = None
    last_state: OddText = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose changes are wanted: of an account, by the hook of its application key."""

    account: str
    app_key: str


def is_ping(body: bytes) -> bool:
    """Check whether a post only asks, while a hook is being configured, whether anybody is there.

    Whether the configured headers come with it is not documented.
    """
    if len(body) > _LONGEST_BYTES:
        return False
    try:
        data = parse_json(body)
    except ValueError:
        return False
    return isinstance(data, Mapping) and data.get("hookConfig") == "ping"


def read_post(body: bytes, origin: Origin, *, post_id: str) -> OrderEvent | UnreadableEvent:
    """Read a post; one that is not a change of the account is told as such and never raises.

    `post_id` tells a change apart that has no time: VTEX gives posts no id.
    """
    if len(body) > _LONGEST_BYTES:
        return _unreadable(f"it has more than {_LONGEST_BYTES} bytes")
    try:
        data = parse_json(body)
    except ValueError:
        return _unreadable("it is not JSON")
    read, problem = validate(HookPost, data)
    if read is None:
        return _unreadable(problem)
    if read.origin.account.lower() != origin.account.lower():
        return _unreadable("$.Origin.Account is another account's")
    if read.origin.key != origin.app_key:
        return _unreadable("$.Origin.Key is not the account's key: configure the hook anew")
    return OrderEvent(
        order_id=read.order_id,
        domain=read.domain or "",
        state=read.state,
        last_state=read.last_state,
        current_change=read.current_change or "",
        event_id=read.last_change or post_id,
        handle=None,
    )


def _unreadable(problem: str) -> UnreadableEvent:
    return UnreadableEvent(None, f"hook: {problem}")


_CONFIG: Final = "/api/orders/hook/config"


class HookEndpoints(EndpointGroup):
    """The hook of the account's application key: one a key, and none after three idle days."""

    def get_hook_configuration(self) -> HookConfiguration | None:
        """Read the hook's configuration (GetHookConfiguration), or None where there is none.

        https://developers.vtex.com/docs/api-reference/orders-api#get-/api/orders/hook/config
        """
        try:
            data = read_json(*self._call("get_hook_configuration", "GET", _CONFIG))
        except NotFound:
            return None
        if isinstance(data, Mapping):
            data = {key: value for key, value in data.items() if value is not None}
        return require(HookConfiguration, data, "The hook's configuration") if data else None

    def set_hook_configuration(self, configuration: HookConfiguration) -> None:
        """Create the hook's configuration, or put another in its place (HookConfiguration).

        VTEX first posts `{"hookConfig": "ping"}` to the URL, and refuses it without a 200.

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/orders/hook/config

        Raises:
            ConfigurationError: VTEX would refuse or misread the configuration; it is not asked.
            Refused: VTEX cannot reach the URL.
        """
        configuration.check()
        payload = configuration.to_wire()
        self._call("set_hook_configuration", "POST", _CONFIG, payload=payload)

    def delete_hook_configuration(self) -> None:
        """Remove the hook's configuration (DeleteHookConfiguration); nothing is posted any more.

        https://developers.vtex.com/docs/api-reference/orders-api#delete-/api/orders/hook/config
        """
        self._call("delete_hook_configuration", "DELETE", _CONFIG)
