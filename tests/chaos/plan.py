"""The plan of a run and of its accounts, and what its seed decides of it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Final, Literal

from chaos.defences import Defence
from chaos.timetable import DatabaseKind, Fault, Kind, timetable

from orders_sync.demo.environment import ACCOUNT
from orders_sync.demo.scenarios import CONFLICTS, DEMO_ROUND, Scenario

BrokerKind = Literal["persistent", "volatile"]
BySeed = Literal["by-seed"]
BY_SEED: BySeed = "by-seed"

#: The one whose VTEX and ERP are hurt by the faults of the timetable.
MAIN: Final = ACCOUNT

#: It has no trouble of its own: what it suffers comes from the others.
NEIGHBOUR: Final = "neighbour"

#: Its ERP takes long for every order.
SLOW: Final = "slow"

#: Its key is revoked for a while, with a backlog of commands behind it.
REFUSED: Final = "refused"

#: VTEX takes fewer calls from it than it was told.
LIMITED: Final = "limited"

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

#: The neighbour's orders come in two equal parts: alone, and beside the others' trouble.
NEIGHBOURS_PART: Final = 20

#: More than all threads of all workers, so that a queue of everybody's would be stopped.
_SLOW_ORDERS: Final = 150
_LIMITED_ORDERS: Final = 20
_LIMITED_REQUESTS: Final = 300

#: Orders of the backlog have a dozen commands each: seven for each order of the main account.
_BACKLOG_SHARE: Final = 7 / 12
_FEWEST_IN_BACKLOG: Final = 35

#: An order and its commands need about so many calls, and all orders come within a minute: so the
#: budget is short from beginning to end. With 300 orders it is the one that VTEX publishes.
#: https://developers.vtex.com/docs/guides/best-practices-for-avoiding-rate-limit-errors
_CALLS_AN_ORDER: Final = 20

#: What looking for work costs, whether there is any or not.
_FEWEST_REQUESTS: Final = 600
_CONFLICT_SHARE: Final = 2
_EDITED: Final = {Scenario.EDITED_IN_ADMIN: 5}
_AT_ONCE_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class ChaosPlan:
    """One run; the same seed makes the same orders, the same drafts and the same faults.

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


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """One account: how many orders it gets, and how often which scenario becomes of them.

    VTEX takes `requests_per_minute`, and we are told `configured_per_minute`. It shows what it
    accepted after `effect_seconds`; None leaves that to the run.
    """

    name: str
    orders: int
    shares: Mapping[Scenario, int]
    requests_per_minute: int
    configured_per_minute: int
    effect_seconds: float | None = None


def plan_accounts(orders: int) -> tuple[AccountPlan, ...]:
    """Plan the accounts of a run whose main account gets so many orders; that one comes first."""
    budget = max(orders * _CALLS_AN_ORDER, _FEWEST_REQUESTS)
    backlog = max(round(orders * _BACKLOG_SHARE), _FEWEST_IN_BACKLOG)
    conflicts = dict.fromkeys(CONFLICTS, _CONFLICT_SHARE)
    return (
        _within_budget(MAIN, orders, {**DEMO_ROUND, **conflicts, **_EDITED}, budget),
        _neighbour(budget),
        _within_budget(SLOW, _SLOW_ORDERS, {Scenario.INVOICED_THEN_REST: 1}, budget),
        _within_budget(REFUSED, backlog, {Scenario.ASKED_MUCH: 1}, budget),
        AccountPlan(LIMITED, _LIMITED_ORDERS, conflicts, _LIMITED_REQUESTS, 2 * _LIMITED_REQUESTS),
    )


def _neighbour(requests_per_minute: int) -> AccountPlan:
    """Plan the account whose waits are compared: none of them is VTEX's own."""
    shares = {Scenario.INVOICED: 1}
    plan = _within_budget(NEIGHBOUR, 2 * NEIGHBOURS_PART, shares, requests_per_minute)
    return replace(plan, effect_seconds=_AT_ONCE_SECONDS)


def _within_budget(
    name: str, orders: int, shares: Mapping[Scenario, int], requests_per_minute: int
) -> AccountPlan:
    """Plan an account that may make nine tenths of VTEX's calls, since others share it."""
    configured = requests_per_minute * 9 // 10
    return AccountPlan(name, orders, shares, requests_per_minute, configured)
