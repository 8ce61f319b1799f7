from __future__ import annotations

import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.ledger_files import make_ledger

from orders_sync.domain.commands import Command
from orders_sync.domain.rules import Progress, Standing
from orders_sync.domain.steps import Dispatch, Queue, Step, StepResult
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import JournalLine
from orders_sync.ledger.wakeups import DISPATCHED_FOR, Windows, request_reads
from orders_sync.outbound.accept import Intake, accept
from orders_sync.testing.clock import SettableClock
from orders_sync.traffic.waits import Gates
from orders_sync.worker.dispatcher import MESSAGES_A_THREAD, Dispatcher, WorkerThreads

A, B = "a-store", "b-store"
NO_ROOM = Windows(account=0, total=0)


#: The gates of an account whose calls nothing keeps back.
OPEN = Gates(erp_permits=sys.maxsize)
PROBED_LATER = Gates(erp_permits=sys.maxsize, probes={"get_order": 60.0})


@dataclass
class Setting:
    """A ledger with due work, a dispatcher, and a broker that is a list."""

    ledger: Ledger
    clock: SettableClock
    sent: list[Dispatch] = field(default_factory=list)
    lengths: Counter[Queue] = field(default_factory=Counter)
    gates: dict[str, Gates] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dispatcher = self.new_dispatcher()

    def new_dispatcher(self) -> Dispatcher:
        return Dispatcher(self.ledger, self.clock, self.sent.extend, self._lengths, self._gates)

    def _lengths(self) -> Mapping[Queue, int]:
        return self.lengths

    def _gates(self, accounts: Sequence[str]) -> Mapping[str, Gates]:
        return {account: self.gates.get(account, OPEN) for account in accounts}

    def tick(self, *, threads: int = 100) -> list[Dispatch]:
        """Tick once beside so many threads on every queue; return what was sent."""
        before = len(self.sent)
        number = self.dispatcher.tick(WorkerThreads(dict.fromkeys(Queue, threads), threads))
        sent = self.sent[before:]
        assert len(sent) == number
        return sent

    def tick_and_work(self, *, threads: int) -> list[Dispatch]:
        """Tick, and let workers do what was sent."""
        sent = self.tick(threads=threads)
        orders, now = self.ledger.orders, self.clock()
        for dispatch in sent:
            account, order_id = dispatch.account, dispatch.order_id
            claim = orders.claim(account, order_id, dispatch.step, owner="me", now=now)
            assert claim is not None
            entry = JournalLine(now, account, order_id, "step.done")
            orders.complete(claim, StepResult(Standing.DONE), entry, now=now)
        return sent

    def reads_due(self, account: str, count: int) -> None:
        """Have orders of an account due to be read, none of them dispatched."""
        order_ids = [f"{number:013}-01" for number in range(count)]
        with self.ledger.database.writing() as connection:
            request_reads(connection, account, order_ids, windows=NO_ROOM, now=self.clock())

    def hand_overs_due(self, account: str, count: int) -> None:
        """Have orders of an account due to be handed over to the ERP."""
        orders, now = self.ledger.orders, self.clock()
        self.reads_due(account, count)
        for number in range(count):
            order_id = f"{number:013}-01"
            claim = orders.claim(account, order_id, Step.FETCH, owner="me", now=now)
            assert claim is not None
            result = StepResult(Standing.ACTIVE, Step.HAND_OVER, Progress.FETCHED)
            orders.complete(
                claim, result, JournalLine(now, account, order_id, "step.done"), now=now
            )
        self.clock.advance(DISPATCHED_FOR.total_seconds())

    def command_due(self, account: str, kind: str, order_id: str) -> None:
        """Have a command due that was not dispatched."""
        self.ledger.windows.total = 0
        intake = Intake(self.ledger, self.clock, lambda: uuid.uuid4().hex, self.sent.extend, 10_000)
        body = {"reason": "no"} if kind == "cancel" else {"number": "7", "value_cents": 100}
        accept(Command(kind, order_id, body, None), account=account, source="erp", intake=intake)


@pytest.fixture
def setting(tmp_path: Path, clock: SettableClock) -> Iterator[Setting]:
    url = make_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    ledger = Ledger(url, lease=timedelta(seconds=60))
    yield Setting(ledger, clock)
    ledger.close()


def by_account(sent: Sequence[Dispatch]) -> Counter[str]:
    return Counter(dispatch.account for dispatch in sent)


def test_nothing_is_sent_where_nothing_is_due(setting: Setting) -> None:
    assert setting.tick() == []


def test_an_account_with_a_thousand_due_does_not_keep_the_other_one_waiting(
    setting: Setting,
) -> None:
    setting.reads_due(A, 1000)
    setting.reads_due(B, 1)

    sent = by_account(setting.tick(threads=10))

    assert sent == {A: 7, B: 1}


