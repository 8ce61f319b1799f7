"""orders_sync keeps orders in step between VTEX and a store's ERP."""

__version__ = "0.1.0"
