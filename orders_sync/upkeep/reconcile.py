"""Compares VTEX's list of orders with the ledger, a little at a time.

Two walks go through the list and around again: a short one over what is ready for handling, and
a long one over everything. A third look goes through the ledger, for orders that VTEX does not
get on with. Each discrepancy has its order read by the ordinary road, which decides and mends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any, Final

import structlog

from orders_sync.domain.rules import READY_FOR_HANDLING, Progress, Standing
from orders_sync.domain.steps import Dispatch
from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger
from orders_sync.ledger.reconciliation import DiscrepancyRecord, OrderRecord
from orders_sync.metrics.observer import FindingOutcome
from orders_sync.upkeep.discrepancies import (
    GRACE,
    STUCK_CAUSE,
    TRANSIENT,
    UNMENDED_CAUSES,
    Discrepancy,
    InvoiceSum,
    KnownOrder,
    hint_for_stuck,
    hint_for_unmended,
    judge,
    judge_stuck,
)
from orders_sync.upkeep.list_pages import (
    LAG,
    ListPosition,
    OrderList,
    Slice,
    list_slices,
    read_instant,
)
from orders_sync.upkeep.watch_feed import GAP
from orders_sync.vtex.orders import OrderFilter, OrderRow

log = structlog.get_logger(__name__)

LEASE_NAME: Final = "upkeep.reconcile"
#: A slice of a walk takes a call to VTEX and some statements.
_LEASE_SECONDS: Final = 60
_MOST_TIME: Final = timedelta(seconds=120)

_READY_WALK: Final = "reconcile ready"
_LONG_WALK: Final = "reconcile all"
_STUCK_LOOK: Final = "reconcile stuck"
_HEARD_SINCE: Final = "reconcile heard since"
_STUCK_LOT: Final = 50
#: Such reads are many and cost a call each; a store of 10,000 orders a day needs some 400 a run.
_COMPARED_A_RUN: Final = 500

#: Orders are older than what is done to them: a gap may hide what happened to those from before.
_BEFORE_GAP: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ReconcileLimits:
    """How far back a run looks, how many pages and reads it may cost, and when it holds back.

    `patience` is how long an order may stay in a transient status.
    """

    horizon: timedelta
    pages: int
    reads: int
    in_flight: int
    patience: timedelta


@dataclass(slots=True)
class Reconciled:
    """The result of a run: rows compared, and by kind what was found and what was parked."""

    rows: int = 0
    found: Counter[str] = field(default_factory=Counter)
    parked: Counter[str] = field(default_factory=Counter)


def reconcile(
    account: str,
    *,
    owner: str,
    vtex: OrderList,
    ledger: Ledger,
    clock: Clock,
    dispatch: Callable[[Sequence[Dispatch]], None],
    erp_rests: Callable[[], object],
    observe: Callable[[str, str, FindingOutcome], None],
    limits: ReconcileLimits,
) -> Reconciled:
    """Go on comparing where the run before stopped; runs of one account that overlap do nothing.

    While `erp_rests`, or with as many orders in flight as may be, nothing is asked: they come
    first. A gap of the feed is walked through first. `observe` is told each finding: the account,
    the kind, and what became of it.
    """
    with ledger.leases.held(
        account, LEASE_NAME, owner=owner, clock=clock, seconds=_LEASE_SECONDS
    ) as lease:
        room = limits.in_flight - ledger.events.in_flight(account)
        if lease is None or room <= 0 or erp_rests():
            return Reconciled()
        run = _Reconciler(
            account, vtex, ledger, clock, dispatch, observe, limits, room, may_go_on=lease.renew
        )
        run.enter_gap()
        run.look_for_stuck()
        run.go_on(_READY_WALK, OrderFilter(statuses=(READY_FOR_HANDLING,)), limits.pages)
        if lease.renew():
            run.go_on(_LONG_WALK, OrderFilter(), limits.pages)
        run.look_for_changes()
    done = run.done
    log.info(
        "reconcile.done",
        account=account,
        rows=done.rows,
        found=dict(done.found),
        parked=dict(done.parked),
    )
    return done


class _Reconciler:
    """One run for one account; `room` is how many more orders may be in flight.

    It stops before the next slice where it may not go on.
    """

    def __init__(
        self,
        account: str,
        vtex: OrderList,
        ledger: Ledger,
        clock: Clock,
        dispatch: Callable[[Sequence[Dispatch]], None],
        observe: Callable[[str, str, FindingOutcome], None],
        limits: ReconcileLimits,
        room: int,
        *,
        may_go_on: Callable[[], bool],
    ) -> None:
        self._account = account
        self._vtex = vtex
        self._clock = clock
        self._dispatch = dispatch
        self._observe = observe
        self._limits = limits
        self._room = room
        self._reads = min(limits.reads, room)
        self._may_go_on = may_go_on
        self._started = clock()
        self._cursors = ledger.cursors
        self._reconciliation = ledger.reconciliation
        self.done = Reconciled()

    def enter_gap(self) -> None:
        """Move both walks to a gap in the feed; they come to what is before it again."""
        gap = self._cursors.read(self._account, GAP)
        if gap is None:
            return
        start = ListPosition(read_instant(gap) - _BEFORE_GAP).to_text() if gap else None
        self._reconciliation.enter_gap(
            self._account, GAP, {_READY_WALK: None, _LONG_WALK: start}, now=self._clock()
        )
        log.warning("reconcile.gap", account=self._account, since=gap or None)

    def look_for_stuck(self) -> None:
        """Search the ledger for orders in a transient status, a lot at a time."""
        now = self._clock()
        after = self._cursors.read(self._account, _STUCK_LOOK)
        lot = self._reconciliation.unmoved(
            self._account,
            TRANSIENT,
            since=now - self._limits.horizon,
            until=now - GRACE,
            after=after or "",
            limit=_STUCK_LOT,
        )
        judged = [judge_stuck(order, now=now, patience=self._limits.patience) for order in lot]
        stuck = [order for order in judged if order is not None]
        for order in stuck:
            if order.is_sure:
                hint = hint_for_stuck(order.status)
                self._park(order.found, order.status, STUCK_CAUSE, hint)
        if self._read([order.found for order in stuck if not order.is_sure]):
            last = lot[-1].order_id if len(lot) == _STUCK_LOT else None
            self._move(_STUCK_LOOK, after, last)

    def look_for_changes(self) -> None:
        """Dispatch reads of orders whose changes VTEX does not announce, the longest due first."""
        limit = min(_COMPARED_A_RUN, self._room // 2)
        self._dispatch(
            self._reconciliation.compare_due(self._account, limit=limit, now=self._clock())
        )

    def go_on(self, name: str, where: OrderFilter, pages: int) -> None:
        """Go on with a walk; where there is no room for all that is found, stay there."""
        horizon, end = self._started - self._limits.horizon, self._started - LAG
        stopped_at = self._cursors.read(self._account, name)
        position = ListPosition.from_text(stopped_at) if stopped_at else ListPosition(horizon)
        if position.at < horizon:
            position = ListPosition(horizon, position.width)
        for step in islice(list_slices(self._vtex, position, end, where), pages):
            if not self._compare(step):
                return
            value = None if step.is_last else step.next_position.to_text()
            self._move(name, stopped_at, value)
            stopped_at = value
            if not self._may_go_on() or self._clock() - self._started > _MOST_TIME:
                return

    def _move(self, name: str, before: str | None, value: str | None) -> None:
        if value != before:
            self._cursors.move(self._account, name, value, now=self._clock())

    def _compare(self, step: Slice) -> bool:
        """Judge the rows of a slice; return whether all that was found could be taken up."""
        now = self._clock()
        rows = {row.order_id: row for row in step.rows}
        facts = self._reconciliation.facts(self._account, list(rows))
        judged = [self._judge(row, facts.get(row.order_id), now) for row in rows.values()]
        self.done.rows += len(rows)
        mendable = []
        for discrepancy in judged:
            if discrepancy is not None and discrepancy.is_unmended:
                status = rows[discrepancy.order_id].status
                cause, hint = UNMENDED_CAUSES[discrepancy.kind], hint_for_unmended(discrepancy.kind)
                self._park(_record_of(discrepancy), status, cause, hint)
            elif discrepancy is not None:
                mendable.append(discrepancy)
        has_room = self._read([_record_of(discrepancy) for discrepancy in mendable])
        for discrepancy in mendable:
            if discrepancy.invoices:
                self._dispatch(
                    self._reconciliation.check_again(
                        self._account, discrepancy.order_id, discrepancy.invoices, now=now
                    )
                )
        return has_room

    def _judge(self, row: OrderRow, facts: OrderRecord | None, now: datetime) -> Discrepancy | None:
        known = _known(facts) if facts else None
        return judge(
            row,
            known,
            now=now,
            patience=self._limits.patience,
            heard_since=None if known else self._heard_since,
        )

    @cached_property
    def _heard_since(self) -> datetime | None:
        """When the account's first order was heard of; the ledger is searched once and for all."""
        kept = self._cursors.read(self._account, _HEARD_SINCE)
        if kept:
            return read_instant(kept)
        since = self._reconciliation.heard_since(self._account)
        self._move(_HEARD_SINCE, kept, since.isoformat() if since else None)
        return since

    def _read(self, lot: Sequence[DiscrepancyRecord]) -> bool:
        """Dispatch reads, as many as this run may; return whether these are all."""
        taken = lot[: self._reads]
        self._reads -= len(taken)
        self._dispatch(self._reconciliation.take_up(self._account, taken, now=self._clock()))
        for record in taken:
            self.done.found[record.kind] += 1
            self._observe(self._account, record.kind, "read")
        return len(taken) == len(lot)

    def _park(self, record: DiscrepancyRecord, status: str | None, cause: str, hint: str) -> None:
        if self._reconciliation.park(
            self._account, record, status=status, cause=cause, hint=hint, now=self._clock()
        ):
            self.done.parked[record.kind] += 1
            self._observe(self._account, record.kind, "parked")


def _record_of(discrepancy: Discrepancy) -> DiscrepancyRecord:
    return DiscrepancyRecord(discrepancy.order_id, discrepancy.kind.value, discrepancy.note)


def _known(facts: OrderRecord) -> KnownOrder:
    order: Mapping[str, Any] = facts.order
    return KnownOrder(
        progress=Progress(order["progress"]),
        standing=Standing(order["standing"]),
        next_step=order["next_step"],
        status=order["status"],
        cause=order["cause"],
        updated_at=order["updated_at"],
        lease_until=order["lease_until"],
        invoices=tuple(
            InvoiceSum(command["id"], command["value_cents"] or 0, command["updated_at"])
            for command in facts.commands
            if command["kind"] == "invoice" and '"type":"Input"' not in command["body"]
        ),
        # What is erased, or changes no more, is not read for it.
        value_cents=order["value_cents"] if order["compare_at"] else None,
        was_cancelled=any(command["kind"] == "cancel" for command in facts.commands),
        found=facts.found,
    )
