"""Calls that go well or fail, as a breaker is told of them."""

from __future__ import annotations

from typing import Final

from orders_sync.traffic.breaker import Breaker, BreakerPolicy

POLICY: Final = BreakerPolicy(
    minimum=10, failing_percent=50, first_open=5.0, longest_open=30.0, in_a_row=4, row=10.0
)


def call(breaker: Breaker, *, fails: bool, times: int = 1) -> None:
    """Make calls that a closed breaker lets pass."""
    for _ in range(times):
        breaker.allows()
        (breaker.failed if fails else breaker.succeeded)()