def test_what_was_dispatched_is_not_dispatched_again_before_it_may_be_lost(
    setting: Setting,
) -> None:
    setting.reads_due(A, 1)
    first = setting.tick()

    setting.clock.advance(DISPATCHED_FOR.total_seconds() - 0.1)
    assert setting.tick() == []
    setting.clock.advance(0.1)

    assert setting.tick() == first


@pytest.mark.parametrize(
    ("threads", "share"),
    [
        pytest.param(1, 4, id="never fewer than four"),
        pytest.param(10, 7, id="three of four threads"),
        pytest.param(100, 75, id="three of four threads of many"),
    ],
)
def test_an_account_has_no_more_under_way_than_its_share(
    setting: Setting, threads: int, share: int
) -> None:
    setting.lengths[Queue.ORDERS] = -100  # So many more messages would fit.
    setting.reads_due(A, 200)

    assert len(setting.tick(threads=threads)) == share
    assert setting.tick(threads=threads) == []


def test_an_account_at_the_pace_of_its_budget_fills_no_larger_window(setting: Setting) -> None:
    setting.gates[A] = replace(OPEN, per_second=12.5)
    setting.reads_due(A, 200)

    assert len(setting.tick(threads=100)) == 12


def test_a_queue_gets_no_more_messages_than_its_threads_soon_take(setting: Setting) -> None:
    for number in range(10):
        setting.reads_due(f"store{number}", 10)
    setting.lengths[Queue.ORDERS] = 3

    sent = setting.tick(threads=10)

    assert len(sent) == 10 * MESSAGES_A_THREAD - 3


def test_a_queue_that_nobody_serves_gets_nothing(setting: Setting) -> None:
    setting.reads_due(A, 1)
    threads = {**dict.fromkeys(Queue, 10), Queue.ORDERS: 0}

    assert setting.dispatcher.tick(WorkerThreads(threads, 10)) == 0


def test_a_closed_gate_is_passed_over_and_what_waits_there_is_not_touched(
    setting: Setting,
) -> None:
    setting.gates[A] = PROBED_LATER
    setting.reads_due(A, 100)
    setting.reads_due(B, 1)

    assert by_account(setting.tick()) == {B: 1}

    assert by_account_under_way(setting) == {B: 1}
    setting.gates[A] = OPEN
    assert by_account(setting.tick()) == {A: 75}


def by_account_under_way(setting: Setting) -> Counter[str]:
    number: Counter[str] = Counter()
    under_way = setting.ledger.due_work.under_way(now=setting.clock())
    for (account, _), count in under_way.items():
        number[account] += count
    return number


def test_a_thousand_rows_of_a_disabled_account_wait_as_they_are(setting: Setting) -> None:
    setting.reads_due(A, 1000)
    setting.dispatcher.rests = {A}.__contains__
    for number in range(150):
        setting.reads_due(f"{A}-{number}", 1)
    disabled = {A, *(f"{A}-{number}" for number in range(150))}
    setting.dispatcher.rests = disabled.__contains__
    setting.reads_due(B, 1)

    [sent] = setting.tick()

    assert sent.account == B
    assert setting.ledger.due_work.under_way(now=setting.clock()) == {(B, "orders.fetch"): 1}
    setting.dispatcher.rests = lambda _: False
    assert A in {each.account for each in setting.tick()}


def test_a_gate_holds_back_no_work_that_needs_no_such_call(setting: Setting) -> None:
    setting.hand_overs_due(A, 2)
    setting.gates[A] = PROBED_LATER

    assert {dispatch.step for dispatch in setting.tick()} == {Step.HAND_OVER}


def test_a_gate_that_is_being_tried_lets_one_through(setting: Setting) -> None:
    setting.gates[A] = replace(OPEN, probes={"get_order": 0.0})
    setting.reads_due(A, 100)

    assert len(setting.tick()) == 1
    assert setting.tick() == []


def test_no_more_is_sent_to_an_erp_than_has_permits(setting: Setting) -> None:
    setting.hand_overs_due(A, 10)
    setting.gates[A] = Gates(erp_permits=3)

    sent = setting.tick()

    assert [dispatch.step for dispatch in sent] == [Step.HAND_OVER] * 3


def test_no_more_is_sent_to_an_erp_than_it_allows_in_a_second(setting: Setting) -> None:
    setting.hand_overs_due(A, 10)
    setting.gates[A] = replace(OPEN, erp_per_second=2.5)

    first, second = setting.tick(), setting.tick()
    setting.gates[A] = replace(OPEN, erp_per_second=2.5, erp_calls=2)
    while_those_are_called = setting.tick()

    assert [len(first), len(second), len(while_those_are_called)] == [2, 0, 2]


