"""What workers, dispatchers, metrics and people do with the ledger, each as one call."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from support.full_ledger import STORE

from orders_sync.backoffice.parked import parked_work
from orders_sync.domain.commands import Command
from orders_sync.domain.events import OrderEvent
from orders_sync.domain.rules import Progress, Standing
from orders_sync.domain.steps import CommandResult, Dispatch, Step, StepResult
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import JournalLine
from orders_sync.ledger.searches import (
    CommandSearch,
    OrderSearch,
)
from orders_sync.outbound.accept import Intake, accept_all

_LOT = 10
_TAKEN = 20
_UNTOLD = 200


class Operations:
    """Operations on a ledger that `full_ledger.fill` has filled, the last order of `now`."""

    def __init__(self, ledger: Ledger, *, orders: int, now: datetime) -> None:
        self._ledger = ledger
        self._now = now
        self._numbers = itertools.count(orders + 1)
        #: An order of this account that is done, and one that is open, with commands.
        self.done_id = f"{1_000_000_000_000 + orders - orders % 1000 - 99}-01"
        self._open_numbers = itertools.count(orders - orders % 1000 - 1000 + 7, -1000)
        self._lot = self._new_lot()

    @property
    def all(self) -> Mapping[str, Callable[[], Any]]:
        """Give every operation under the name of what needs it."""
        return {
            "feed.poll: record 10 new events": lambda: self._record(self._new_lot()),
            "feed.poll: record 10 again": lambda: self._record(self._lot),
            "feed.poll: count what is in flight": lambda: self._ledger.events.in_flight(STORE),
            "feed.acknowledge: find handles": self._to_acknowledge,
            "feed.acknowledge: mark 10": self._mark_acknowledged,
            "orders.fetch: claim and complete": self._claim_and_complete,
            "orders.fetch: the document and the ERP's": lambda: self._ledger.orders.document(
                STORE, self.done_id
            ),
            "erp.tell_change: what the ERP asked for": self._asked_changes,
            "upkeep.reconcile: find what to compare": self._compare_due,
            "invoice.send: claim and complete": self._send,
            "erp.pull: what the ERP was not told": self._untold,
            "tick: find what is due": lambda: self._ledger.due_work.find(now=self._now),
            "tick: count what is under way": lambda: self._ledger.due_work.under_way(now=self._now),
            "tick: take 20 reads": lambda: self._take(Step.FETCH),
            "tick: take 20 invoices": lambda: self._take(Step.SEND_INVOICE),
            "tick: all of it": self.tick,
            "accept a page of 10 commands": self._accept,
            "orders list": lambda: self._search(OrderSearch()),
            "orders list --account": lambda: self._search(OrderSearch(account=STORE)),
            "orders list --standing parked": lambda: self._search(
                OrderSearch(standing=Standing.PARKED)
            ),
            "orders list --account --standing done": lambda: self._search(
                OrderSearch(account=STORE, standing=Standing.DONE)
            ),
            "orders list --status canceled": lambda: self._search(OrderSearch(status="canceled")),
            "commands list": lambda: self._search_commands(CommandSearch()),
            "commands list --account --kind": lambda: self._search_commands(
                CommandSearch(account=STORE, kind="invoice")
            ),
            "commands list --standing waiting": lambda: self._search_commands(
                CommandSearch(standing=Standing.WAITING)
            ),
            "commands list --order": lambda: self._search_commands(
                CommandSearch(order_id="1000000000007-01")
            ),
            "orders list --cause": lambda: self._search(OrderSearch(cause="erp.refused")),
            "parked for a cause, of one account": lambda: self._search_commands(
                CommandSearch(
                    accounts=[STORE], standing=Standing.PARKED, cause="invoice.over_invoiced"
                )
            ),
            "orders show": self._show,
            "parked list": self._parked_list,
            "parked: names that begin so": lambda: self._ledger.searches.parked_ids(
                "10000", limit=20
            ),
            "metrics": lambda: self._ledger.gauges.read(
                now=self._now, delivered_after=self._now - timedelta(days=1)
            ),
        }

    def tick(self) -> object:
        """Do what a dispatcher does that has room for some invoices of one account."""
        due = self._ledger.due_work.find(now=self._now)
        under_way = self._ledger.due_work.under_way(now=self._now)
        return due, under_way, self._take(Step.SEND_INVOICE)

    def _take(self, step: Step) -> object:
        return self._ledger.due_work.take(STORE, step, limit=_TAKEN, now=self._now)

    def _accept(self) -> object:
        ids = (f"new{next(self._numbers)}" for _ in range(_LOT))
        lot = [
            Command("invoice", f"order{each}", {"number": "1", "value_cents": 1}, each)
            for each in ids
        ]
        intake = Intake(
            self._ledger, lambda: self._now, lambda: f"c{next(self._numbers)}", _ignore, 10_000
        )
        return accept_all(lot, account=STORE, source="erp", intake=intake)

    def _new_lot(self) -> list[OrderEvent]:
        self._lot = [_event(next(self._numbers)) for _ in range(_LOT)]
        return self._lot

    def _record(self, lot: list[OrderEvent]) -> object:
        return self._ledger.events.record(STORE, lot, now=self._now)

    def _to_acknowledge(self) -> object:
        return self._ledger.events.to_acknowledge(
            STORE, delivered_after=self._now - timedelta(days=1), limit=100, at_once=False
        )

    def _mark_acknowledged(self) -> None:
        handles = [event.handle for event in self._lot if event.handle]
        self._ledger.events.mark_acknowledged(STORE, handles, now=self._now)

    def _claim_and_complete(self) -> object:
        order_id = f"{1_000_000_000_000 + next(self._open_numbers)}-01"
        claim = self._ledger.orders.claim(STORE, order_id, Step.FETCH, owner="me", now=self._now)
        assert claim is not None, f"{order_id} cannot be claimed"
        found = StepResult(Standing.DONE, None, Progress.FETCHED, document=b"{}")
        entry = JournalLine(self._now, STORE, order_id, "step.done")
        return self._ledger.orders.complete(claim, found, entry, now=self._now)

    def _send(self) -> object:
        number = next(self._open_numbers)
        command_id = f"invoice{number}"
        order_id = f"{1_000_000_000_000 + number}-01"
        message = Dispatch(STORE, order_id, Step.SEND_INVOICE, command_id)
        claim = self._ledger.commands.claim(message, owner="me", now=self._now)
        assert claim is not None, f"invoice{number} cannot be claimed"
        known = self._ledger.command_facts.known(
            claim, now=self._now, visible_after=timedelta(seconds=30)
        )
        done = CommandResult(Standing.DONE, "done", progress="done")
        entry = JournalLine(self._now, STORE, claim.order_id, "step.done")
        return known, self._ledger.commands.complete(claim, done, entry, now=self._now)

    def _asked_changes(self) -> object:
        return self._ledger.command_facts.asked_changes(STORE, self.done_id)

    def _compare_due(self) -> object:
        reconciliation = self._ledger.reconciliation
        return reconciliation.compare_due(STORE, limit=_LOT, now=self._now)

    def _untold(self) -> object:
        return self._ledger.command_facts.untold(STORE, limit=_UNTOLD)

    def _search(self, search: OrderSearch) -> object:
        return self._ledger.searches.search_orders(search, limit=50)

    def _search_commands(self, search: CommandSearch) -> object:
        return self._ledger.searches.search_commands(search, limit=50)

    def _show(self) -> object:
        inquiries = self._ledger.inquiries
        [account] = inquiries.accounts_of(self.done_id)
        return (
            inquiries.story(account, self.done_id),
            inquiries.list_commands(account=account, order_id=self.done_id),
            inquiries.list_commands(order_id="nowhere", limit=1),
            inquiries.acts(account, self.done_id),
        )

    def _parked_list(self) -> object:
        inquiries = self._ledger.inquiries
        return (
            parked_work(self._ledger, STORE, None, limit=50),
            self._ledger.searches.parked_groups(),
            inquiries.parked_events(),
        )


def _ignore(_: Sequence[Dispatch]) -> None:
    pass


def _event(number: int) -> OrderEvent:
    return OrderEvent(
        order_id=f"{1_000_000_000_000 + number}-01",
        domain="Fulfillment",
        state="ready-for-handling",
        last_state="window-to-cancel",
        current_change=f"at {number}",
        event_id=f"E{number}",
        handle=f"handle {number}",
    )
