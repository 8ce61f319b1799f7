"""The ERP reads in its own rows how far its commands are, and an end is never taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from unit.erp.erp_sql import ErpSql

from orders_sync.domain.commands import Command, Outcome
from orders_sync.erp.guarded import answer_all
from orders_sync.erp.staging import StagingErp
from orders_sync.erp.staging_commands import answering
from orders_sync.erp.staging_rows import utc
from orders_sync.erp.staging_tables import ERP_COMMANDS
from orders_sync.errors import ErpRefused, ErpUnavailable
from orders_sync.testing.clock import SettableClock

ORDER_ID = "1300000000001-01"
ACCEPTED = Outcome("accepted")
PARKED = Outcome("parked", "VTEX did not answer")
DONE = Outcome("done", receipt="R-1")
REFUSED = Outcome("refused", "OMS003: not in this status")

#: What the ERP's people may have added.
REFUSE_ROW_2 = {
    "sqlite": "CREATE TRIGGER closed BEFORE UPDATE ON erp_commands WHEN OLD.id = 2 "
    "BEGIN SELECT RAISE(ABORT, 'closed'); END",
    "postgresql": "ALTER TABLE erp_commands ADD CHECK (id <> 2 OR state = 'new')",
    "mariadb": "CREATE TRIGGER closed BEFORE UPDATE ON erp_commands FOR EACH ROW "
    "IF OLD.id = 2 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'closed'; END IF",
}


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Collect the statements about commands that any adapter sends."""
    sent: list[str] = []

    def collect(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "erp_commands" in statement and not statement.startswith("INSERT"):
            sent.append(statement)

    event.listen(Engine, "before_cursor_execute", collect)
    yield sent
    event.remove(Engine, "before_cursor_execute", collect)


def issue(sql: ErpSql, key: str | None = None, account: str = "mystore") -> None:
    sql.execute(
        "INSERT INTO erp_commands (account, order_id, kind, command_key) "
        "VALUES (:account, :order_id, 'sync', :key)",
        account=account,
        order_id=ORDER_ID,
        key=key,
    )


def read(sql: ErpSql) -> list[tuple[str, str | None, str | None]]:
    rows = sql.execute("SELECT state, answer, receipt FROM erp_commands ORDER BY id")
    return [(row.state, row.answer, row.receipt) for row in rows]


def answer(erp: StagingErp, key: str, *outcomes: Outcome) -> None:
    for outcome in outcomes:
        erp.answer(Command("sync", ORDER_ID, {}, key), outcome)


@pytest.mark.parametrize(
    ("outcomes", "last"),
    [
        pytest.param([ACCEPTED], ACCEPTED, id="accepted"),
        pytest.param([REFUSED], REFUSED, id="refused at once"),
        pytest.param([ACCEPTED, DONE], DONE, id="done"),
        pytest.param([ACCEPTED, PARKED], PARKED, id="parked"),
        pytest.param(
            [PARKED, Outcome("parked", "No stock")], Outcome("parked", "No stock"), id="again"
        ),
        pytest.param([PARKED, ACCEPTED], ACCEPTED, id="a person retries it"),
        pytest.param([PARKED, DONE], DONE, id="parked, then done"),
        pytest.param([PARKED, REFUSED], REFUSED, id="parked, then refused"),
        pytest.param([DONE, ACCEPTED, PARKED, REFUSED, Outcome("done")], DONE, id="done stays"),
        pytest.param([REFUSED, ACCEPTED, DONE], DONE, id="refused, mended and done"),
        pytest.param([REFUSED, ACCEPTED, PARKED], PARKED, id="refused, mended and parked"),
    ],
)
def test_an_answer_is_written_unless_it_goes_back(
    outcomes: list[Outcome], last: Outcome, staging: StagingErp, sql: ErpSql
) -> None:
    issue(sql)

    answer(staging, "erp-1", *outcomes)

    assert read(sql) == [(last.kind, last.reason, last.receipt)]
    assert staging.pull(None).rows == []


@pytest.mark.parametrize("outcome", [ACCEPTED, PARKED, DONE, REFUSED], ids=lambda it: it.kind)
def test_the_same_answer_again_changes_nothing(
    outcome: Outcome, staging: StagingErp, sql: ErpSql, tables: Engine, clock: SettableClock
) -> None:
    answered_at = clock()
    issue(sql)
    answer(staging, "erp-1", outcome)
    clock.advance(60)

    answer(staging, "erp-1", outcome)

    with tables.connect() as connection:
        kept = connection.execute(select(ERP_COMMANDS.c.answered_at)).scalar_one()
    assert utc(kept) == answered_at


@pytest.mark.parametrize(
    ("key", "answered"),
    [
        pytest.param("erp-1", [0], id="made from the id"),
        pytest.param("K", [1], id="the ERP's own"),
        pytest.param("erp-2", [], id="the id of a row that has a key"),
        pytest.param("erp-3", [], id="the id of another account's row"),
        pytest.param("erp-99999999999999999999", [], id="an id beyond 64 bits"),
        pytest.param("K' OR '1'='1", [], id="SQL"),
        pytest.param("%", [], id="a pattern"),
    ],
)
def test_an_answer_reaches_the_command_of_its_key_only(
    key: str, answered: list[int], staging: StagingErp, sql: ErpSql
) -> None:
    issue(sql)
    issue(sql, "K")
    issue(sql, account="other")
    issue(sql, "K", account="other")

    answer(staging, key, DONE)

    states = [state for state, _, _ in read(sql)]
    assert [row for row, state in enumerate(states) if state == "done"] == answered


def test_no_character_keeps_an_answer_from_being_written(staging: StagingErp, sql: ErpSql) -> None:
    issue(sql)

    answer(staging, "erp-1", Outcome("refused", "half \ud800 and\0none"))

    assert read(sql) == [("refused", "half ? and?none", None)]


def test_a_row_that_its_people_reset_is_offered_again_under_its_key(
    staging: StagingErp, sql: ErpSql
) -> None:
    issue(sql)
    answer(staging, "erp-1", REFUSED)

    sql.execute("UPDATE erp_commands SET state = 'new'")

    assert [command.key for command in staging.pull(None).rows] == ["erp-1"]


@pytest.mark.parametrize(
    ("with_own_key", "most"),
    [
        pytest.param(0, 1, id="keys made from ids"),
        pytest.param(100, 1, id="the ERP's own keys"),
        pytest.param(50, 2, id="both"),
    ],
)
def test_a_page_of_answers_is_a_statement_for_each_kind_of_key(
    with_own_key: int, most: int, staging: StagingErp, sql: ErpSql, statements: list[str]
) -> None:
    for number in range(100):
        issue(sql, f"K-{number}" if number < with_own_key else None)
    commands = staging.pull(None).rows
    outcomes = [Outcome("done", receipt=f"R-{number}") for number in range(len(commands))]
    statements.clear()

    told = list(answer_all(staging, list(zip(commands, outcomes, strict=True))))

    assert [(len(lot), not_taken) for lot, not_taken in told] == [(100, {})]
    assert [statement.split()[0] for statement in statements] == ["UPDATE"] * most
    assert read(sql) == [("done", None, outcome.receipt) for outcome in outcomes]


@pytest.mark.parametrize("erp_database", ["postgresql"], indirect=True)
def test_a_row_is_found_by_its_id_where_the_table_has_no_statistics_yet(
    sql: ErpSql, tables: Engine, clock: SettableClock
) -> None:
    sql.execute("ALTER TABLE erp_commands SET (autovacuum_enabled = false)")
    for _ in range(100):
        issue(sql)
    answers = [(Command("sync", ORDER_ID, {}, "erp-7"), DONE)]
    [(statement, [values])] = answering("mystore", answers, clock()).items()

    with tables.connect() as connection:
        text = statement.compile(connection)
        plan = connection.exec_driver_sql(f"EXPLAIN {text}", text.construct_params(values))

        assert "Index Scan using erp_commands_pkey" in "".join(plan.scalars())


def test_a_page_of_commands_is_one_statement(
    staging: StagingErp, sql: ErpSql, statements: list[str]
) -> None:
    for _ in range(101):
        issue(sql)

    page = staging.pull(None)

    assert len(page.rows) == 100
    assert [statement.split()[0] for statement in statements] == ["SELECT"]


def test_an_answer_that_the_database_refuses_stops_no_other(
    staging: StagingErp, sql: ErpSql, erp_database: str
) -> None:
    for _ in range(3):
        issue(sql)
    sql.execute(REFUSE_ROW_2[erp_database])
    answers = [(command, DONE) for command in staging.pull(None).rows]

    [(_, not_taken)] = answer_all(staging, answers)

    assert not_taken == {"erp-2": ErpRefused}
    assert [state for state, _, _ in read(sql)] == ["done", "new", "done"]


def test_answers_wait_for_a_database_that_is_away(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'none' / 'erp.sqlite3'}"

    with (
        closing(StagingErp("mystore", {"url": url}, tmp_path)) as erp,
        pytest.raises(ErpUnavailable),
    ):
        erp.answer_all([(Command("sync", ORDER_ID, {}, "K"), DONE)])
