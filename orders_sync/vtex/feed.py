"""VTEX's feed of order events (v3): its configuration, reading and committing.

https://developers.vtex.com/docs/guides/orders-feed
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.errors import ConfigurationError, NotFound, Unreadable
from orders_sync.vtex.documents import is_whole_text, require, validate
from orders_sync.vtex.endpoints import EndpointGroup
from orders_sync.vtex.responses import read_json
from orders_sync.vtex.schemas import OddText, WholeText, WireModel

FROM_WORKFLOW: Final = "FromWorkflow"
FROM_ORDERS: Final = "FromOrders"

MAX_VISIBILITY_SECONDS: Final = 43_200
MIN_RETENTION_SECONDS: Final = 345_600
MAX_RETENTION_SECONDS: Final = 1_209_600

_VISIBILITY: Final = "visibilityTimeoutInSeconds"
_RETENTION: Final = "MessageRetentionPeriodInSeconds"


class _Section(BaseModel):
    """Fields that VTEX adds survive a round trip."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)


class FeedFilter(_Section):
    """Which changes become events; VTEX does not check the statuses, so a typo gives silence."""

    type: str | None = None
    status: tuple[str, ...] | None = None
    expression: str | None = None
    disable_single_fire: bool | None = Field(default=None, alias="disableSingleFire")

    def check(self, owner: str) -> None:
        """Refuse what VTEX would refuse; `owner` is the feed or the hook, for the message.

        Raises:
            ConfigurationError: the type is unknown, or the fields of two types are mixed.
        """
        if self.type not in {FROM_WORKFLOW, FROM_ORDERS}:
            raise ConfigurationError(
                f"The {owner}'s filter.type is {self.type}; VTEX takes FromWorkflow or FromOrders."
            )
        from_orders = self.expression is not None or bool(self.disable_single_fire)
        mixed = from_orders if self.type == FROM_WORKFLOW else bool(self.status)
        if mixed:
            raise ConfigurationError(
                f"The {owner}'s filter mixes two types; FromWorkflow takes status, and FromOrders "
                "takes expression and disableSingleFire."
            )

    def difference(self, target: FeedFilter) -> list[str]:
        """Return how this filter differs from a target, in any order of its statuses."""
        pairs = {
            "filter.type": (self.type or FROM_WORKFLOW, target.type or FROM_WORKFLOW),
            "filter.expression": (self.expression, target.expression),
            "filter.disableSingleFire": (
                bool(self.disable_single_fire),
                bool(target.disable_single_fire),
            ),
        }
        return _status_difference(self.status, target.status) + _differing(pairs)


class FeedQueue(_Section):
    """How long an event is hidden after a read, and how long it is kept; both in seconds."""

    visibility_seconds: int | None = Field(default=None, alias=_VISIBILITY)
    retention_seconds: int | None = Field(
        default=None,
        validation_alias=AliasChoices(_RETENTION, "messageRetentionPeriodInSeconds"),
        serialization_alias=_RETENTION,
    )


class FeedConfiguration(_Section):
    """A feed's configuration, and VTEX's figures about its queue.

    `quantity` counts the events in the queue, hidden ones too; `oldest_event_seconds` is the age
    of the oldest. VTEX answers both and is never sent them.
    """

    filter: FeedFilter = FeedFilter()
    queue: FeedQueue = FeedQueue()
    quantity: int | None = None
    oldest_event_seconds: float | None = Field(
        default=None,
        validation_alias=AliasChoices(
            "approximateAgeOfOldestMessageInSeconds", "aproximateAgeOfOldestMessageInSeconds"
        ),
    )

    @classmethod
    def from_workflow(
        cls, statuses: Iterable[str], *, visibility_seconds: int, retention_seconds: int
    ) -> Self:
        """Configure a feed of status changes."""
        return cls(
            filter=FeedFilter(type=FROM_WORKFLOW, status=tuple(statuses)),
            queue=FeedQueue(
                visibility_seconds=visibility_seconds, retention_seconds=retention_seconds
            ),
        )

    def check(self) -> None:
        """Refuse what VTEX would refuse, before it is asked.

        Raises:
            ConfigurationError: a figure is out of bounds, or the fields of two types are mixed.
        """
        visibility = self.queue.visibility_seconds
        if visibility is None or not 0 <= visibility <= MAX_VISIBILITY_SECONDS:
            raise ConfigurationError(
                f"The feed's queue.{_VISIBILITY} is {visibility}; VTEX takes 0 to "
                f"{MAX_VISIBILITY_SECONDS}, for example 240."
            )
        retention = self.queue.retention_seconds
        if retention is None or not MIN_RETENTION_SECONDS <= retention <= MAX_RETENTION_SECONDS:
            raise ConfigurationError(
                f"The feed's queue.{_RETENTION} is {retention}; VTEX takes "
                f"{MIN_RETENTION_SECONDS} to {MAX_RETENTION_SECONDS}, for example 345600."
            )
        self.filter.check("feed")

    def to_wire(self) -> dict[str, Any]:
        """Return the configuration as VTEX's JSON."""
        return self.model_dump(
            by_alias=True,
            exclude_none=True,
            exclude={"quantity", "oldest_event_seconds"},
            mode="json",
        )

    def difference(self, target: FeedConfiguration) -> list[str]:
        """Return how this configuration differs from a target; empty where it does not.

        Figures that only VTEX knows are left out.
        """
        pairs = {
            f"queue.{_VISIBILITY}": (
                self.queue.visibility_seconds,
                target.queue.visibility_seconds,
            ),
            f"queue.{_RETENTION}": (self.queue.retention_seconds, target.queue.retention_seconds),
        }
        return self.filter.difference(target.filter) + _differing(pairs)


