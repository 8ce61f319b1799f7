"""Every adapter that is shipped keeps the promises of the ERP port."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path
from select import select as readable
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, func, insert, make_url, select, text
from support.order_documents import client_in
from support.postgres import PostgresServer

from orders_sync.domain.commands import Command
from orders_sync.domain.differences import compare
from orders_sync.erp.base import ChangeAnswer, Erp
from orders_sync.erp.console import ConsoleErp
from orders_sync.erp.staging import StagingErp
from orders_sync.erp.staging_tables import ERP_COMMANDS, ERP_ORDER_LINES, ERP_ORDERS
from orders_sync.errors import NotFound, Unreadable
from orders_sync.sandbox import Box, Trouble
from orders_sync.testing.erp_suite import ErpSuite
from orders_sync.testing.factories import make_order
from orders_sync.vtex.documents import clean_text
from orders_sync.vtex.translate import order as read_order

REPOSITORY = Path(__file__).parents[2]
PROCESSES = 4
#: Ample for a slow machine.
ANSWER_SECONDS = 120
ORDER_IDS = [f"13000000000{number:02d}-01" for number in range(25)]

#: Runs the programs that it is given, one after another, and prints the answer of each.
RUN_ALL = """
import json, sys
import orders_sync.erp.staging, orders_sync.testing.factories

while line := sys.stdin.readline():
    program, *sys.argv[1:] = json.loads(line)
    exec(program, {})
"""

#: Places the orders in its own order, as soon as it is told to; prints the receipts.
PLACE_ALL = """
import json, random, sys
from pathlib import Path
from orders_sync.erp.staging import StagingErp
from orders_sync.testing.factories import make_order

url, seed, ids = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
random.Random(seed).shuffle(ids)
erp = StagingErp("mystore", {"url": url}, Path())
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps({id: erp.place_order(make_order(id)).reference for id in ids}), flush=True)
erp.close()
"""

#: Cancels the orders as soon as it is told to, in its own order.
CANCEL_ALL = """
import json, random, sys
from pathlib import Path
from orders_sync.erp.staging import StagingErp

url, seed, ids = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
random.Random(seed).shuffle(ids)
erp = StagingErp("mystore", {"url": url}, Path())
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps([erp.cancel_order(id, "canceled") for id in ids]), flush=True)
erp.close()
"""

#: Dies by SIGKILL after the order's row was sent and before its lines are.
DIE_BETWEEN_ORDER_AND_LINES = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
from orders_sync.erp.staging import StagingErp
from orders_sync.testing.factories import make_order

def die(connection, cursor, statement, *rest):
    if "INSERT INTO erp_order_lines" in statement:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, "before_cursor_execute", die)
erp = StagingErp("mystore", {"url": sys.argv[1]}, Path())
erp.place_order(make_order(sys.argv[2]))
"""

#: Pulls when it is told to, and answers when it is told to; prints what it has pulled each time.
PULL_AND_ANSWER = """
import json, sys
from pathlib import Path
from orders_sync.domain.commands import Outcome
from orders_sync.erp.staging import StagingErp

erp = StagingErp("mystore", {"url": sys.argv[1]}, Path())
print("ready", flush=True)
sys.stdin.readline()
commands = erp.pull(None).rows
print(json.dumps([[command.order_id, command.key] for command in commands]), flush=True)
sys.stdin.readline()
for command in commands:
    erp.answer(command, Outcome("accepted"))
print(json.dumps([command.key for command in erp.pull(None).rows]), flush=True)
erp.close()
"""


