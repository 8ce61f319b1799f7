"""For each kind of fault a seed that breaks a promise once a defence is taken away.

With the defence the same seed keeps every promise. A run that cannot fail would prove nothing.
There is none for a broker or a process that stands still for some seconds, nor for a feed in
disorder: whatever was taken away, they have only delayed things, or broke a promise in some runs
and not in others. What a process may send that stood still is tested in `flows`.
What has no defence that could be taken away alone (`UNPROVEN`) has none either: a hook that is not
told is no loss, since the feed is read all along.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from chaos.defences import Defence
from chaos.plan import LATENCY_SECONDS, THREADS, BrokerKind, ChaosPlan, plan_run
from chaos.run import ChaosResult
from chaos.timetable import DatabaseKind, Kind

_ORDERS = 40
#: Weakened runs may never end.
_SETTLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Proof:
    """What has to be missing for a kind of fault to break a promise, and where it is seen."""

    without: frozenset[Defence]
    breaks: str
    seed: int = 1
    orders: int = _ORDERS
    ledger: DatabaseKind = "sqlite"
    broker: BrokerKind = "volatile"
    erp: DatabaseKind = "sqlite"
    latency_seconds: float = LATENCY_SECONDS
    threads: int = THREADS
    settle_seconds: float = _SETTLE_SECONDS

    def plan(self, kind: Kind) -> ChaosPlan:
        """Plan the run with every defence in its place."""
        plan = plan_run(
            self.seed,
            orders=self.orders,
            ledger=self.ledger,
            broker=self.broker,
            erp=self.erp,
            kinds=[kind],
        )
        return replace(
            plan, latency_seconds=self.latency_seconds, threads=self.threads, is_alone=True
        )

    def weak_plan(self, kind: Kind) -> ChaosPlan:
        """Plan the same run without the defences."""
        return replace(self.plan(kind), without=self.without, settle_seconds=self.settle_seconds)


def find_problems(kind: Kind, run: Callable[[ChaosPlan], ChaosResult]) -> Iterator[str]:
    """Run a kind's seed with and without what stands against it; give what is not as it should."""
    proof = PROOFS[kind]
    broken = broken_by(run(proof.plan(kind)))
    if broken:
        yield f"{kind}: seed {proof.seed} breaks {', '.join(broken)} with everything in its place"
    missing = ", ".join(sorted(proof.without))
    if proof.breaks not in broken_by(run(proof.weak_plan(kind))):
        yield f"{kind}: seed {proof.seed} keeps {proof.breaks} without {missing}"


def broken_by(result: ChaosResult) -> Collection[str]:
    """Name the promises that a run has broken."""
    return [verdict.name for verdict in result.verdicts if not verdict.kept]


def _without(*defences: Defence) -> frozenset[Defence]:
    return frozenset(defences)


_PATIENCE: Final = Proof(_without(Defence.PATIENCE), breaks="nothing_parked")
_REDISPATCH: Final = Proof(_without(Defence.REDISPATCH), breaks="settled_in_time")
#: Too few threads: what waits for one lies in the broker.
_BACKLOG: Final = replace(_REDISPATCH, orders=60, latency_seconds=0.5, threads=2)
_ON_SERVER: Final = replace(_REDISPATCH, ledger="postgresql")
#: Whoever ends has something in hand.
_RETURNING: Final = replace(_BACKLOG, without=_without(Defence.RETURNING, Defence.REDISPATCH))

UNPROVEN: Final = frozenset(
    {
        Kind.FROZEN,
        Kind.SUSPENDED,
        Kind.BROKER_FROZEN,
        # A worker that ends for it is started again.
        Kind.BROKER_REFUSES,
        Kind.FEED_DISORDERED,
        Kind.GATEWAY_KILLED,
        Kind.HOOK_UNRULY,
    }
)

PROOFS: Final[Mapping[Kind, Proof]] = {
    Kind.KILLED: _RETURNING,
    Kind.TERMINATED: replace(_RETURNING, without=_RETURNING.without | {Defence.FINISHING}),
    Kind.HOST_LOST: _PATIENCE,
    Kind.VTEX_LOST: _PATIENCE,
    Kind.SKEWED: Proof(_without(Defence.LEDGER_CLOCK), breaks="settled_in_time"),
    Kind.BROKER_RESTARTED: _REDISPATCH,
    Kind.BROKER_KILLED: _REDISPATCH,
    Kind.BROKER_EMPTIED: _BACKLOG,
    Kind.LEDGER_LOCKED: replace(
        _REDISPATCH, without=_without(Defence.LOCK_WAIT, Defence.REDISPATCH)
    ),
    Kind.LEDGER_CUT: _ON_SERVER,
    Kind.LEDGER_RESTARTED: _ON_SERVER,
    Kind.LEDGER_CRASHED: _ON_SERVER,
    Kind.VTEX_STORM: _PATIENCE,
    Kind.VTEX_ERRORS: _PATIENCE,
    Kind.VTEX_DROPS_BEFORE: _PATIENCE,
    Kind.VTEX_DROPS_AFTER: Proof(
        _without(Defence.READING_FIRST), breaks="nothing_twice", seed=281, orders=200
    ),
    Kind.VTEX_SLOW: _PATIENCE,
    Kind.FEED_DELETED: Proof(_without(Defence.RECONCILING), breaks="nothing_lost"),
    Kind.KEY_REVOKED: _PATIENCE,
    Kind.ERP_LOCKED: _PATIENCE,
    Kind.ERP_REFUSES: replace(_PATIENCE, erp="postgresql"),
    Kind.ERP_CUT: replace(_PATIENCE, erp="postgresql"),
    Kind.ERP_HANGS: Proof(_without(Defence.TOMBSTONES), breaks="nothing_doubled"),
    Kind.INTAKE_POISONED: Proof(_without(Defence.ENVELOPE_CHECK), breaks="everything_ended"),
}
