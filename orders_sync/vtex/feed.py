"""VTEX's feed of order events (v3): read, commit, configuration.

https://developers.vtex.com/docs/guides/orders-feed
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.errors import NotFound, Unreadable
from orders_sync.vtex.endpoints import Endpoints
from orders_sync.vtex.responses import read_json
from orders_sync.vtex.schemas import FeedConfiguration
from orders_sync.vtex.translate import event, feed_configuration

#: The most events that VTEX gives in one read.
MAX_LOT: Final = 10

#: An event has some 400 bytes. Parsed, a text of small parts takes twenty times its length.
_LONGEST_EVENT_BYTES: Final = 64 * 1024

_FEED: Final = "/api/orders/feed"
_CONFIG: Final = "/api/orders/feed/config"


class FeedEndpoints(Endpoints):
    """The feed of the account's application key; whoever shares the key shares the feed."""

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
        """Take the events of these handles out of the feed for good; no handles, no call."""
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
