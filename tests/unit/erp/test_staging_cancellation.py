"""The ERP decides about a wish to cancel in SQL, and what is agreed to is not fulfilled."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError
from unit.erp.erp_sql import ErpSql, MakeStaging

from orders_sync.erp.base import CancelAnswer, Decision
from orders_sync.erp.staging import StagingErp
from orders_sync.erp.staging_rows import utc
from orders_sync.erp.staging_tables import ERP_ORDERS
from orders_sync.testing.clock import SettableClock
from orders_sync.testing.factories import make_order

ORDER = make_order()
TAKE = "UPDATE erp_orders SET taken_at = CURRENT_TIMESTAMP WHERE state = 'new' AND taken_at IS NULL"
AGREE = "UPDATE erp_orders SET cancellation_decision = 'agree'"
DENY = "UPDATE erp_orders SET cancellation_decision = 'deny', cancellation_reason = 'Já embalado'"
DENY_SILENTLY = "UPDATE erp_orders SET cancellation_decision = 'deny'"


@pytest.fixture
def asking(make_staging: MakeStaging) -> StagingErp:
    """Give an adapter that leaves every decision to the ERP."""
    return make_staging(cancellation="ask")


@pytest.mark.parametrize(
    ("statements", "decision"),
    [
        pytest.param([], Decision.agree(), id="not taken"),
        pytest.param([TAKE], Decision.undecided(), id="taken"),
        pytest.param([TAKE, AGREE], Decision.agree(), id="taken, the ERP agrees"),
        pytest.param([TAKE, DENY], Decision.deny("Já embalado"), id="taken, the ERP denies"),
        pytest.param([DENY], Decision.deny("Já embalado"), id="denied beforehand"),
        pytest.param(
            [DENY_SILENTLY],
            Decision.deny("The store cannot cancel this order any more."),
            id="denied without a reason",
        ),
    ],
)
def test_an_order_nobody_took_is_agreed_to_and_the_erp_decides_about_others(
    statements: list[str], decision: Decision, staging: StagingErp, sql: ErpSql
) -> None:
    staging.place_order(ORDER)
    for statement in statements:
        sql.execute(statement)

    decisions = [staging.consider_cancellation(ORDER) for _ in range(2)]

    assert decisions == [decision, decision]


@pytest.mark.parametrize(
    ("statements", "decision"),
    [
        pytest.param([], Decision.undecided(), id="no answer yet"),
        pytest.param([AGREE], Decision.agree(), id="the ERP agrees"),
        pytest.param([DENY], Decision.deny("Já embalado"), id="the ERP denies"),
    ],
)
def test_the_erp_decides_about_all_orders_where_it_is_to_be_asked(
    statements: list[str], decision: Decision, asking: StagingErp, sql: ErpSql
) -> None:
    asking.place_order(ORDER)
    asking.consider_cancellation(ORDER)
    for statement in statements:
        sql.execute(statement)

    decisions = [asking.consider_cancellation(ORDER) for _ in range(2)]

    assert decisions == [decision, decision]


def test_the_question_stands_in_the_orders_row_since_it_was_first_put(
    staging: StagingErp, sql: ErpSql, tables: Engine, clock: SettableClock
) -> None:
    asked_at = clock()
    staging.place_order(ORDER)
    sql.execute(TAKE)

    staging.consider_cancellation(ORDER)
    clock.advance(60)
    staging.consider_cancellation(ORDER)

    with tables.connect() as connection:
        row = connection.execute(select(ERP_ORDERS)).one()
    assert utc(row.cancellation_requested_at) == asked_at
    assert (row.cancellation_decision, row.state) == (None, "new")


def test_an_order_that_is_agreed_to_can_not_be_taken_any_more(
    staging: StagingErp, sql: ErpSql
) -> None:
    staging.place_order(ORDER)
    staging.consider_cancellation(ORDER)

    taken = sql.execute(TAKE).rowcount

    look = "SELECT state, cancellation_decision, taken_at FROM erp_orders"
    assert taken == 0
    assert sql.execute(look).fetchone() == ("cancelling", "agree", None)
    assert staging.cancel_order(ORDER.order_id, "Customer's wish") is CancelAnswer.CANCELLED


def test_an_order_that_was_taken_is_cancelled_once_the_erp_agrees(
    staging: StagingErp, sql: ErpSql
) -> None:
    staging.place_order(ORDER)
    sql.execute(TAKE)
    before = staging.cancel_order(ORDER.order_id, "Customer's wish")

    sql.execute(AGREE)

    assert before is CancelAnswer.TOO_LATE
    assert staging.cancel_order(ORDER.order_id, "Customer's wish") is CancelAnswer.CANCELLED
    assert staging.consider_cancellation(ORDER) == Decision.agree()


def test_an_order_the_erp_never_had_is_left_to_a_person(staging: StagingErp) -> None:
    decision = staging.consider_cancellation(ORDER)

    assert decision == Decision.undecided()


def test_another_word_for_a_decision_is_refused_by_the_database(
    staging: StagingErp, sql: ErpSql
) -> None:
    staging.place_order(ORDER)

    with pytest.raises(DBAPIError):
        sql.execute("UPDATE erp_orders SET cancellation_decision = 'yes'")
