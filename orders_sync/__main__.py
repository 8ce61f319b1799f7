"""`python -m orders_sync` is `orders-sync`."""

from __future__ import annotations

from orders_sync.cli import main

if __name__ == "__main__":
    main(prog_name="orders-sync")