def _differing(pairs: Mapping[str, tuple[object, object]]) -> list[str]:
    return [f"{name} is {a}, wanted {b}" for name, (a, b) in pairs.items() if a != b]


def _status_difference(actual: tuple[str, ...] | None, target: tuple[str, ...] | None) -> list[str]:
    if set(actual or ()) == set(target or ()):
        return []
    if not actual or not target:
        return [f"filter.status is {_listed(actual)}, wanted {_listed(target)}"]
    missing = sorted(set(target) - set(actual))
    surplus = sorted(set(actual) - set(target))
    return [
        f"filter.status {verb} {', '.join(statuses)}"
        for verb, statuses in (("lacks", missing), ("has beside what is wanted", surplus))
        if statuses
    ]


def _listed(statuses: tuple[str, ...] | None) -> str:
    return ", ".join(sorted(statuses)) if statuses else "every status"


#: The most events that VTEX gives in one read.
MAX_LOT: Final = 10

#: An event has some 400 bytes. Parsed, a text of small parts takes twenty times its length.
_LONGEST_EVENT_BYTES: Final = 64 * 1024

_FEED: Final = "/api/orders/feed"
_CONFIG: Final = "/api/orders/feed/config"


class FeedItem(WireModel):
    """One item of the feed; order and handle are all it takes, and the rest is any text or none."""

    order_id: WholeText
    handle: WholeText
    current_change: OddText = None
    domain: OddText = None
    event_id: OddText = None
    state: OddText = None
    last_state: OddText = None


def event(item: Any) -> OrderEvent | UnreadableEvent:
    """Read one item of the feed; one that is not an event is told as such and never raises."""
    read, problem = validate(FeedItem, item)
    if read is None:
        handle = item.get("handle") if isinstance(item, Mapping) else None
        return UnreadableEvent(handle if is_whole_text(handle) else None, problem)
    return OrderEvent(
        order_id=read.order_id,
        domain=read.domain or "",
        state=read.state,
        last_state=read.last_state,
        current_change=read.current_change or "",
        event_id=read.event_id or "",
        handle=read.handle,
    )


def feed_configuration(data: Any) -> FeedConfiguration | None:
    """Read the feed's configuration; null and an empty object are none.

    Raises:
        Unreadable: it is something else.
    """
    if isinstance(data, Mapping):
        data = {key: value for key, value in data.items() if value is not None}
    if not data:
        return None
    return require(FeedConfiguration, data, "The feed's configuration")


class FeedEndpoints(EndpointGroup):
    """The feed of the account's application key; those who share the key share the feed."""

    def get_feed(self, max_lot: int = MAX_LOT) -> list[OrderEvent | UnreadableEvent]:
        """Read up to `max_lot` events; fewer or none are no sign that the feed is empty.

        Raises:
            NotFound: the key has no feed configuration.
            Unreadable: the answer is no list of at most `max_lot` events.
        """
        if not 1 <= max_lot <= MAX_LOT:
            raise ValueError(f"max_lot must be 1 to {MAX_LOT}, not {max_lot}.")
        request, response = self._call("get_feed", "GET", _FEED, query={"maxlot": str(max_lot)})
        if len(response.body) > max_lot * _LONGEST_EVENT_BYTES:
            raise Unreadable(_too_much(max_lot, f"{len(response.body)} bytes"))
        items = read_json(request, response)
        if items is None:
            return []
        if not isinstance(items, list):
            raise Unreadable("get_feed: VTEX's answer must be a list of events and is none.")
        if len(items) > max_lot:
            raise Unreadable(_too_much(max_lot, f"{len(items)} items"))
        return [event(item) for item in items]

    def commit_feed(self, handles: Sequence[str]) -> None:
        """Remove the events of these handles from the feed for good; no handles, no call."""
        if handles:
            self._call("commit_feed", "POST", _FEED, payload={"handles": list(handles)})

    def get_feed_configuration(self) -> FeedConfiguration | None:
        """Read the feed's configuration, or None where there is none."""
        try:
            answer = self._call("get_feed_configuration", "GET", _CONFIG)
        except NotFound:
            return None
        return feed_configuration(read_json(*answer))

    def set_feed_configuration(self, configuration: FeedConfiguration) -> None:
        """Create the feed's configuration, or put another in its place.

        Raises:
            ConfigurationError: VTEX would refuse or misread the configuration; it is not asked.
        """
        configuration.check()
        payload = configuration.to_wire()
        self._call("set_feed_configuration", "POST", _CONFIG, payload=payload)


def _too_much(max_lot: int, size: str) -> str:
    return (
        f"get_feed: VTEX was asked for {max_lot} events at most and answered {size}; none was "
        "read. If it goes on, ask VTEX's support about the account's feed."
    )
