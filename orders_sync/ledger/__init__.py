"""The ledger: what orders_sync remembers, as one object with a part for each subject.

A part is a class that has the `Database`, and each of its methods is a transaction or a query. A
function that writes inside a transaction of others takes their connection.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property

from orders_sync.ledger.acceptance import Acceptance
from orders_sync.ledger.access import Callers, Sessions, Users
from orders_sync.ledger.account_settings import ErpTokens, KeptAccounts
from orders_sync.ledger.accounts import Accounts
from orders_sync.ledger.command_rows import CommandFacts
from orders_sync.ledger.cursors import Cursors, Leases
from orders_sync.ledger.decisions import Decisions
from orders_sync.ledger.deliveries import Deliveries
from orders_sync.ledger.due_work import DueWork
from orders_sync.ledger.endpoints import Endpoints
from orders_sync.ledger.engine import CONNECTIONS, Database
from orders_sync.ledger.events import Events, HookLog
from orders_sync.ledger.gauges import Gauges
from orders_sync.ledger.inquiries import Inquiries
from orders_sync.ledger.outbox_log import OutboxLog
from orders_sync.ledger.processes import Postponed, Processes
from orders_sync.ledger.reconciliation import Reconciliation
from orders_sync.ledger.retention import Retention
from orders_sync.ledger.searches import Searches
from orders_sync.ledger.strays import Strays
from orders_sync.ledger.transitions import Commands, Orders
from orders_sync.ledger.wakeups import Windows


class Ledger:
    """Opens the database at `url`; a process makes one and all of its threads share it.

    `lease` is how long a claimed order is left alone before others may take it over. At most
    `connections` are open at once. `postponed` is what the process could not write while the
    database was away.
    """

    def __init__(self, url: str, *, lease: timedelta, connections: int = CONNECTIONS) -> None:
        self.database = Database(url, connections=connections)
        self.lease = lease
        self.windows = Windows()
        self.postponed = Postponed()

    @cached_property
    def orders(self) -> Orders:
        """Claims on orders and what their steps achieved."""
        return Orders(self.database, self.lease, self.windows)

    @cached_property
    def commands(self) -> Commands:
        """Claims on commands and what their steps achieved."""
        return Commands(self.database, self.lease)

    @cached_property
    def acceptance(self) -> Acceptance:
        """Commands as they are accepted."""
        return Acceptance(self.database, self.windows)

    @cached_property
    def decisions(self) -> Decisions:
        """What people decide about parked orders and commands."""
        return Decisions(self.database, self.windows)

    @cached_property
    def command_facts(self) -> CommandFacts:
        """What commands have done so far."""
        return CommandFacts(self.database)

    @cached_property
    def events(self) -> Events:
        """Events of the feed, and which of them to acknowledge."""
        return Events(self.database, self.windows)

    @cached_property
    def accounts(self) -> Accounts:
        """When each account's chores are due."""
        return Accounts(self.database)

    @cached_property
    def kept_accounts(self) -> KeptAccounts:
        """Accounts beside those of the settings."""
        return KeptAccounts(self.database)

    @cached_property
    def hook_log(self) -> HookLog:
        """When hooks and feeds brought something."""
        return HookLog(self.database)

    @cached_property
    def leases(self) -> Leases:
        """Leases on work that only one process may do at a time."""
        return Leases(self.database)

    @cached_property
    def inquiries(self) -> Inquiries:
        """Single orders and commands, and what happened to them."""
        return Inquiries(self.database)

    @cached_property
    def callers(self) -> Callers:
        """Services that call over HTTP."""
        return Callers(self.database)

    @cached_property
    def endpoints(self) -> Endpoints:
        """Endpoints that events are sent to."""
        return Endpoints(self.database)

    @cached_property
    def erp_tokens(self) -> ErpTokens:
        """OAuth tokens of ERPs."""
        return ErpTokens(self.database)

    @cached_property
    def deliveries(self) -> Deliveries:
        """Events on their way to endpoints."""
        return Deliveries(self.database)

    @cached_property
    def outbox_log(self) -> OutboxLog:
        """What was sent to endpoints, and is sent again."""
        return OutboxLog(self.database)

    @cached_property
    def users(self) -> Users:
        """People who use the order desk."""
        return Users(self.database)

    @cached_property
    def sessions(self) -> Sessions:
        """Who is signed in at the order desk."""
        return Sessions(self.database)

    @cached_property
    def strays(self) -> Strays:
        """Messages that no task could take."""
        return Strays(self.database)

    @cached_property
    def due_work(self) -> DueWork:
        """Work that is due or under way."""
        return DueWork(self.database)

    @cached_property
    def processes(self) -> Processes:
        """Which processes live, and what those had that do not."""
        return Processes(self.database)

    @cached_property
    def cursors(self) -> Cursors:
        """Where long work stopped."""
        return Cursors(self.database)

    @cached_property
    def searches(self) -> Searches:
        """Pages of orders and commands, and what is parked."""
        return Searches(self.database)

    @cached_property
    def reconciliation(self) -> Reconciliation:
        """What VTEX's list and the ledger disagree about."""
        return Reconciliation(self.database, self.windows)

    @cached_property
    def retention(self) -> Retention:
        """What is erased of orders, in time or by hand."""
        return Retention(self.database)

    @cached_property
    def gauges(self) -> Gauges:
        """What is unfinished, in figures."""
        return Gauges(self.database)

    def close(self) -> None:
        """Close all connections."""
        self.database.close()
