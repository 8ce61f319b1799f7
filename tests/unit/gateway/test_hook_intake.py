"""Posts of hooks, in hand at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from orders_sync.domain.events import UnreadableEvent
from orders_sync.errors import LedgerUnavailable
from orders_sync.gateway.hook import MOST_WAITING, HookEvent, HookIntake
from orders_sync.gateway.problems import ProblemError

FLOOD = [UnreadableEvent(None, f"{number}") for number in range(MOST_WAITING)]


class Book:
    """A ledger that waits until it is open, and keeps in which lots it was written."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.lots: list[tuple[str, int]] = []
        self.poison: HookEvent | None = None
        self.is_away = False

    def __call__(self, account: str, lot: Sequence[HookEvent]) -> None:
        self.is_open.wait(60)
        if self.is_away:
            raise LedgerUnavailable("away")
        if self.poison in lot:
            raise ValueError("poison")
        self.lots.append((account, len(lot)))


async def begun(
    intake: HookIntake, account: str, lot: Sequence[HookEvent]
) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(intake.take(account, event)) for event in lot]
    await asyncio.sleep(0)
    return tasks


def test_a_flood_of_one_account_is_bounded_and_lets_another_pass() -> None:
    book = Book()

    async def run() -> None:
        intake = HookIntake(book)
        first = await begun(intake, "busy", FLOOD[:1])
        await asyncio.sleep(0)
        flood = await begun(intake, "busy", FLOOD)
        with pytest.raises(ProblemError) as refused:
            await intake.take("busy", FLOOD[0])
        other = await begun(intake, "quiet", FLOOD[:1])
        book.is_open.set()
        await asyncio.gather(*first, *flood, *other)
        assert (refused.value.status, refused.value.kind) == (503, "hook.too_many")

    asyncio.run(run())

    assert book.lots[:3] == [("busy", 1), ("busy", 100), ("quiet", 1)]
    assert sum(size for account, size in book.lots if account == "busy") == MOST_WAITING + 1


def test_one_that_cannot_be_written_stops_no_other() -> None:
    book = Book()
    book.is_open.set()
    book.poison = FLOOD[3]

    async def run() -> list[BaseException | None]:
        tasks = await begun(HookIntake(book), "busy", FLOOD[:10])
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(run())

    assert [type(outcome) for outcome in outcomes if outcome] == [ValueError]
    assert isinstance(outcomes[3], ValueError)


def test_all_that_wait_for_a_ledger_that_is_away_are_told_at_once() -> None:
    book = Book()
    book.is_away = True

    async def run() -> list[BaseException | None]:
        intake = HookIntake(book)
        tasks = await begun(intake, "busy", FLOOD)
        tasks += await begun(intake, "quiet", FLOOD[:1])
        book.is_open.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        book.is_away = False
        await intake.take("busy", FLOOD[0])
        return outcomes

    assert {type(outcome) for outcome in asyncio.run(run())} == {LedgerUnavailable}
    assert book.lots == [("busy", 1)]
