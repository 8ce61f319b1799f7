"""Judges the endpoints that events are sent to: which are off, fail, or have lost something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from orders_sync.doctor.findings import Finding, State
from orders_sync.domain.words import count_of, in_words
from orders_sync.ledger.endpoints import Endpoint
from orders_sync.ledger.outbox_log import Backlog

ENDPOINTS: Final = "endpoints"

#: An endpoint that fails, or has its events late, needs a person after so long.
_LATE: Final = timedelta(minutes=15)

_WHY: Final = {
    "gone": "it answered 410, which says that it is gone",
    "failing": "it failed for too long",
}


@dataclass(frozen=True, slots=True)
class EndpointReading:
    """The endpoints, and what waits for each."""

    endpoints: Sequence[Endpoint] = ()
    backlogs: Mapping[str, Backlog] = field(default_factory=dict)


def judge_endpoints(reading: EndpointReading, *, now: datetime) -> Iterator[Finding]:
    """Say which endpoints need a person; one that a person switched off does not."""
    for endpoint in reading.endpoints:
        yield from _judge(endpoint, reading.backlogs.get(endpoint.id, Backlog()), now)


def _judge(endpoint: Endpoint, backlog: Backlog, now: datetime) -> Iterator[Finding]:
    name, since = endpoint.id, endpoint.failing_since
    if endpoint.off_at is not None:
        if endpoint.off_why in _WHY:
            yield Finding(
                ENDPOINTS,
                name,
                State.WARNING,
                f"it is off since {endpoint.off_at:%Y-%m-%d %H:%M} UTC: {_WHY[endpoint.off_why]}; "
                f"{count_of(backlog.waiting, 'event')} for it",
                f"Mend it, then: orders-sync endpoints enable {name}; or: orders-sync endpoints "
                f"remove {name}",
                "off",
            )
        return
    if since is not None and now - since > _LATE:
        says = (
            f"it takes nothing since {since:%Y-%m-%d %H:%M} UTC, for "
            f"{in_words((now - since).total_seconds())}; {count_of(backlog.waiting, 'event')} wait"
        )
        yield Finding(
            ENDPOINTS, name, State.WARNING, says, f"orders-sync endpoints show {name}", "failing"
        )
    elif backlog.since is not None and now - backlog.since > _LATE and since is None:
        span = in_words((now - backlog.since).total_seconds())
        says = f"{count_of(backlog.waiting, 'event')} wait, the oldest for {span}"
        do = f"Does a worker serve the queue events? See: orders-sync endpoints show {name}"
        yield Finding(ENDPOINTS, name, State.WARNING, says, do, "late")
    if backlog.given_up:
        says = f"{count_of(backlog.given_up, 'event')} were given up within a day"
        do = f"See why (orders-sync endpoints show {name}), then: orders-sync endpoints replay "
        do += f"{name} --last 2d"
        yield Finding(ENDPOINTS, name, State.WARNING, says, do, "given_up")
