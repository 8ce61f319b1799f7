"""The Tryton module `orders_sync`: what orders_sync asks of Tryton, each in one transaction."""

__version__ = "8.2.0"
