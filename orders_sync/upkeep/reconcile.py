"""Holds VTEX's list of orders and the ledger against each other, a little at a time.

Two walks go through the list and around again: a short one over what is ready for handling, and
a long one over everything. A third look goes through the ledger, for orders that VTEX does not
get on with. Whatever is found has its order read by the ordinary road, which decides and mends.
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

from orders_sync.domain.rules import Progress, Standing
from orders_sync.domain.status import READY_FOR_HANDLING
from orders_sync.domain.steps import Dispatch
from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger
from orders_sync.ledger.cursors import Cursors
from orders_sync.ledger.reconciliation import Found, OrderFacts, Reconciliation
from orders_sync.metrics.observer import FindingOutcome
from orders_sync.upkeep.drift import (
    GRACE,
    STUCK_CAUSE,
    TRANSIENT,
    UNMENDED_CAUSES,
    Finding,
    Known,
    SentInvoice,
    judge,
)
from orders_sync.upkeep.gap import GAP
from orders_sync.upkeep.hints import hint_for_stuck, hint_for_unmended
from orders_sync.upkeep.stuck import judge_stuck
from orders_sync.upkeep.walk import LAG, OrderList, Place, Slice, instant, walk
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
    """What a run did: rows compared, and by kind what was found and what was parked."""

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
        run = _Run(
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


class _Run:
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
        self._cursors = Cursors(ledger.database)
        self._reconciliation = Reconciliation(ledger.database, ledger.windows)
        self.done = Reconciled()

    def enter_gap(self) -> None:
        """Lead both walks to a gap in the feed; what is before it, the walks come to again."""
        gap = self._cursors.read(self._account, GAP)
        if gap is None:
            return
        start = Place(instant(gap) - _BEFORE_GAP).to_text() if gap else None
        self._reconciliation.enter_gap(
            self._account, GAP, {_READY_WALK: None, _LONG_WALK: start}, now=self._clock()
        )
        log.warning("reconcile.gap", account=self._account, since=gap or None)

    def look_for_stuck(self) -> None:
        """Look through the ledger for orders in a transient status, a lot at a time."""
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
        found = [judge_stuck(each, now=now, patience=self._limits.patience) for each in lot]
        to_read = [each.found for each in found if each is not None and not each.is_sure]
        for each in found:
            if each is not None and each.is_sure:
                hint = hint_for_stuck(each.status)
                self._park(each.found, each.status, STUCK_CAUSE, hint)
        if self._read(to_read):
            last = lot[-1].order_id if len(lot) == _STUCK_LOT else None
            self._move(_STUCK_LOOK, after, last)

    def look_for_changes(self) -> None:
        """Have orders read again of which VTEX tells nobody that they changed, the longest due."""
        limit = min(_COMPARED_A_RUN, self._room // 2)
        self._dispatch(
            self._reconciliation.compare_due(self._account, limit=limit, now=self._clock())
        )

    def go_on(self, name: str, where: OrderFilter, pages: int) -> None:
        """Go on with a walk; where there is no room for all that is found, stay there."""
        horizon, end = self._started - self._limits.horizon, self._started - LAG
        stopped_at = self._cursors.read(self._account, name)
        place = Place.from_text(stopped_at) if stopped_at else Place(horizon)
        if place.at < horizon:
            place = Place(horizon, place.width)
        for step in islice(walk(self._vtex, place, end, where), pages):
            if not self._compare(step):
                return
            value = None if step.is_last else step.onward.to_text()
            self._move(name, stopped_at, value)
            stopped_at = value
            if not self._may_go_on() or self._clock() - self._started > _MOST_TIME:
                return

    def _move(self, name: str, before: str | None, value: str | None) -> None:
        if value != before:
            self._cursors.move(self._account, name, value, now=self._clock())

    def _compare(self, step: Slice) -> bool:
        """Judge the rows of a slice; False where not all that was found could be taken up."""
        now = self._clock()
        rows = {row.order_id: row for row in step.rows}
        facts = self._reconciliation.facts(self._account, list(rows))
        findings = [self._judge(row, facts.get(row.order_id), now) for row in rows.values()]
        self.done.rows += len(rows)
        mendable = []
        for each in findings:
            if each is not None and each.is_unmended:
                cause, hint = UNMENDED_CAUSES[each.kind], hint_for_unmended(each.kind)
                self._park(_found(each), rows[each.order_id].status, cause, hint)
            elif each is not None:
                mendable.append(each)
        has_room = self._read([_found(each) for each in mendable])
        for each in mendable:
            if each.invoices:
                self._dispatch(
                    self._reconciliation.check_again(
                        self._account, each.order_id, each.invoices, now=now
                    )
                )
        return has_room

    def _judge(self, row: OrderRow, facts: OrderFacts | None, now: datetime) -> Finding | None:
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
        """When the account's first order was heard of; it is looked for once and for all."""
        kept = self._cursors.read(self._account, _HEARD_SINCE)
        if kept:
            return instant(kept)
        since = self._reconciliation.heard_since(self._account)
        self._move(_HEARD_SINCE, kept, since.isoformat() if since else None)
        return since

    def _read(self, lot: Sequence[Found]) -> bool:
        """Have orders read, as many as this run may; False where that is not all of them."""
        taken = lot[: self._reads]
        self._reads -= len(taken)
        self._dispatch(self._reconciliation.take_up(self._account, taken, now=self._clock()))
        for each in taken:
            self.done.found[each.kind] += 1
            self._observe(self._account, each.kind, "read")
        return len(taken) == len(lot)

    def _park(self, found: Found, status: str | None, cause: str, hint: str) -> None:
        if self._reconciliation.park(
            self._account, found, status=status, cause=cause, hint=hint, now=self._clock()
        ):
            self.done.parked[found.kind] += 1
            self._observe(self._account, found.kind, "parked")


def _found(finding: Finding) -> Found:
    return Found(finding.order_id, finding.kind.value, finding.note)


def _known(facts: OrderFacts) -> Known:
    order: Mapping[str, Any] = facts.order
    return Known(
        progress=Progress(order["progress"]),
        standing=Standing(order["standing"]),
        next_step=order["next_step"],
        status=order["status"],
        cause=order["cause"],
        updated_at=order["updated_at"],
        lease_until=order["lease_until"],
        invoices=tuple(
            SentInvoice(each["id"], each["value_cents"] or 0, each["updated_at"])
            for each in facts.commands
            if each["kind"] == "invoice" and '"type":"Input"' not in each["body"]
        ),
        # What is erased, or changes no more, is not read for it.
        value_cents=order["value_cents"] if order["compare_at"] else None,
        was_cancelled=any(each["kind"] == "cancel" for each in facts.commands),
        found=facts.found,
    )