class Colleague:
    """A process that runs programs; they begin together when each is told to go."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", RUN_ALL],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, program: str, *arguments: str) -> None:
        """Start a program and wait until it is ready."""
        self._tell(json.dumps([program, *arguments]))
        assert self._hear() == "ready\n"

    def go(self) -> None:
        """Let the program go on."""
        self._tell("go")

    def answer(self) -> Any:
        """Return what the program prints."""
        return json.loads(self._hear())

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        [heard, _, _] = readable([self._process.stdout], [], [], ANSWER_SECONDS)
        assert heard, "the process does not answer"
        return self._process.stdout.readline()


@pytest.fixture(scope="module")
def colleagues() -> Iterator[list[Colleague]]:
    """Give processes that race: what they import takes longer than what they do."""
    colleagues = [Colleague() for _ in range(PROCESSES)]
    yield colleagues
    for colleague in colleagues:
        colleague.end()


def staged(url: str, order_id: str) -> int:
    engine = create_engine(url)
    count = select(func.count()).where(ERP_ORDERS.c.order_id == order_id)
    with engine.connect() as connection:
        found = connection.execute(count).scalar_one()
    engine.dispose()
    return found


def staged_lines(url: str, order_id: str) -> list[tuple[str, int]]:
    engine = create_engine(url)
    lines = (
        select(ERP_ORDER_LINES.c.sku, ERP_ORDER_LINES.c.quantity)
        .where(ERP_ORDER_LINES.c.order_id == order_id)
        .order_by(ERP_ORDER_LINES.c.line_index)
    )
    with engine.connect() as connection:
        found = [(row.sku, row.quantity) for row in connection.execute(lines)]
    engine.dispose()
    return found


def state_of(url: str, order_id: str) -> str:
    engine = create_engine(url)
    look = select(ERP_ORDERS.c.state).where(ERP_ORDERS.c.order_id == order_id)
    with engine.connect() as connection:
        state = str(connection.execute(look).scalar_one())
    engine.dispose()
    return state


class TestConsoleErp(ErpSuite):
    remembers_orders = False
    cannot_fail = "it prints, and asks nobody"

    @pytest.fixture(autouse=True)
    def _stream(self) -> None:
        self.stream = StringIO()

    def create(self, home: Path) -> Erp:
        return ConsoleErp("mystore", {}, home, stream=self.stream)


class UntroubledSuite(ErpSuite):
    __test__ = False


@pytest.mark.parametrize("troubles", [None, ()], ids=["not written", "none"])
def test_a_suite_that_makes_no_call_fail_does_not_pass(
    troubles: Iterable[AbstractContextManager[None]] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if troubles is not None:
        monkeypatch.setattr(UntroubledSuite, "troubles", lambda *_: troubles)
    erp = ConsoleErp("mystore", {}, tmp_path, stream=StringIO())

    with pytest.raises((NotImplementedError, AssertionError), match="cannot_fail"):
        UntroubledSuite().test_an_erp_in_trouble_is_unavailable_and_goes_on_afterwards(
            erp, lambda: ORDER_IDS[0], tmp_path
        )


@contextmanager
def without_tables(url: str) -> Iterator[None]:
    """Let the ERP's tables be gone, as in the midst of an upgrade of its own."""
    engine = create_engine(url)
    names = ("erp_orders", "erp_commands")
    with engine.begin() as connection:
        for name in names:
            connection.execute(text(f"ALTER TABLE {name} RENAME TO {name}_gone"))
    yield
    with engine.begin() as connection:
        for name in names:
            connection.execute(text(f"ALTER TABLE {name}_gone RENAME TO {name}"))
    engine.dispose()


