"""Takes up older orders, which the feed never told of, from VTEX's list of orders.

Only orders that the ledger does not know are taken. They go the ordinary road, which decides by
their present status: one that is ready or in handling is handed to the ERP, the others are noted.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from orders_sync.domain.steps import Dispatch
from orders_sync.domain.time import Clock
from orders_sync.errors import AuthFailed, RetryableError, WaitError
from orders_sync.ledger import Ledger
from orders_sync.ledger.reconciliation import DiscrepancyRecord, Reconciliation
from orders_sync.upkeep.list_pages import (
    LAG,
    ListPosition,
    OrderList,
    Slice,
    list_slices,
    read_instant,
)
from orders_sync.vtex.orders import OrderFilter, OrderRow

BACKFILLED: Final = "order.backfilled"

#: The statuses by which VTEX's index can be filtered; rows of others are picked here.
_FILTERABLE: Final = frozenset(
    {
        "waiting-for-sellers-confirmation",
        "payment-pending",
        "payment-approved",
        "ready-for-handling",
        "handling",
        "invoiced",
        "canceled",
    }
)
_WAIT_SECONDS: Final = 2.0
_WAIT_AFTER_FAILURE_SECONDS: Final = 5.0
_MOST_FAILURES: Final = 5


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """The orders to take up: those created from `start` to `end`, in some statuses or in any."""

    account: str
    start: datetime
    end: datetime
    statuses: tuple[str, ...] = ()

    def reach(self, now: datetime) -> datetime:
        """Return up to when VTEX's index can have the orders by now."""
        return min(self.end, now - LAG)

    @property
    def cursor(self) -> str:
        """The name of the cursor that keeps how far this backfill is."""
        words = "|".join([self.start.isoformat(), self.end.isoformat(), *sorted(self.statuses)])
        return f"backfill {hashlib.sha256(words.encode()).hexdigest()[:32]}"

    @property
    def filter(self) -> OrderFilter:
        """The plan as VTEX's filter, as far as its index knows the statuses."""
        is_known = _FILTERABLE.issuperset(self.statuses)
        return OrderFilter(statuses=self.statuses if is_known else ())

    def picks(self, row: OrderRow) -> bool:
        """Check whether a row is to be taken up."""
        return not self.statuses or row.status in self.statuses


@dataclass(slots=True)
class Tally:
    """How far a backfill is: until `position`, and what became of the rows up to there.

    `by_status` counts what was taken, or would be, by the status that VTEX's list has.
    """

    position: datetime
    listed: int = 0
    known: int = 0
    taken: int = 0
    by_status: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> str:
        """Return the text that a cursor keeps."""
        return json.dumps(
            {
                "position": self.position.isoformat(),
                "listed": self.listed,
                "known": self.known,
                "taken": self.taken,
                "by_status": self.by_status,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Tally:
        """Read the text that a cursor keeps."""
        kept: dict[str, Any] = json.loads(text)
        kept["position"] = read_instant(kept["position"])
        kept["by_status"] = Counter(kept["by_status"])
        return cls(**kept)


def kept_tally(ledger: Ledger, plan: BackfillPlan) -> Tally | None:
    """Return how far the plan was carried out before; None where it was not begun."""
    kept = ledger.cursors.read(plan.account, plan.cursor)
    return Tally.from_json(kept) if kept else None


@dataclass(frozen=True, slots=True)
class Backfill:
    """A run through a plan, with all that it works with.

    `pause` waits for some seconds; `show` is told how far it is, with a word on why it waits.
    """

    vtex: OrderList
    ledger: Ledger
    clock: Clock
    dispatch: Callable[[Sequence[Dispatch]], None]
    pause: Callable[[float], None]
    show: Callable[[Tally, str], None]
    in_flight: int

    def run(self, plan: BackfillPlan, *, is_dry: bool = False, restart: bool = False) -> Tally:
        """Take up the plan's orders, from where it stopped before, or only count them all.

        No more than `in_flight` orders are on their way at once: it waits until there is room.
        Killed at any point, it goes on from the last slice that was wholly taken.

        Raises:
            RetryableError: VTEX did not answer, several times.
            AuthFailed: VTEX refuses the account's credentials.
            LedgerUnavailable: the ledger does not answer.
        """
        cursors = self.ledger.cursors
        kept = None if is_dry or restart else kept_tally(self.ledger, plan)
        tally = kept or Tally(plan.start)
        for step in self._slices(plan, tally, plan.reach(self.clock())):
            self._take(plan, step, tally, is_dry=is_dry)
            tally.position = step.next_position.at
            if not is_dry:
                cursors.move(plan.account, plan.cursor, tally.to_json(), now=self.clock())
            self.show(tally, "")
        return tally

    def _slices(self, plan: BackfillPlan, tally: Tally, end: datetime) -> Iterator[Slice]:
        """Yield slices to the end, going on after the last one when VTEX has to be waited for."""
        failures = 0
        while tally.position < end:
            try:
                for step in list_slices(self.vtex, ListPosition(tally.position), end, plan.filter):
                    failures = 0
                    yield step
            except AuthFailed:
                raise
            except WaitError as error:
                self._wait(tally, error.seconds, "it is others' turn to call VTEX")
            except RetryableError as error:
                failures += 1
                if failures >= _MOST_FAILURES:
                    raise
                seconds = error.retry_after or _WAIT_AFTER_FAILURE_SECONDS
                self._wait(tally, seconds, "VTEX does not answer")
            else:
                return

    def _take(self, plan: BackfillPlan, step: Slice, tally: Tally, *, is_dry: bool) -> None:
        reconciliation = self.ledger.reconciliation
        rows = {row.order_id: row for row in step.rows if plan.picks(row)}
        facts = reconciliation.facts(plan.account, list(rows))
        unknown = [row for row in rows.values() if row.order_id not in facts]
        while unknown:
            room = len(unknown) if is_dry else self._room(plan.account, tally)
            lot, unknown = unknown[:room], unknown[room:]
            if not is_dry:
                self._take_up(plan.account, reconciliation, lot)
            tally.taken += len(lot)
            tally.by_status.update(row.status or "no status" for row in lot)
        tally.listed += len(rows)
        tally.known += len(facts)

    def _take_up(
        self, account: str, reconciliation: Reconciliation, lot: Sequence[OrderRow]
    ) -> None:
        findings = [
            DiscrepancyRecord(
                row.order_id, "backfill", f"{row.status or 'no status'} in VTEX's list"
            )
            for row in lot
        ]
        now = self.clock()
        self.dispatch(reconciliation.take_up(account, findings, what=BACKFILLED, now=now))

    def _room(self, account: str, tally: Tally) -> int:
        """Wait until another order may be on its way; return how many may."""
        while (room := self.in_flight - self.ledger.events.in_flight(account)) <= 0:
            self._wait(tally, _WAIT_SECONDS, f"{self.in_flight} orders are in flight")
        return room

    def _wait(self, tally: Tally, seconds: float, why: str) -> None:
        self.show(tally, why)
        self.pause(seconds)
