"""The road in, inside one process: the real client on the sandbox, the real ledger, a real ERP.

Steps wait in a list in place of the broker; everything else is what a worker runs.
"""

from __future__ import annotations

import json
import random
import uuid
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa
from support.ledger_files import make_ledger
from urllib3.exceptions import ProtocolError

from orders_sync.bootstrap import Services
from orders_sync.domain.commands import Command
from orders_sync.domain.steps import Claim, CommandClaim, CommandResult, Dispatch, Step, StepResult
from orders_sync.errors import OrdersSyncError
from orders_sync.inbound import steps
from orders_sync.inbound.feed import Polled, PollLimits, acknowledge, poll
from orders_sync.ledger.accounts import Chore
from orders_sync.outbound import steps as sending
from orders_sync.outbound.accept import Intake, Source, accept
from orders_sync.outbound.erp import consider_cancellation, pull
from orders_sync.sandbox import Box, Dials, SandboxAdapter
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings
from orders_sync.testing.clock import SettableClock
from orders_sync.traffic.traffic import Traffic
from orders_sync.upkeep.watch_feed import ensure_feed
from orders_sync.worker.chores import Chores, Ran
from orders_sync.worker.schedule import QUICK_LEASE, rhythm_of
from orders_sync.worker.step_task import Runner, Workflow

STORE = "mystore"

OrderWork = Callable[[Claim, Services], StepResult]
OrderSteps = dict[Step, OrderWork]
CommandWork = Callable[[CommandClaim, Services], CommandResult]


class _Cutting(SandboxAdapter):
    """The sandbox, whose answers to one method may be cut."""

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow.box)
        self._flow = flow

    def send(self, request: requests.PreparedRequest, *args: Any, **rest: Any) -> requests.Response:
        if request.method in self._flow.just_before:
            self._flow.just_before.pop(request.method)()
        if any(order_id in (request.url or "") for order_id in self._flow.poisoned):
            raise requests.ConnectionError(ProtocolError("cut"), request=request)
        if request.body and request.method != "GET":
            self._flow.sent.append(json.loads(request.body))
        answer = super().send(request, *args, **rest)
        if request.method == self._flow.cut_method:
            raise requests.ConnectionError(ProtocolError("cut"), request=request)
        return answer


