"""What the sandbox does wrong, and how often: every dial, and three settings of them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Literal

Preset = Literal["off", "mild", "wild"]


@dataclass(slots=True)
class Dials:
    """All dials; at their defaults VTEX is quick, punctual and never fails.

    A chance is between 0 and 1 and holds for each call (of the feed: for each read, a duplicate
    for each delivery). Dials may be turned while the sandbox runs.

    Attributes:
        step_seconds: Time between two steps of a new order; 0 makes it ready for handling at once.
        handling_seconds: Time that `start-handling` takes to become `handling`.
        cancel_seconds: Time that `cancel` takes to become `canceled`.
        cancel_visible_after_seconds: Time until an order that was asked to be cancelled shows it.
        visible_after_seconds: Time until an accepted invoice, or its tracking, shows in the order.
        invoicing_seconds: Time that `invoice` takes to become `invoiced`.
        change_seconds: Time that a change takes to be made, or to be given up.
        change_stuck: Chance that a change stops until it is retried or cancelled.
        change_invoice_race: Whether a change ignores the invoices that came in while it ran.
        changes_v1: Whether the first version of changes is still switched on.
        removed_lines_linger: Whether lines that a change removed still show in the order.
        changes_leave_items: Chance that the changes of an order leave `items` as it was sold.
        tracking_appends: Whether tracking events are added to those there, instead of in place.
        index_lag_seconds: How far List orders is behind.
        latency_min_seconds: The quickest answer.
        latency_max_seconds: The slowest answer.
        unavailable: Chance of a 503 with `Retry-After`; it never takes effect.
        server_error: Chance of a 500, 502 or 504 as an HTML page; half of them take effect.
        drop_before: Chance that the connection is cut before the effect.
        drop_after: Chance that the connection is cut after the effect.
        html_200: Chance of a 200 with the login page; it never takes effect.
        storm_every_seconds: Mean time between storms of 429; 0 means none.
        storm_seconds: How long a storm lasts at most.
        feed_duplicates: Chance that a delivered event is delivered again without waiting.
        feed_disorder: Chance that a later event overtakes.
        feed_short_reads: Chance that a read returns fewer events than it could.
        feed_empty_reads: Chance that a read returns nothing although there are events.
        fresh_event_ids: Whether an event that is delivered again has another `eventId`.
        feed_without_change: Chance that an event lacks its `currentChange`.
        hook_loopback: Whether a hook may be at `http://127.0.0.1`; VTEX takes https only.
        hook_drops: Chance that a change is never posted to a hook.
        hook_duplicates: Chance that a change is posted twice.
        hook_disorder: Chance that a post is held back for up to two seconds.
        hook_pause_seconds: The pause before a post is repeated; it doubles from try to try.
        hollow_success: Chance that start-handling answers 204 and nothing happens.
        revoked: Whether every key is answered 401, as one that was revoked.
        forbidden: Calls that are answered 403, such as `get_order`.
        login_page: Calls that are answered with the login page instead.
    """

    step_seconds: float = 0.0
    handling_seconds: float = 0.0
    cancel_seconds: float = 0.0
    cancel_visible_after_seconds: float = 0.0
    visible_after_seconds: float = 0.0
    invoicing_seconds: float = 0.0
    change_seconds: float = 0.0
    change_stuck: float = 0.0
    change_invoice_race: bool = False
    changes_v1: bool = False
    removed_lines_linger: bool = False
    changes_leave_items: float = 0.0
    tracking_appends: bool = False
    index_lag_seconds: float = 0.0
    latency_min_seconds: float = 0.0
    latency_max_seconds: float = 0.0
    unavailable: float = 0.0
    server_error: float = 0.0
    drop_before: float = 0.0
    drop_after: float = 0.0
    html_200: float = 0.0
    storm_every_seconds: float = 0.0
    storm_seconds: float = 2.0
    feed_duplicates: float = 0.0
    feed_disorder: float = 0.0
    feed_short_reads: float = 0.0
    feed_empty_reads: float = 0.0
    fresh_event_ids: bool = False
    feed_without_change: float = 0.0
    hook_loopback: bool = False
    hook_drops: float = 0.0
    hook_duplicates: float = 0.0
    hook_disorder: float = 0.0
    hook_pause_seconds: float = 1.0
    hollow_success: float = 0.0
    revoked: bool = False
    forbidden: list[str] = field(default_factory=list)
    login_page: list[str] = field(default_factory=list)

    @classmethod
    def preset(cls, name: Preset) -> Dials:
        """Set all dials to `off`, `mild` or `wild`."""
        return cls(**_PRESETS[name])

    def turn(self, values: Mapping[str, Any]) -> None:
        """Set some dials by name; raise ValueError, and set none, if a name or a value is wrong."""
        known = {dial.name: getattr(self, dial.name) for dial in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"there is no dial {name!r}; the dials are: {', '.join(known)}")
            if not _fits(value, known[name]):
                raise ValueError(f"{value!r} is no value for the dial {name!r}")
        for name, value in values.items():
            setattr(self, name, value)

    def to_dict(self) -> dict[str, Any]:
        """List every dial and its value."""
        return asdict(self)


def _fits(value: object, present: object) -> bool:
    if isinstance(present, bool):
        return isinstance(value, bool)
    if isinstance(present, list):
        return isinstance(value, list) and all(isinstance(name, str) for name in value)
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


_PRESETS: Final[dict[Preset, dict[str, Any]]] = {
    "off": {},
    "mild": {
        "handling_seconds": 0.1,
        "cancel_seconds": 0.1,
        "visible_after_seconds": 0.1,
        "invoicing_seconds": 0.1,
        "change_seconds": 0.2,
        "index_lag_seconds": 60.0,
        "latency_max_seconds": 0.03,
        "unavailable": 0.003,
        "server_error": 0.003,
        "drop_before": 0.004,
        "drop_after": 0.004,
        "html_200": 0.002,
        "storm_every_seconds": 100.0,
        "storm_seconds": 1.0,
        "feed_duplicates": 0.02,
        "feed_disorder": 0.1,
        "feed_short_reads": 0.05,
        "feed_empty_reads": 0.01,
        "hook_drops": 0.02,
        "hook_duplicates": 0.02,
        "hook_disorder": 0.1,
    },
    "wild": {
        "handling_seconds": 0.5,
        "cancel_seconds": 0.5,
        "visible_after_seconds": 1.0,
        "invoicing_seconds": 0.5,
        "change_seconds": 1.0,
        "removed_lines_linger": True,
        "index_lag_seconds": 240.0,
        "latency_max_seconds": 0.15,
        "unavailable": 0.015,
        "server_error": 0.015,
        "drop_before": 0.02,
        "drop_after": 0.02,
        "html_200": 0.01,
        "storm_every_seconds": 20.0,
        "storm_seconds": 3.0,
        "feed_duplicates": 0.1,
        "feed_disorder": 0.5,
        "feed_short_reads": 0.25,
        "feed_empty_reads": 0.05,
        "fresh_event_ids": True,
        "hook_drops": 0.2,
        "hook_duplicates": 0.1,
        "hook_disorder": 0.5,
    },
}
