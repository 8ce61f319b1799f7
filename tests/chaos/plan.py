"""What a run is asked for, and what its seed decides of it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from random import Random
from typing import Literal

from chaos.account_plans import AccountPlan, plan_accounts
from chaos.defences import Defence
from chaos.timetable import DatabaseKind, Fault, Kind, timetable

BrokerKind = Literal["persistent", "volatile"]
BySeed = Literal["by-seed"]

BY_SEED: BySeed = "by-seed"

#: VTEX shows what it accepted within so many seconds; the field tells of six.
LONGEST_EFFECT_SECONDS = 8.0
_SHORTEST_EFFECT_SECONDS = 0.1
#: When the trouble of the other accounts is over, after the first of the main account's orders.
_TROUBLE_ENDS_AT = (25.0, 40.0)

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
    nothing is wrong, and shows within `effect_seconds` what it accepted. A worker has so many
    `threads`. The other accounts are in trouble until `trouble_ends_at`; a run that `is_alone` has
    none of them. What the processes are `without` should break the run.
    """

    seed: int
    orders: int
    ledger: DatabaseKind
    broker: BrokerKind
    erp: DatabaseKind
    faults: tuple[Fault, ...]
    effect_seconds: float = _SHORTEST_EFFECT_SECONDS
    trouble_ends_at: float = _TROUBLE_ENDS_AT[0]
    settle_seconds: float = SETTLE_SECONDS
    latency_seconds: float = LATENCY_SECONDS
    threads: int = THREADS
    without: frozenset[Defence] = frozenset()
    is_alone: bool = False

    @property
    def has_hook(self) -> bool:
        """Whether VTEX posts to a hook too, in eight seeds of sixteen."""
        return not self.is_alone and self.seed // 8 % 2 == 0

    @property
    def broker_keeps(self) -> bool:
        """Whether the broker may be trusted with the only copy of a message."""
        is_emptied = any(fault.kind is Kind.BROKER_EMPTIED for fault in self.faults)
        return self.broker == "persistent" and not is_emptied

    @property
    def accounts(self) -> tuple[AccountPlan, ...]:
        """The accounts, that of the faults first."""
        accounts = plan_accounts(self.orders)
        return accounts[:1] if self.is_alone else accounts


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
    random = Random(f"{seed} pace")
    return ChaosPlan(
        seed,
        orders,
        ledger,
        broker,
        erp,
        faults,
        effect_seconds=random.uniform(_SHORTEST_EFFECT_SECONDS, LONGEST_EFFECT_SECONDS),
        trouble_ends_at=random.uniform(*_TROUBLE_ENDS_AT),
    )
