"""Events of VTEX's feed and hook: something about an order changed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """A change that VTEX told of; a reason to read the order, never the truth about it.

    `handle` acknowledges this one delivery of the feed: a redelivery of the same event brings a new
    handle. What the hook posts has none.
    `current_change` is VTEX's own text, kept as it came; empty where VTEX gives none.
    https://developers.vtex.com/docs/guides/orders-feed
    """

    order_id: str
    domain: str
    state: str | None
    last_state: str | None
    current_change: str
    event_id: str
    handle: str | None

    @property
    def identity(self) -> str:
        """Return what is the event's own, however often and under whichever handle it comes.

        VTEX does not promise that an event id stays the same when an event is delivered again, so
        it only stands in where the time of the change is missing, and the handle for it.
        """
        change = self.current_change or f"event {self.event_id or self.handle}"
        return f"{self.order_id}|{self.domain}|{self.state or ''}|{change}"


@dataclass(frozen=True, slots=True)
class UnreadableEvent:
    """An item of the feed, or a post of the hook, that is not an event.

    Its handle, if it has one, still has to be acknowledged.

    `problem` names the field that is wrong, without the item's content.
    """

    handle: str | None
    problem: str
