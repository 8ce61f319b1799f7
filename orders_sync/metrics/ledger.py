"""What the ledger says, as gauges that are read at the time of a scrape.

One kind of process shows them: beat. Where two beats run, both show the same figures, so take
the maximum over processes and never the sum.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from orders_sync.commands import NAMED
from orders_sync.domain.rules import UNFINISHED
from orders_sync.ledger.gauges import Key, LedgerState
from orders_sync.metrics.labels import cause_label, one_of

_KINDS: Final = tuple(NAMED)
_STANDINGS: Final = tuple(standing.value for standing in UNFINISHED)
_NOTHING: Final = LedgerState(datetime.min.replace(tzinfo=UTC))


class LedgerCollector(Collector):
    """Shows the ledger's state; `read` returns None where the ledger does not answer.

    `accounts` returns those that are configured, and whether each is enabled: they are always
    shown, with zeros where there is nothing. The work of all others is shown under the account
    `other`, for anybody may send a message that names one. Nothing is late of an account that is
    disabled.
    """

    def __init__(
        self,
        read: Callable[[], LedgerState | None],
        accounts: Callable[[], Mapping[str, bool]],
    ) -> None:
        self._read = read
        self._now_configured = accounts
        self._accounts: Collection[str] = ()
        self._disabled: Collection[str] = ()

    def describe(self) -> Iterator[Metric]:
        """Name the metrics without asking the ledger."""
        yield _up(1)
        yield from self._families(_NOTHING)

    def collect(self) -> Iterator[Metric]:
        """Read the ledger."""
        state, accounts = self._read(), self._now_configured()
        self._accounts = list(accounts)
        self._disabled = {name for name, is_enabled in accounts.items() if not is_enabled}
        yield _up(int(state is not None))
        if state is not None:
            yield from self._families(state)

    def _families(self, state: LedgerState) -> Iterator[Metric]:
        yield self._counts(
            "orders_sync_account_disabled",
            "Whether the account's work waits, because a person disabled it.",
            ("account",),
            {(name,): 1 for name in self._disabled},
            zeros=[()],
        )
        yield from self._order_families(state)
        yield from self._command_families(state)
        yield self._ages(
            "orders_sync_oldest_event_age_seconds",
            "Time since the oldest event that VTEX still sends was first seen.",
            ("account",),
            state.oldest_event,
            at=state.at,
        )
        yield self._ages(
            "orders_sync_feed_poll_age_seconds",
            "Time since the last poll of the feed, or since the next was due; infinite before any.",
            ("account",),
            self._configured(state.polled),
            at=state.at,
            never=math.inf,
        )
        yield self._ages(
            "orders_sync_feed_read_age_seconds",
            "Time since the end of the last poll that read the feed without an error; infinite "
            "before the first.",
            ("account",),
            self._configured(state.feed_read),
            at=state.at,
            never=math.inf,
        )
        yield self._ages(
            "orders_sync_feed_silence_seconds",
            "Time since the hook first told what the feed has not told yet; 0 where both tell.",
            ("account",),
            self._configured(state.feed_silent),
            at=state.at,
        )
        yield self._ages(
            "orders_sync_hook_silence_seconds",
            "Time since the hook was heard, where the feed told news since; 0 where both tell.",
            ("account",),
            self._configured(state.hook_silent),
            at=state.at,
        )
        yield GaugeMetricFamily(
            "orders_sync_strays_parked",
            "Messages that no task could take and that wait for a person, in the ledger.",
            state.strays,
        )
        yield from self._endpoint_families(state)

    def _order_families(self, state: LedgerState) -> Iterator[Metric]:
        yield self._counts(
            "orders_sync_orders",
            "Orders that are not at their end; active and waiting ones are in flight.",
            ("account", "standing"),
            state.orders,
            zeros=[(standing,) for standing in _STANDINGS],
        )
        yield self._counts(
            "orders_sync_orders_parked",
            "Orders that wait for a person, by the step and the cause they stopped at.",
            ("account", "step", "cause"),
            state.orders_parked,
        )
        yield self._ages(
            "orders_sync_oldest_order_age_seconds",
            "The lag: time since the oldest order in flight was asked for, VTEX's waits left out.",
            ("account",),
            state.oldest_order,
            at=state.at,
        )

    def _command_families(self, state: LedgerState) -> Iterator[Metric]:
        yield self._counts(
            "orders_sync_commands",
            "Commands that are not at their end.",
            ("account", "kind", "standing"),
            state.commands,
            zeros=[(kind, standing) for kind in _KINDS for standing in _STANDINGS],
        )
        yield self._counts(
            "orders_sync_commands_parked",
            "Commands that wait for a person, by the cause they stopped at.",
            ("account", "kind", "cause"),
            state.commands_parked,
        )
        yield self._ages(
            "orders_sync_oldest_command_age_seconds",
            "Time since the oldest open command was asked for, or last retried by a person.",
            ("account", "kind"),
            state.oldest_command,
            at=state.at,
        )

    def _endpoint_families(self, state: LedgerState) -> Iterator[Metric]:
        yield self._counts(
            "orders_sync_endpoint_events_waiting",
            "Events that were not taken by their endpoint yet, nor given up.",
            ("endpoint",),
            state.events_waiting,
        )
        yield self._ages(
            "orders_sync_endpoint_oldest_event_age_seconds",
            "Time since the oldest event that waits for an endpoint happened.",
            ("endpoint",),
            state.oldest_waiting,
            at=state.at,
        )
        yield self._counts(
            "orders_sync_endpoint_off",
            "Endpoints that are sent nothing: a person said so, it is gone, or it failed for days.",
            ("endpoint", "why"),
            state.endpoints_off,
        )

    def _counts(
        self,
        name: str,
        text: str,
        labels: Key,
        numbers: Mapping[Key, int],
        zeros: Collection[Key] = (),
    ) -> Metric:
        totals = Counter({(account, *rest): 0 for account in self._accounts for rest in zeros})
        for key, count in numbers.items():
            totals[self._harmless(labels, key)] += count
        return _gauge(name, text, labels, totals)

    def _ages(
        self,
        name: str,
        text: str,
        labels: Key,
        since_by_key: Mapping[Key, datetime],
        *,
        at: datetime,
        never: float = 0.0,
    ) -> Metric:
        ages: dict[Key, float] = {}
        for key, since in since_by_key.items():
            if key[0] in self._disabled:
                continue
            harmless = self._harmless(labels, key)
            ages[harmless] = max(ages.get(harmless, 0.0), (at - since).total_seconds())
        if labels == ("account",):
            on_time = {(account,): 0.0 for account in self._disabled}
            ages = {(account,): never for account in self._accounts} | ages | on_time
        return _gauge(name, text, labels, ages)

    def _configured(self, by_key: Mapping[Key, datetime]) -> Mapping[Key, datetime]:
        """Return what is of configured accounts: nobody polls others."""
        return {key: at for key, at in by_key.items() if key[0] in self._accounts}

    def _harmless(self, labels: Key, key: Key) -> Key:
        return tuple(self._value(name, value) for name, value in zip(labels, key, strict=True))

    def _value(self, label: str, value: str) -> str:
        match label:
            case "account":
                return one_of(value, self._accounts)
            case "kind":
                return one_of(value, _KINDS)
            case "cause":
                return cause_label(value)
        return value


def _up(value: int) -> Metric:
    return GaugeMetricFamily("orders_sync_ledger_up", "Whether the ledger answers.", value)


def _gauge(name: str, text: str, labels: Key, values: Mapping[Key, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