def test_an_erp_that_may_be_called_once_in_a_while_is_sent_one(setting: Setting) -> None:
    setting.hand_overs_due(A, 10)
    setting.gates[A] = replace(OPEN, erp_per_second=0.1, erp_held=4.0)

    while_it_may_not = setting.tick()
    setting.gates[A] = replace(OPEN, erp_per_second=0.1)

    assert while_it_may_not == []
    assert len(setting.tick()) == 1


def test_an_erp_without_permits_holds_back_no_reads(setting: Setting) -> None:
    setting.reads_due(A, 2)
    setting.gates[A] = Gates(erp_permits=0)

    assert len(setting.tick()) == 2


def test_accounts_beyond_the_hundredth_get_their_turn_in_the_next_tick(setting: Setting) -> None:
    accounts = [f"store{number:03}" for number in range(150)]
    for account in accounts:
        setting.reads_due(account, 1)

    first, second = setting.tick(), setting.tick()

    assert [dispatch.account for dispatch in first] == accounts[:100]
    assert [dispatch.account for dispatch in second] == accounts[100:]


def test_who_found_no_room_is_first_in_the_next_tick(setting: Setting) -> None:
    accounts = [f"store{number}" for number in range(10)]
    for account in accounts:
        setting.reads_due(account, 100)

    first, second, third = (setting.tick_and_work(threads=10) for _ in range(3))

    # Each may have seven under way, and the queue holds twenty.
    assert by_account(first) == {accounts[0]: 7, accounts[1]: 7, accounts[2]: 6}
    assert by_account(second) == {accounts[3]: 7, accounts[4]: 7, accounts[5]: 6}
    assert by_account(third) == {accounts[6]: 7, accounts[7]: 7, accounts[8]: 6}


def test_accounts_that_come_anew_all_the_time_do_not_pass_one_with_much_to_do(
    setting: Setting,
) -> None:
    setting.reads_due(A, 100)
    sent: list[Dispatch] = []
    for tick in range(10):
        for number in range(20):
            setting.reads_due(f"small{tick}-{number}", 1)
        sent += setting.tick_and_work(threads=10)

    assert by_account(sent)[A] >= 20


def test_a_full_queue_takes_no_turn_from_the_other_queues(setting: Setting) -> None:
    for number in range(150):
        setting.command_due(f"store{number:03}", "invoice", "0000000000100-01")
    setting.clock.advance(1)
    setting.reads_due("z-store", 1)
    setting.lengths[Queue.INVOICE] = 200

    assert by_account(setting.tick()) == {"z-store": 1}


def test_a_cancellation_goes_before_what_has_been_due_for_longer(setting: Setting) -> None:
    setting.reads_due(A, 10)
    setting.command_due(A, "invoice", "0000000000100-01")
    setting.clock.advance(60)
    setting.command_due(A, "cancel", "0000000000200-01")
    setting.gates[A] = replace(OPEN, per_second=4)

    steps = [dispatch.step for dispatch in setting.tick()]

    assert steps == [Step.SEND_CANCEL, *[Step.FETCH] * 3]


def test_a_cancellation_does_not_wait_for_the_rest_of_its_account(setting: Setting) -> None:
    setting.reads_due(A, 100)
    setting.tick(threads=10)
    setting.command_due(A, "cancel", "cancel-01")
    setting.command_due(A, "invoice", "invoice-01")

    sent = setting.tick(threads=10)

    assert [dispatch.step for dispatch in sent] == [Step.SEND_CANCEL]


def test_within_a_step_the_longest_due_goes_first(setting: Setting) -> None:
    setting.command_due(A, "invoice", "0000000000200-01")
    setting.clock.advance(1)
    setting.command_due(A, "invoice", "0000000000100-01")
    setting.lengths[Queue.INVOICE] = 199

    assert [dispatch.order_id for dispatch in setting.tick()] == ["0000000000200-01"]


def test_two_dispatchers_send_nothing_twice(setting: Setting) -> None:
    setting.reads_due(A, 50)

    first = setting.tick()
    setting.dispatcher = setting.new_dispatcher()

    assert setting.tick() == []
    assert len(first) == 50


@pytest.mark.parametrize(
    ("fill", "queue"),
    [
        pytest.param(Setting.reads_due, Queue.ORDERS, id="reads"),
        pytest.param(Setting.hand_overs_due, Queue.ERP, id="hand-overs"),
    ],
)
def test_what_is_sent_goes_to_the_queue_whose_length_bounds_it(
    setting: Setting, fill: Callable[[Setting, str, int], None], queue: Queue
) -> None:
    fill(setting, A, 3)
    setting.lengths = Counter(dict.fromkeys(Queue, 200))
    assert setting.tick() == []

    del setting.lengths[queue]

    assert {dispatch.step.queue for dispatch in setting.tick()} == {queue}
