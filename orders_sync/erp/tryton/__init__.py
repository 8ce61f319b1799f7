"""Tryton, an open-source ERP: orders as sales, by its JSON-RPC and the module of deploy/tryton."""
