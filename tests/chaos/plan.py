"""What a run is asked for, and what its seed decides of it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from chaos.defences import Defence
from chaos.timetable import DatabaseKind, Fault, Kind, timetable

BrokerKind = Literal["persistent", "volatile"]
BySeed = Literal["by-seed"]

#: An order and its commands need about so many calls, and all orders come within a minute: so the
#: budget is short from beginning to end. With 300 orders it is the one that VTEX publishes.
#: https://developers.vtex.com/docs/guides/best-practices-for-avoiding-rate-limit-errors
_CALLS_AN_ORDER = 20
#: What looking for work costs, whether there is any or not.
_FEWEST_REQUESTS = 600

BY_SEED: BySeed = "by-seed"

#: After the last fault: an event is hidden for 30 s, a breaker opens for 30 s, a revoked key is
#: tried every 15 s, a command waits up to 60 s for another, and after a storm of 429 a tenth of the
#: budget grows back to all of it within 9 minutes.
SETTLE_SECONDS = 300.0
LATENCY_SECONDS = 0.03
THREADS = 10


@dataclass(frozen=True, slots=True)
class ChaosPlan:
    """One run; the same seed makes the same orders, the same wishes and the same faults.

    A `volatile` broker keeps nothing on the disk, so that a restart empties it. Everything has
    `settle_seconds` to end once the last fault is over. VTEX answers within `latency_seconds` while
    nothing is wrong. A worker has so many `threads`. What the processes are `without` should break
    the run.
    """

    seed: int
    orders: int
    ledger: DatabaseKind
    broker: BrokerKind
    erp: DatabaseKind
    faults: tuple[Fault, ...]
    settle_seconds: float = SETTLE_SECONDS
    latency_seconds: float = LATENCY_SECONDS
    threads: int = THREADS
    without: frozenset[Defence] = frozenset()

    @property
    def broker_keeps(self) -> bool:
        """Whether the broker may be trusted with the only copy of a message."""
        is_emptied = any(fault.kind is Kind.BROKER_EMPTIED for fault in self.faults)
        return self.broker == "persistent" and not is_emptied

    @property
    def requests_per_minute(self) -> int:
        """How many calls VTEX takes a minute."""
        return max(self.orders * _CALLS_AN_ORDER, _FEWEST_REQUESTS)


def plan_run(
    seed: int,
    *,
    orders: int,
    ledger: DatabaseKind | BySeed = BY_SEED,
    broker: BrokerKind | BySeed = BY_SEED,
    erp: DatabaseKind | BySeed = BY_SEED,
    kinds: Collection[Kind] = tuple(Kind),
) -> ChaosPlan:
    """Plan a run; eight seeds in a row try every ledger with every broker and every ERP."""
    if ledger == BY_SEED:
        ledger = "sqlite" if seed % 2 else "postgresql"
    if broker == BY_SEED:
        broker = "persistent" if seed // 2 % 2 else "volatile"
    if erp == BY_SEED:
        erp = "sqlite" if seed // 4 % 2 else "postgresql"
    faults = timetable(seed, ledger=ledger, erp=erp, kinds=kinds)
    return ChaosPlan(seed, orders, ledger, broker, erp, faults)