@contextmanager
def cut_off(server: PostgresServer, database: str) -> Iterator[None]:
    """Cut every connection to the ERP's database, and let none be made."""
    server.command(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
    server.cut(database)
    yield
    server.command(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Hold the ERP's tables, as a report or an upgrade of its own does, longer than is waited."""
    hold = {
        "sqlite": "BEGIN IMMEDIATE",
        "postgresql": "LOCK TABLE erp_orders, erp_commands IN ACCESS EXCLUSIVE MODE",
        "mysql": "LOCK TABLES erp_orders WRITE, erp_commands WRITE",
    }
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql(hold[engine.dialect.name])
        yield
    engine.dispose()


class TestStagingErp(ErpSuite):
    @pytest.fixture(autouse=True)
    def _url(self, erp_url: str, erp_database: str, request: pytest.FixtureRequest) -> None:
        self.url = erp_url
        is_postgresql = erp_database == "postgresql"
        self.server = request.getfixturevalue("postgres") if is_postgresql else None

    def troubles(self, home: Path) -> Iterator[AbstractContextManager[None]]:
        del home
        yield without_tables(self.url)
        yield locked(self.url)
        if self.server is not None:
            yield cut_off(self.server, make_url(self.url).database or "")

    def create(self, home: Path) -> Erp:
        return StagingErp("mystore", {"url": self.url}, home)

    def fulfils(self, home: Path, order_id: str) -> bool:
        del home
        return state_of(self.url, order_id) != "cancelled"

    def placed_count(self, home: Path, order_id: str) -> int:
        del home
        return staged(self.url, order_id)

    def placed_lines(self, home: Path, order_id: str) -> list[tuple[str, int]]:
        del home
        return staged_lines(self.url, order_id)

    def issue(self, home: Path, command: Command) -> bool:
        del home
        write(self.url, command.order_id, command.kind, command.body["reason"])
        return True

    def told(self, home: Path, order_id: str) -> str | None:
        del home
        engine = create_engine(self.url)
        look = select(ERP_COMMANDS.c.state).where(ERP_COMMANDS.c.order_id == order_id)
        with engine.connect() as connection:
            state = str(connection.execute(look).scalar_one())
        engine.dispose()
        return state


def write(url: str, order_id: str, kind: str, reason: str) -> None:
    """Write a command as the ERP does, into tables that are there."""
    with closing(StagingErp("mystore", {"url": url}, Path())) as erp:
        erp.pull(None)
    engine = create_engine(url)
    row = {"account": "mystore", "order_id": order_id, "kind": kind, "reason": reason}
    with engine.begin() as connection:
        connection.execute(insert(ERP_COMMANDS), row)
    engine.dispose()


@pytest.mark.parametrize("kind", list(Trouble))
def test_orders_as_vtex_writes_them_are_in_the_erp_to_the_cent(
    kind: Trouble, erp_url: str, tmp_path: Path
) -> None:
    box = Box(seed=3)
    vtex = client_in(box)
    with closing(StagingErp("mystore", {"url": erp_url}, tmp_path)) as erp:
        for order_id in box.create_orders(12, kind):
            try:
                order = read_order("mystore", vtex.get_order(order_id))
            except (NotFound, Unreadable):
                assert kind in {Trouble.VANISHED, Trouble.MALFORMED}
                continue

            erp.place_order(order)

            row, lines = staged_amounts(erp_url, order_id)
            assert row == (order.value_cents, order.totals.shipping_cents)
            assert lines == [(line.sku, line.quantity, line.total_cents) for line in order.lines]


_TEXTS = st.text(max_size=300).map(clean_text)
_AMOUNTS = st.integers(-(2**62), 2**62)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(texts=st.tuples(_TEXTS, _TEXTS, _TEXTS), amounts=st.tuples(_AMOUNTS, _AMOUNTS, _AMOUNTS))
def test_any_text_and_amount_is_kept_by_an_order_and_its_change(
    texts: tuple[str, str, str], amounts: tuple[int, int, int], erp_url: str, tmp_path: Path
) -> None:
    value, total, tax = amounts
    order = make_order(f"{uuid4().int % 10**13:013d}-01", lines=1)
    line = replace(order.lines[0], name=texts[0], total_cents=total, tax_cents=tax)
    customer = replace(order.customer, first_name=texts[1])
    later = replace(order, lines=(line,), value_cents=value, customer=customer, remark=texts[2])
    with closing(StagingErp("mystore", {"url": erp_url}, tmp_path)) as erp:
        erp.place_order(order)

        answer = erp.order_changed(later, compare(order, later, revision=2))

    columns = (ERP_ORDERS.c.customer_first_name, ERP_ORDERS.c.remark, ERP_ORDER_LINES.c.name)
    is_line = ERP_ORDER_LINES.c.order_id == ERP_ORDERS.c.order_id
    found = select(*columns).join(ERP_ORDER_LINES, is_line)
    engine = create_engine(erp_url)
    with engine.connect() as connection:
        kept = connection.execute(found.where(ERP_ORDERS.c.order_id == order.order_id)).one()
    engine.dispose()
    row, lines = staged_amounts(erp_url, order.order_id)
    assert answer is ChangeAnswer.TAKEN
    assert (row[0], lines) == (value, [(line.sku, line.quantity, total)])
    assert tuple(kept) == (texts[1], texts[2], texts[0])


def staged_amounts(url: str, order_id: str) -> tuple[tuple[int, int], list[tuple[str, int, int]]]:
    """Return an order's value and freight in the ERP, and its lines with their totals."""
    engine = create_engine(url)
    columns = ERP_ORDER_LINES.c
    of_order = select(ERP_ORDERS.c.value_cents, ERP_ORDERS.c.shipping_cents)
    of_lines = select(columns.sku, columns.quantity, columns.total_cents)
    with engine.connect() as connection:
        row = connection.execute(of_order.where(ERP_ORDERS.c.order_id == order_id)).one()
        lines = of_lines.where(columns.order_id == order_id).order_by(columns.line_index)
        found = [tuple(line) for line in connection.execute(lines)]
    engine.dispose()
    return (row.value_cents, row.shipping_cents), found


def test_processes_that_pull_at_once_get_the_same_commands(
    erp_url: str, colleagues: list[Colleague]
) -> None:
    for order_id in ORDER_IDS:
        write(erp_url, order_id, "cancel", "Out of stock")
    for colleague in colleagues:
        colleague.start(PULL_AND_ANSWER, erp_url)

    pulled = race(colleagues)
    left = race(colleagues)

    expected = [[order_id, f"erp-{row}"] for row, order_id in enumerate(ORDER_IDS, start=1)]
    assert pulled == [expected] * PROCESSES
    assert left == [[]] * PROCESSES


def test_processes_that_place_the_same_orders_at_once_make_each_once(
    erp_url: str, colleagues: list[Colleague]
) -> None:
    for seed, colleague in enumerate(colleagues):
        colleague.start(PLACE_ALL, erp_url, str(seed), json.dumps(ORDER_IDS))

    receipts = race(colleagues)

    assert all(of_one == receipts[0] for of_one in receipts)
    assert len(set(receipts[0].values())) == len(ORDER_IDS)
    assert [staged(erp_url, order_id) for order_id in ORDER_IDS] == [1] * len(ORDER_IDS)
    assert [len(staged_lines(erp_url, order_id)) for order_id in ORDER_IDS] == [2] * len(ORDER_IDS)


def test_orders_that_processes_place_and_cancel_at_once_end_cancelled(
    erp_url: str, colleagues: list[Colleague]
) -> None:
    programs = [PLACE_ALL, PLACE_ALL, CANCEL_ALL, CANCEL_ALL]
    for seed, (colleague, program) in enumerate(zip(colleagues, programs, strict=True)):
        colleague.start(program, erp_url, str(seed), json.dumps(ORDER_IDS))

    [placed, placed_again, *answers] = race(colleagues)

    assert placed == placed_again
    assert {answer for of_one in answers for answer in of_one} <= {"cancelled", "unknown"}
    assert [state_of(erp_url, order_id) for order_id in ORDER_IDS] == ["cancelled"] * len(ORDER_IDS)
    assert [len(staged_lines(erp_url, order_id)) for order_id in ORDER_IDS] == [2] * len(ORDER_IDS)


def race(colleagues: list[Colleague]) -> list[Any]:
    """Let all go on at once; return their answers."""
    for colleague in colleagues:
        colleague.go()
    return [colleague.answer() for colleague in colleagues]


def test_a_process_killed_within_an_order_leaves_nothing_of_it(
    erp_url: str, tmp_path: Path
) -> None:
    order = make_order(ORDER_IDS[0])
    killed = subprocess.run(
        [sys.executable, "-c", DIE_BETWEEN_ORDER_AND_LINES, erp_url, order.order_id],
        cwd=REPOSITORY,
        check=False,
    )
    left = (staged(erp_url, order.order_id), staged_lines(erp_url, order.order_id))

    erp = StagingErp("mystore", {"url": erp_url}, tmp_path)
    erp.place_order(order)
    erp.close()

    assert killed.returncode == -9
    assert left == (0, [])
    assert staged(erp_url, order.order_id) == 1
    assert staged_lines(erp_url, order.order_id) == [
        (line.sku, line.quantity) for line in order.lines
    ]
