"""The road in, inside one process: the real client on the sandbox, the real ledger, a real ERP.

Steps wait in a list in place of the broker; everything else is what a worker runs.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from orders_sync.bootstrap import Services
from orders_sync.domain.steps import Claim, Dispatch, Step, StepResult
from orders_sync.errors import OrdersSyncError
from orders_sync.inbound import steps
from orders_sync.inbound.acknowledge import acknowledge
from orders_sync.inbound.poll import PollLimits, poll
from orders_sync.ledger.migrate import upgrade
from orders_sync.sandbox import Box, Dials, SandboxAdapter
from orders_sync.settings import AccountSettings, Settings
from orders_sync.testing.clock import SettableClock
from orders_sync.upkeep.sweep import sweep
from orders_sync.upkeep.watch_feed import ensure_feed
from orders_sync.worker.queues import queue_of
from orders_sync.worker.runner import Runner

STORE = "mystore"

Work = Callable[[Claim, Services], StepResult]

WORK: dict[Step, Work] = {
    Step.FETCH: steps.fetch,
    Step.HAND_OVER: steps.hand_over,
    Step.START_HANDLING: steps.start_handling,
    Step.CANCEL_IN_ERP: steps.cancel_in_erp,
}


class Flow:
    """One store with its sandbox, ledger and staging ERP; time moves when it is told to."""

    def __init__(
        self, home: Path, clock: SettableClock, *, dials: Dials | None = None, **changes: Any
    ) -> None:
        self.clock = clock
        self.box = Box(STORE, seed=1, clock=clock.epoch, dials=dials)
        account = AccountSettings(app_key="key", app_token="token", base_url="http://vtex")
        self.settings = Settings(accounts={STORE: account}, home=home, **changes)
        upgrade(self.settings.ledger)
        self.services = Services(
            self.settings,
            clock=clock,
            random=random.Random(1),
            session_factory=self._session,
        )
        self.queue: deque[Dispatch] = deque()
        self._erp = sa.create_engine(f"sqlite:///{home / 'erp.sqlite3'}")
        ensure_feed(STORE, vtex=self.services.vtex(STORE), wanted=self.settings.feed)

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.mount("http://", SandboxAdapter(self.box))
        return session

    def poll(
        self, *, in_flight: int = 1000, restore_feed: Callable[[], None] = lambda: None
    ) -> int:
        return poll(
            STORE,
            owner="poller",
            feed=self.services.vtex(STORE),
            ledger=self.services.ledger,
            clock=self.clock,
            dispatch=self.queue.append,
            restore_feed=restore_feed,
            limits=PollLimits(10, in_flight),
        )

    def acknowledge(self) -> int:
        return acknowledge(
            STORE,
            owner="acknowledger",
            feed=self.services.vtex(STORE),
            ledger=self.services.ledger,
            clock=self.clock,
            visibility_seconds=self.settings.feed.visibility_seconds,
            at_once=self.settings.acknowledge == "recorded",
        )

    def sweep(self) -> int:
        return sweep(ledger=self.services.ledger, clock=self.clock, dispatch=self.queue.append)

    def run(self, following: Dispatch, work: Work | None = None) -> None:
        """Run one step as a worker does; what has to come again later, the sweep brings."""
        policy = getattr(self.settings.retry, queue_of(following.step))
        runner = Runner(self.services, self.queue.append, policy, "task")
        orders = self.services.ledger.orders
        runner.run(
            lambda now: orders.claim(
                following.account, following.order_id, following.step, owner="worker", now=now
            ),
            orders,
            work or WORK[following.step],
        )

    def drain(self) -> None:
        while self.queue:
            self.run(self.queue.popleft())

    def settle(self, rounds: int = 40, seconds: float = 30) -> None:
        """Let the world go on: poll, work, acknowledge and sweep, with time between."""
        for _ in range(rounds):
            self._quietly(self.poll)
            self.drain()
            self._quietly(self.acknowledge)
            self.clock.advance(seconds)
            self.sweep()
            self.drain()

    @staticmethod
    def _quietly(act: Callable[[], int]) -> None:
        try:
            act()
        except OrdersSyncError:
            # As the task does: the next tick tries again.
            return

    def order(self, order_id: str) -> dict[str, Any]:
        """The ledger's row of an order."""
        row = self.services.ledger.inquiries.story(STORE, order_id)[0]
        assert row is not None, f"{order_id} is not in the ledger"
        return row

    def standing(self, order_id: str) -> str:
        return str(self.order(order_id)["standing"])

    def in_erp(self) -> dict[str, str]:
        """The orders that the ERP has, each with its state there."""
        if not sa.inspect(self._erp).has_table("erp_orders"):
            return {}
        with self._erp.connect() as connection:
            rows = connection.execute(sa.text("SELECT order_id, state FROM erp_orders"))
            return {row.order_id: row.state for row in rows}

    def take_in_erp(self, order_id: str) -> None:
        """Let the ERP begin to fulfil an order."""
        with self._erp.begin() as connection:
            connection.execute(
                sa.text("UPDATE erp_orders SET taken_at = placed_at WHERE order_id = :id"),
                {"id": order_id},
            )

    def calls(self, order_id: str, call: str | None = None) -> list[str]:
        """The calls that the sandbox saw about an order, events and their commits left out."""
        seen = [c.call for c in self.box.calls(order_id) if c.call != "feed_commit"]
        return [name for name in seen if call in {None, name}]

    def close(self) -> None:
        self._erp.dispose()
        self.services.close()
