"""What orders_sync remembers: orders, events, leases and the journal, in any SQL database."""

from orders_sync.ledger.ledger import Ledger

__all__ = ["Ledger"]
