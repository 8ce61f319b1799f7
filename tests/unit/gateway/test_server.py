from __future__ import annotations

import threading
from collections.abc import Sequence

from support.waiting import until

from orders_sync.domain.steps import Dispatch, Step
from orders_sync.gateway.server import Dispatching

STEPS = [Dispatch("mystore", f"{number}-01", Step.FETCH) for number in range(1500)]


def test_what_came_meanwhile_is_sent_in_lots_and_what_is_beyond_is_left_to_the_workers() -> None:
    lots: list[Sequence[Dispatch]] = []
    begun, goes_on = threading.Event(), threading.Event()

    def send(lot: Sequence[Dispatch]) -> None:
        begun.set()
        goes_on.wait()
        lots.append(lot)

    dispatching = Dispatching(send)
    dispatching(STEPS[:1])
    begun.wait()
    dispatching(STEPS[1:])
    goes_on.set()
    until(lambda: sum(map(len, lots)) == 1001, "all that there is room for is sent")
    dispatching.close(60)

    assert [step for lot in lots for step in lot] == STEPS[:1001]
    assert max(map(len, lots)) == 100


def test_an_error_that_nobody_foresaw_costs_its_lot_only() -> None:
    sent: list[Dispatch] = []
    failed = threading.Event()

    def send(lot: Sequence[Dispatch]) -> None:
        if STEPS[0] in lot:
            failed.set()
            raise KeyError("maria")
        sent.extend(lot)

    dispatching = Dispatching(send)
    dispatching(STEPS[:1])
    failed.wait()
    dispatching(STEPS[1:2])
    dispatching.close(60)

    assert sent == [STEPS[1]]
