"""What the sandbox does wrong, how often and when, and the budget of calls."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import Enum, auto
from itertools import count
from random import Random
from typing import Any, Final, Literal

from orders_sync.sandbox import envelopes
from orders_sync.sandbox.wire import Dropped, Response

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
        hook_answer_seconds: How long a hook may take to answer a post; VTEX gives it 5 s.
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
    hook_answer_seconds: float = 5.0
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


#: Takes the moment it was due at, which may be before the moment it runs.
Action = Callable[[float], None]


class Timetable:
    """Keeps actions until they are due; those of one moment happen in the order they came in."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Action]] = []
        self._sequence = count()

    def add(self, at: float, action: Action) -> None:
        """Schedule something for later."""
        heapq.heappush(self._entries, (at, next(self._sequence), action))

    def run(self, now: float) -> None:
        """Run everything that is due, and what that makes due."""
        while self._entries and self._entries[0][0] <= now:
            at, _, action = heapq.heappop(self._entries)
            action(at)


class Mishap(Enum):
    """What goes wrong with one call."""

    STORM = auto()
    DROP_BEFORE = auto()
    DROP_AFTER = auto()
    UNAVAILABLE = auto()
    ERROR_BEFORE = auto()
    ERROR_AFTER = auto()
    LOGIN_PAGE = auto()


#: Mishaps that hide an effect which took place; all others prevent it.
AFTER_EFFECT = frozenset({Mishap.DROP_AFTER, Mishap.ERROR_AFTER})


class Chaos:
    """Draws the mishap and the latency of each call; the same seed and calls, the same fate."""

    def __init__(self, dials: Dials, random: Random) -> None:
        self._dials = dials
        self._random = random
        self._next_storm: float | None = None
        self._storm_ends = 0.0

    def strike(self, now: float) -> Mishap | None:
        """Draw what befalls the call that came in now."""
        luck = self._random.random()
        if self._storms(now):
            return Mishap.STORM
        dials = self._dials
        for mishap, chance in (
            (Mishap.DROP_BEFORE, dials.drop_before),
            (Mishap.DROP_AFTER, dials.drop_after),
            (Mishap.UNAVAILABLE, dials.unavailable),
            (Mishap.ERROR_BEFORE, dials.server_error / 2),
            (Mishap.ERROR_AFTER, dials.server_error / 2),
            (Mishap.LOGIN_PAGE, dials.html_200),
        ):
            if luck < chance:
                return mishap
            luck -= chance
        return None

    def answer(self, mishap: Mishap) -> Response | Dropped:
        """Put the mishap on the wire."""
        match mishap:
            case Mishap.STORM:
                return envelopes.too_many_requests(self._random, retry_after=1)
            case Mishap.DROP_BEFORE | Mishap.DROP_AFTER:
                return Dropped()
            case Mishap.UNAVAILABLE:
                return envelopes.error_page(503, retry_after=1)
            case Mishap.ERROR_BEFORE:
                return envelopes.error_page(self._random.choice((500, 502)))
            case Mishap.ERROR_AFTER:
                return envelopes.error_page(self._random.choice((500, 504)))
            case Mishap.LOGIN_PAGE:
                return envelopes.login_page()

    def latency(self) -> float:
        """Draw how long the answer takes, in seconds."""
        dials = self._dials
        if not dials.latency_max_seconds:
            return 0.0
        return self._random.uniform(dials.latency_min_seconds, dials.latency_max_seconds)

    def _storms(self, now: float) -> bool:
        mean = self._dials.storm_every_seconds
        if not mean:
            self._next_storm = None
            return False
        if now < self._storm_ends:
            return True
        if self._next_storm is not None and now >= self._next_storm:
            lasts = self._random.uniform(0.5, 1.0) * self._dials.storm_seconds
            self._storm_ends, self._next_storm = now + lasts, None
            return True
        if self._next_storm is None:
            self._next_storm = now + self._random.expovariate(1 / mean)
        return False


_BURST_SECONDS = 10


class RateLimit:
    """Lets `per_minute` calls pass a minute, at most ten seconds' worth of them in one burst.

    VTEX publishes 6000 a minute for orders and not how it counts them.
    https://developers.vtex.com/docs/guides/best-practices-for-avoiding-rate-limit-errors
    """

    def __init__(self, per_minute: int | None) -> None:
        self._rate = per_minute / 60 if per_minute else math.inf
        self._capacity = max(1.0, self._rate * _BURST_SECONDS)
        self._tokens = self._capacity
        self._filled_at = 0.0

    def take(self, now: float) -> int | None:
        """Take one call; return None where it passes, else the whole seconds until it may come."""
        if self._rate == math.inf:
            return None
        refill = max(0.0, now - self._filled_at) * self._rate
        self._tokens = min(self._capacity, self._tokens + refill)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        return math.ceil((1 - self._tokens) / self._rate)
