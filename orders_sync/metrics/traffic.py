"""How much of each account's budget of calls is used, and who may not call at all.

What the processes of an account share is the same wherever it is read, so one process shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True)
class AccountTraffic:
    """An account's calls: made in the last minute, allowed a minute now, and allowed at most.

    Nobody may call for another `held_seconds`. It is `paused` while VTEX refuses its credentials.
    """

    calls: int
    per_minute: int
    budget: int
    held_seconds: float
    paused: bool
    open_breakers: int
    sick_processes: int = 0


_GAUGES: Final[Sequence[tuple[str, str, Callable[[AccountTraffic], float]]]] = (
    (
        "orders_sync_budget_used_calls",
        "Calls that all processes together made to VTEX in the last minute.",
        lambda traffic: traffic.calls,
    ),
    (
        "orders_sync_budget_pace_calls_per_minute",
        "Calls a minute that the rate limiter allows now; the budget at most.",
        lambda traffic: traffic.per_minute,
    ),
    (
        "orders_sync_budget_calls_per_minute",
        "Calls a minute that the account may make at most.",
        lambda traffic: traffic.budget,
    ),
    (
        "orders_sync_budget_held_seconds",
        "How long nobody may call VTEX from now on.",
        lambda traffic: traffic.held_seconds,
    ),
    (
        "orders_sync_account_paused",
        "Whether the account rests because VTEX refuses its credentials.",
        lambda traffic: int(traffic.paused),
    ),
    (
        "orders_sync_open_breakers",
        "Breakers that let no call to VTEX or to the ERP pass.",
        lambda traffic: traffic.open_breakers,
    ),
    (
        "orders_sync_sick_processes",
        "Processes whose calls to VTEX or the ERP fail while those of other processes succeed.",
        lambda traffic: traffic.sick_processes,
    ),
)


class TrafficCollector(Collector):
    """Shows the traffic of accounts; `read` gives None where it is not known."""

    def __init__(self, read: Callable[[], Mapping[str, AccountTraffic] | None]) -> None:
        self._read = read

    def describe(self) -> Iterator[Metric]:
        """Name the metrics without asking anybody."""
        yield from _families({})

    def collect(self) -> Iterator[Metric]:
        """Read the traffic."""
        yield from _families(self._read() or {})


def _families(accounts: Mapping[str, AccountTraffic]) -> Iterator[Metric]:
    for name, text, value in _GAUGES:
        family = GaugeMetricFamily(name, text, labels=["account"])
        for account, traffic in accounts.items():
            family.add_metric([account], value(traffic))
        yield family
