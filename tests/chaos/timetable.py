"""Which faults befall a run, and when: all of it drawn from the seed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final, Literal

#: What a ledger or an ERP is kept in.
DatabaseKind = Literal["sqlite", "postgresql"]

WORKERS: Final = ("worker1", "worker2", "worker3")
BEATS: Final = ("beat1", "beat2")
SERVICE: Final = "service"
BROKER: Final = "broker"
GATEWAY: Final = "gateway"

#: Faults begin within these seconds of a run, while its orders come in.
FIRST_AT: Final = 4.0
LAST_AT: Final = 55.0

_FEWEST, _MOST = 10, 18
#: One run in so many has processes whose clocks disagree.
_SKEWED_RUNS: Final = 5
_MOST_SKEW_SECONDS: Final = 90.0


class Kind(StrEnum):
    """What may happen."""

    KILLED = "killed"  # A process, by SIGKILL.
    TERMINATED = "terminated"  # A process, by SIGTERM; what it works on may end.
    FROZEN = "frozen"  # A process stands still for longer than its leases.
    SUSPENDED = "suspended"  # So it does, and its monotonic clock with it, as on a machine asleep.
    HOST_LOST = "host-lost"  # A worker's host loses broker and VTEX: no packet comes back.
    VTEX_LOST = "vtex-lost"  # A worker's host alone loses VTEX.
    SKEWED = "skewed"  # A worker's clock is wrong all along.
    BROKER_RESTARTED = "broker-restarted"  # By SIGTERM.
    BROKER_KILLED = "broker-killed"
    BROKER_FROZEN = "broker-frozen"
    BROKER_EMPTIED = "broker-emptied"
    BROKER_REFUSES = "broker-refuses"  # It can be reached, and takes nothing.
    INTAKE_POISONED = "intake-poisoned"  # Others send what is no message of a command.
    LEDGER_LOCKED = "ledger-locked"  # Somebody else writes into the SQLite file for long.
    LEDGER_CUT = "ledger-cut"  # PostgreSQL ends every connection.
    LEDGER_RESTARTED = "ledger-restarted"  # PostgreSQL is away for a while.
    LEDGER_CRASHED = "ledger-crashed"  # So it is, without a word to whoever is connected.
    VTEX_STORM = "vtex-storm"  # Nothing but 429, with Retry-After.
    VTEX_ERRORS = "vtex-errors"  # 5xx before and after the effect, and login pages.
    VTEX_DROPS_BEFORE = "vtex-drops-before"  # Connections are cut before the effect.
    VTEX_DROPS_AFTER = "vtex-drops-after"
    VTEX_SLOW = "vtex-slow"  # It answers after our time-outs.
    FEED_DISORDERED = "feed-disordered"  # Events come twice, late and in any order.
    FEED_DELETED = "feed-deleted"
    KEY_REVOKED = "key-revoked"
    ERP_LOCKED = "erp-locked"  # Whoever writes waits, and in PostgreSQL whoever reads too.
    ERP_REFUSES = "erp-refuses"  # PostgreSQL has crashed and takes no connection.
    ERP_CUT = "erp-cut"  # PostgreSQL ends every connection, again and again.
    GATEWAY_KILLED = "gateway-killed"  # While VTEX posts to its hook.
    HOOK_UNRULY = "hook-unruly"  # VTEX posts late, twice, in any order, or never.
    ERP_HANGS = "erp-hangs"  # It takes orders long after everybody gave up, some cancelled by then.


#: These need hosts of their own for their targets.
ON_A_HOST: Final = frozenset({Kind.HOST_LOST, Kind.VTEX_LOST})


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens to `target` at a second of the run, and lasts for `seconds`.

    `size` is how many seconds a clock is wrong by.
    """

    at: float
    kind: Kind
    target: str = ""
    seconds: float = 0.0
    size: float = 0.0

    @property
    def ends_at(self) -> float:
        """The second in which it is over."""
        return self.at + self.seconds

    def clashes(self, other: Fault) -> bool:
        """Check whether the same thing would happen to the same target at the same time."""
        is_same = (self.kind, self.target) == (other.kind, other.target)
        return is_same and self.at <= other.ends_at and other.at <= self.ends_at

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.0f} s" if self.seconds else ""
        skew = f" by {self.size:+.0f} s" if self.size else ""
        return f"{self.kind} {self.target}".strip() + lasting + skew