class Flow:
    """One store with its sandbox, ledger and staging ERP; time moves when it is told to."""

    def __init__(
        self,
        home: Path,
        clock: SettableClock,
        *,
        dials: Dials | None = None,
        erp_options: dict[str, Any] | None = None,
        traffic: Traffic | None = None,
        **changes: Any,
    ) -> None:
        self.clock = clock
        self.box = Box(STORE, seed=1, clock=clock.epoch, dials=dials)
        account = AccountSettings(
            app_key="key",
            app_token="token",
            base_url="http://vtex",
            erp_options=erp_options or {},
        )
        self.settings = Settings(accounts={STORE: account}, home=home, **changes)
        if "ledger_url" not in changes:
            make_ledger(self.settings.ledger)
        self.adapter = _Cutting(self)
        self.services = Services(
            self.settings,
            clock=clock,
            random=random.Random(1),
            traffic=traffic,
            adapter=self.adapter,
        )
        windows = self.services.ledger.windows
        windows.account = windows.total = 10_000
        self.queue: deque[Dispatch] = deque()
        self._ids = random.Random(2)
        #: Whether the worker serves all queues, and so goes on from step to step by itself.
        self.goes_on = False
        self.cut_method: str | None = None
        #: The JSON of every request that may have changed something, the oldest first.
        self.sent: list[Any] = []
        #: Orders that VTEX answers no call about.
        self.poisoned: set[str] = set()
        #: What happens at VTEX right before the next call of a method, once.
        self.just_before: dict[str, Callable[[], object]] = {}
        in_home = f"sqlite:///{home / 'erp.sqlite3'}"
        self._erp = sa.create_engine(account.erp_options.get("url", in_home))
        ensure_feed(STORE, vtex=self.services.vtex(STORE), settings=self.settings.feed)

    def cut_answers_to(self, method: str | None) -> None:
        """Cut the answers to calls of this method, which take effect."""
        self.cut_method = method

    def poll(
        self, *, in_flight: int = 1000, restore_feed: Callable[[], None] = lambda: None
    ) -> int:
        """Poll as a worker does whose turn it is; give the number of new events."""
        done: list[Polled] = []

        def work(account: str) -> Ran:
            polled = poll(
                account,
                feed=self.services.vtex(account),
                ledger=self.services.ledger,
                clock=self.clock,
                dispatch=self.queue.extend,
                restore_feed=restore_feed,
                erp_rests=lambda: self.services.erp_rests(account),
                in_flight=self.services.ledger.events.in_flight(account),
                limits=PollLimits(
                    10,
                    in_flight,
                    timedelta(seconds=self.settings.acknowledge_seconds),
                    timedelta(seconds=self.settings.feed.visibility_seconds),
                ),
            )
            done.append(polled)
            return Ran(worked=polled.new > 0, succeeded=polled.was_read)

        self._chore(Chore.POLL, work)
        return sum(polled.new for polled in done)

    def due(self, chore: Chore) -> bool:
        """Check whether a tick would have the chore done now; it is then claimed, as by a tick."""
        accounts = self.services.ledger.accounts
        return bool(accounts.claim([chore], now=self.clock(), lease=QUICK_LEASE, limit=10))

    def _chore(self, chore: Chore, work: Callable[[str], Ran]) -> None:
        """Do a chore of the store unless another does; raise what it raises, as it is kept."""
        accounts = self.services.ledger.accounts
        turn = accounts.claim_one(STORE, chore, now=self.clock(), lease=QUICK_LEASE)
        errors: list[Exception] = []
        rhythm = rhythm_of(chore, self.settings)
        postponed = self.services.ledger.postponed
        chores = Chores(accounts, postponed, rhythm, self.clock, random.Random(3), errors.append)
        chores.run([] if turn is None else [turn], work)
        if errors:
            raise errors[0]

    def acknowledge(self) -> int:
        return acknowledge(
            STORE,
            feed=self.services.vtex(STORE),
            ledger=self.services.ledger,
            clock=self.clock,
            visibility_seconds=self.settings.feed.visibility_seconds,
            at_once=self.settings.acknowledge == "recorded",
        )

    def dispatch_due(self) -> int:
        """Dispatch all that is due, as the dispatcher of workers without number does."""
        work, now = self.services.ledger.due_work, self.clock()
        taken = [
            dispatch
            for due in work.find(now=now)
            for dispatch in work.take(due.account, Step(due.step), limit=1000, now=now)
        ]
        self.queue.extend(taken)
        return len(taken)

    @property
    def intake(self) -> Intake:
        return Intake(
            ledger=self.services.ledger,
            clock=self.clock,
            new_id=lambda: uuid.UUID(int=self._ids.getrandbits(128)).hex,
            dispatch=self.queue.extend,
            max_bytes=self.settings.max_command_bytes,
        )

    def ask(
        self,
        kind: str,
        order_id: str,
        body: Any,
        key: str | None = None,
        source: Source = "service",
    ) -> str:
        """Accept a command that is to be told to VTEX; return its id."""
        command = Command(kind, order_id, body, key)
        return accept(command, account=STORE, source=source, intake=self.intake).command_id

    def pull(self) -> int:
        erp = self.services.erp(STORE)
        return pull(STORE, erp=erp, intake=self.intake).accepted

    def run(
        self,
        following: Dispatch,
        changed: OrderSteps | None = None,
        *,
        in_backlog: bool = False,
    ) -> None:
        """Run one message as a worker does; what has to come again later is due then.

        `in_backlog` goes on with the orders that wait for the same step.
        """
        if following.command_id is not None:
            self.run_command(following, sending.STEPS[following.step])
            return
        step, orders = following.step, self.services.ledger.orders
        steps = {**self._steps, **(changed or {})}
        self._runner.run(
            Workflow(orders, steps, orders.advance),
            lambda now: orders.claim(
                following.account, following.order_id, step, owner=self.services.process, now=now
            ),
            (lambda done, now: orders.claim_next(done, step, owner=self.services.process, now=now))
            if in_backlog
            else None,
        )

    def run_command(self, following: Dispatch, work: CommandWork) -> None:
        """Run one step of a command as a worker does."""
        commands = self.services.ledger.commands
        self._runner.run(
            Workflow(commands, {following.step: work}),
            lambda now: commands.claim(following, owner=self.services.process, now=now),
        )

    @property
    def _runner(self) -> Runner:
        return Runner(self.services, self.queue.extend, lambda _: self.goes_on, "task")

    @property
    def _steps(self) -> OrderSteps:
        def consider(claim: Claim, services: Services) -> StepResult:
            return consider_cancellation(claim, services, self.intake)

        return {**steps.STEPS, Step.CONSIDER_CANCELLATION: consider}

    def drain(self) -> None:
        """Run what is queued; what is to be run later is left."""
        while self.queue:
            self.run(self.queue.popleft())

    def settle(self, rounds: int = 40, seconds: float = 30) -> None:
        """Poll, work, acknowledge and dispatch for some rounds, with time between."""
        for _ in range(rounds):
            self._quietly(self.poll)
            self._quietly(self.pull)
            self.drain()
            self._quietly(self.acknowledge)
            self.clock.advance(seconds)
            self.dispatch_due()
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
        """The orders that came to the ERP, each with its state there."""
        if not sa.inspect(self._erp).has_table("erp_orders"):
            return {}
        with self._erp.connect() as connection:
            came = "SELECT order_id, state FROM erp_orders WHERE status IS NOT NULL"
            rows = connection.execute(sa.text(came))
            return {row.order_id: row.state for row in rows}

    def command(self, command_id: str) -> dict[str, Any]:
        """The ledger's row of a command."""
        row = self.services.ledger.inquiries.command(command_id)
        assert row is not None, f"{command_id} is not in the ledger"
        return row

    def in_handling(self, count: int = 1) -> list[str]:
        """Orders that went all the way in."""
        order_ids = self.box.create_orders(count)
        self.poll()
        self.drain()
        self.acknowledge()
        return order_ids

    def erp_writes(self, sql: str, **values: Any) -> None:
        """Write in the ERP's database."""
        self.services.erp(STORE).pull(None)
        with self._erp.begin() as connection:
            connection.execute(sa.text(sql), values)

    def erp_reads(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Read in the ERP's database."""
        with self._erp.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(sql), values)]

    def take_in_erp(self, order_id: str) -> None:
        """Take an order in the ERP, which begins to fulfil it."""
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