@dataclass(frozen=True, slots=True)
class _Shape:
    """Whom a kind befalls, for how long, and with which ledger or ERP only."""

    targets: tuple[str, ...] = ("",)
    seconds: tuple[float, float] = (0.0, 0.0)
    ledger: DatabaseKind | None = None
    erp: DatabaseKind | None = None

    def fits(self, ledger: DatabaseKind, erp: DatabaseKind) -> bool:
        """Check whether it can befall a run with these databases."""
        return self.ledger in {None, ledger} and self.erp in {None, erp}


#: Leases last 15 s (`environment`); a lock on the ledger's file has to be shorter than that, as it
#: is in production, where a worker waits 30 s for one at most and leases last 120 s.
_SHAPES: Final = {
    Kind.KILLED: _Shape((*WORKERS, *BEATS, SERVICE)),
    Kind.TERMINATED: _Shape((*WORKERS, *BEATS)),
    Kind.FROZEN: _Shape((*WORKERS, *BEATS), (17, 24)),
    Kind.SUSPENDED: _Shape(WORKERS, (17, 24)),
    Kind.HOST_LOST: _Shape(WORKERS, (8, 25)),
    Kind.VTEX_LOST: _Shape(WORKERS, (10, 30)),
    Kind.SKEWED: _Shape(WORKERS),
    Kind.BROKER_RESTARTED: _Shape((BROKER,)),
    Kind.BROKER_KILLED: _Shape((BROKER,)),
    Kind.BROKER_FROZEN: _Shape((BROKER,), (2, 14)),
    Kind.BROKER_EMPTIED: _Shape((BROKER,)),
    Kind.BROKER_REFUSES: _Shape((BROKER,), (3, 14)),
    Kind.INTAKE_POISONED: _Shape(),
    Kind.LEDGER_LOCKED: _Shape(seconds=(3, 10), ledger="sqlite"),
    Kind.LEDGER_CUT: _Shape(ledger="postgresql"),
    Kind.LEDGER_RESTARTED: _Shape(seconds=(0, 8), ledger="postgresql"),
    Kind.LEDGER_CRASHED: _Shape(seconds=(0, 8), ledger="postgresql"),
    Kind.VTEX_STORM: _Shape(seconds=(3, 15)),
    Kind.VTEX_ERRORS: _Shape(seconds=(5, 20)),
    Kind.VTEX_DROPS_BEFORE: _Shape(seconds=(5, 15)),
    Kind.VTEX_DROPS_AFTER: _Shape(seconds=(5, 15)),
    Kind.VTEX_SLOW: _Shape(seconds=(5, 15)),
    Kind.FEED_DISORDERED: _Shape(seconds=(10, 30)),
    Kind.FEED_DELETED: _Shape(),
    Kind.KEY_REVOKED: _Shape(seconds=(5, 20)),
    Kind.ERP_LOCKED: _Shape(seconds=(8, 25)),
    Kind.ERP_REFUSES: _Shape(seconds=(8, 25), erp="postgresql"),
    Kind.ERP_CUT: _Shape(seconds=(3, 8), erp="postgresql"),
    Kind.GATEWAY_KILLED: _Shape((GATEWAY,)),
    Kind.HOOK_UNRULY: _Shape(seconds=(10, 40)),
    Kind.ERP_HANGS: _Shape(seconds=(3, 5)),
}


def timetable(
    seed: int,
    *,
    ledger: DatabaseKind,
    erp: DatabaseKind,
    kinds: Collection[Kind] = tuple(Kind),
) -> tuple[Fault, ...]:
    """Draw the faults of a run from the kinds that may be, in the order they begin."""
    random = Random(f"{seed} faults")
    possible = [kind for kind in Kind if kind in kinds and _SHAPES[kind].fits(ledger, erp)]
    faults: list[Fault] = []
    if Kind.SKEWED in possible:
        possible.remove(Kind.SKEWED)
        if not possible or random.randrange(_SKEWED_RUNS) == 0:
            faults += _skewed(random)
    for _ in range(random.randint(_FEWEST, _MOST) if possible else 0):
        drawn = _draw(random, possible)
        if not any(drawn.clashes(fault) for fault in faults):
            faults.append(drawn)
    return tuple(sorted(faults, key=lambda fault: fault.at))


def _skewed(random: Random) -> list[Fault]:
    return [
        Fault(0.0, Kind.SKEWED, name, size=random.uniform(-1, 1) * _MOST_SKEW_SECONDS)
        for name in _SHAPES[Kind.SKEWED].targets
    ]


def _draw(random: Random, possible: Sequence[Kind]) -> Fault:
    kind = random.choice(possible)
    shape = _SHAPES[kind]
    return Fault(
        at=random.uniform(FIRST_AT, LAST_AT),
        kind=kind,
        target=random.choice(shape.targets),
        seconds=random.uniform(*shape.seconds),
    )
