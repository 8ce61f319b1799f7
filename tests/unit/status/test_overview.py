"""What is made of the readings of ledger, broker and traffic."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orders_sync.broker.liveness import LivingWorker
from orders_sync.doctor.findings import Finding, State, exit_status
from orders_sync.doctor.readings import LedgerReading
from orders_sync.doctor.work import LATE_ORDERS, SILENT
from orders_sync.ledger.accounts import LastRun
from orders_sync.ledger.gauges import LedgerState, Waiting
from orders_sync.metrics.shared import BrokerState
from orders_sync.status.overview import Readings, WorkCounts, compose
from orders_sync.status.reading import judge
from orders_sync.traffic.breaker import BreakerState, Circuit
from orders_sync.traffic.limiter import Used
from orders_sync.traffic.pause import PauseState
from orders_sync.traffic.traffic import Usage

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
USED = Used(calls=812, per_minute=4500, budget=4500, held_seconds=0.0)
QUIET = Readings(
    ledger=LedgerReading(
        LedgerState(NOW), polls={"shop": LastRun(NOW - SECOND, None, NOW - SECOND)}
    ),
    traffic={"shop": Usage("shop", USED, (), None)},
)

SICK_OF_ERP = BreakerState("erp", Circuit.CLOSED, 20, 1, None, sick={"host/1": NOW.timestamp()})


def with_state(state: LedgerState) -> Readings:
    assert QUIET.ledger is not None
    return replace(QUIET, ledger=replace(QUIET.ledger, state=state))


def with_poll(turn: LastRun | None) -> Readings:
    assert QUIET.ledger is not None
    return replace(QUIET, ledger=replace(QUIET.ledger, polls={"shop": turn} if turn else {}))


def with_usage(usage: Usage) -> Readings:
    return replace(QUIET, traffic={"shop": usage})


def needs(readings: Readings) -> list[Finding]:
    return list(
        judge(
            compose(["shop"], readings, now=NOW),
            readings,
            poll_seconds=1.0,
            lease_seconds=120,
            silence_seconds=90,
        )
    )


def test_threads_that_do_not_come_back_need_a_person() -> None:
    well, ill = LivingWorker("one@a", 1, (119,)), LivingWorker("two@a", 1, (700, 121, 3))

    (finding,) = needs(replace(QUIET, workers=[well, ill]))

    assert finding.says.endswith("two@a 2, the oldest for 700 s")
    assert "SIGTERM" in (finding.do or "")


@pytest.mark.parametrize(
    ("state", "silent", "heard"),
    [
        (LedgerState(NOW, feed_silent={("shop",): NOW - SILENT - SECOND}), "feed", "hook"),
        (LedgerState(NOW, hook_silent={("shop",): NOW - SILENT - SECOND}), "hook", "feed"),
    ],
)
def test_a_feed_or_a_hook_that_is_silent_beside_the_other_needs_a_person(
    state: LedgerState, silent: str, heard: str
) -> None:
    (finding,) = needs(with_state(state))

    assert finding.says.startswith(f"the {heard} was heard, the {silent} was not, since 2026-11-27")
    assert finding.do == f"orders-sync {silent} show --account shop"


def test_a_feed_that_is_a_little_behind_its_hook_needs_nobody() -> None:
    state = LedgerState(NOW, feed_silent={("shop",): NOW - SILENT})

    assert needs(with_state(state)) == []


def test_work_is_summed_up_by_cause_the_largest_first() -> None:
    state = LedgerState(
        NOW,
        orders={("shop", "active"): 2, ("shop", "waiting"): 4, ("shop", "parked"): 3},
        orders_parked={
            ("shop", "orders.fetch", "vtex.refused"): 1,
            ("shop", "erp.deliver", "erp.item_unmapped"): 1,
            ("shop", "erp.withdraw", "erp.item_unmapped"): 1,
        },
        commands={("shop", "invoice", "active"): 1, ("shop", "cancel", "waiting"): 1},
        oldest_order={("shop",): NOW - timedelta(minutes=2)},
    )
    waiting = Waiting(
        orders={("shop", "erp.hand_over", "erp.unavailable"): 4},
        commands={("shop", "invoice.send", "x"): 1},
    )
    readings = replace(QUIET, ledger=LedgerReading(state, waiting))

    (account,) = compose(["shop"], readings, now=NOW).accounts

    assert account.orders == WorkCounts(
        6, {"erp.unavailable": 4}, {"erp.item_unmapped": 2, "vtex.refused": 1}
    )
    assert account.commands == WorkCounts(2, {"x": 1}, {})
    assert account.lag_seconds == 120


def test_accounts_that_are_not_configured_are_one_without_a_name() -> None:
    state = LedgerState(
        NOW,
        orders={("shop", "active"): 1},
        commands={("maria@example.com", "invoice", "parked"): 2},
        commands_parked={("maria@example.com", "invoice", "account.unknown"): 2},
    )
    readings = with_state(state)

    overview = compose(["shop"], readings, now=NOW)

    assert [each.account for each in overview.accounts] == ["shop", "other"]
    assert overview.accounts[1].commands == WorkCounts(0, {}, {"account.unknown": 2})
    assert [each.subject for each in needs(readings)] == ["other"]
    assert "maria" not in str(overview)


def test_what_is_away_is_not_known() -> None:
    (account,) = compose(["shop"], Readings(), now=NOW).accounts

    assert (account.lag_seconds, account.orders, account.commands) == (None, None, None)
    assert (account.polled_at, account.budget, account.open_breakers) == (None, None, None)


@pytest.mark.parametrize(
    ("turn", "rests_until"),
    [
        pytest.param(LastRun(NOW - SECOND, NOW + SECOND), NOW + SECOND, id="it failed"),
        pytest.param(LastRun(NOW - SECOND, NOW - SECOND), None, id="it succeeded"),
        pytest.param(LastRun(NOW - SECOND, None), None, id="it runs"),
    ],
)
def test_a_poll_that_failed_is_told_from_one_that_did_not(
    turn: LastRun, rests_until: datetime | None
) -> None:
    (account,) = compose(["shop"], with_poll(turn), now=NOW).accounts

    assert (account.polled_at, account.poll_rests_until) == (NOW - SECOND, rests_until)
    assert account.last_successful_poll_at is None


def test_the_last_poll_that_succeeded_is_told_beside_one_that_failed() -> None:
    turn = LastRun(NOW - SECOND, NOW + SECOND, NOW - timedelta(hours=2))

    (account,) = compose(["shop"], with_poll(turn), now=NOW).accounts

    assert (account.polled_at, account.last_successful_poll_at) == (NOW - SECOND, turn.succeeded_at)


OPEN_BREAKER = BreakerState("erp", Circuit.OPEN, 10, 9, NOW.timestamp())


@pytest.mark.parametrize(
    "readings",
    [
        pytest.param(QUIET, id="nothing to do"),
        pytest.param(
            with_state(
                LedgerState(
                    NOW,
                    orders={("shop", "waiting"): 9},
                    oldest_order={("shop",): NOW - LATE_ORDERS},
                    oldest_command={("shop", "note"): NOW - timedelta(hours=9)},
                )
            ),
            id="a lag that is not long",
        ),
        pytest.param(with_usage(Usage("shop", USED, (OPEN_BREAKER,), None)), id="an open breaker"),
        pytest.param(
            with_usage(Usage("shop", replace(USED, held_seconds=30), (), None)), id="a held budget"
        ),
        pytest.param(
            with_poll(LastRun(NOW - 300 * SECOND, NOW + SECOND, NOW - 360 * SECOND)),
            id="a long rest of the feed",
        ),
        pytest.param(
            with_poll(LastRun(NOW - SECOND, NOW - SECOND, NOW - 900 * SECOND)),
            id="a feed that was not read for a while",
        ),
    ],
)
def test_what_ends_by_itself_needs_nobody(readings: Readings) -> None:
    assert needs(readings) == []


@pytest.mark.parametrize(
    ("readings", "subject", "check", "words"),
    [
        pytest.param(
            with_state(
                LedgerState(
                    NOW,
                    orders={("shop", "parked"): 2},
                    orders_parked={("shop", "orders.fetch", "vtex.refused"): 2},
                )
            ),
            "shop",
            "parked orders",
            "2: vtex.refused",
            id="parked orders",
        ),
        pytest.param(
            with_state(
                LedgerState(
                    NOW,
                    commands={("shop", "invoice", "parked"): 1},
                    commands_parked={("shop", "invoice", "invoice.over_invoiced"): 1},
                )
            ),
            "shop",
            "parked commands",
            "1: invoice.over_invoiced",
            id="parked commands",
        ),
        pytest.param(
            with_state(LedgerState(NOW, strays=3)), "strays", "parked", "3 messages", id="strays"
        ),
        pytest.param(
            with_usage(Usage("shop", USED, (), PauseState(NOW.timestamp(), "feed"))),
            "shop",
            "calls",
            "paused since 2026-11-27 12:00 UTC",
            id="a paused account",
        ),
        pytest.param(
            with_usage(Usage("shop", USED, (SICK_OF_ERP,), None)),
            "shop",
            "calls",
            "calls fail in host/1, and succeed in other processes",
            id="a sick process",
        ),
        pytest.param(
            with_usage(
                Usage("shop", USED, (), None, (PauseState(NOW.timestamp(), "cancel_order"),))
            ),
            "shop",
            "calls",
            "does not allow its key, and their work waits: cancel_order",
            id="a missing permission",
        ),
        pytest.param(
            with_poll(LastRun(NOW - timedelta(minutes=5), NOW - timedelta(minutes=4))),
            "beat",
            "alive",
            "polled 300 s ago",
            id="a feed that nobody polls",
        ),
        pytest.param(
            with_poll(LastRun(NOW - SECOND, NOW - SECOND, NOW - 901 * SECOND)),
            "shop",
            "feed",
            "no poll has read it since 2026-11-27 11:44 UTC",
            id="a feed that polls do not read",
        ),
        pytest.param(
            with_poll(LastRun(NOW - SECOND, NOW - SECOND)),
            "shop",
            "feed",
            "no poll has read it yet",
            id="a feed that no poll ever read",
        ),
        pytest.param(with_poll(None), "beat", "alive", "was never polled", id="no poll ever"),
        pytest.param(
            replace(QUIET, troubles=[Finding("broker", "reachable", State.FAILED, "it is away")]),
            "broker",
            "reachable",
            "it is away",
            id="a part that is away",
        ),
    ],
)
def test_what_does_not_end_by_itself_needs_a_person(
    readings: Readings, subject: str, check: str, words: str
) -> None:
    (finding,) = needs(readings)

    assert (finding.subject, finding.check) == (subject, check)
    assert words in finding.says
    assert exit_status([finding]) == 1


def waiting_for(step: str, cause: str, since: datetime) -> LedgerReading:
    state = LedgerState(
        NOW,
        orders={("shop", "active"): 500, ("shop", "waiting"): 4},
        oldest_order={("shop",): NOW - timedelta(hours=4)},
    )
    key = ("shop", step, cause)
    polls = QUIET.ledger.polls if QUIET.ledger else {}
    return LedgerReading(state, Waiting(orders={key: 4}, failing={key: since}), polls)


@pytest.mark.parametrize("cause", ["erp.unavailable", "traffic.breaker"])
def test_an_erp_that_is_down_for_hours_is_the_one_thing_that_needs_a_person(cause: str) -> None:
    ledger = waiting_for("erp.hand_over", cause, NOW - timedelta(hours=3))
    readings = replace(
        QUIET, ledger=ledger, traffic={"shop": Usage("shop", USED, (OPEN_BREAKER,), None)}
    )

    (finding,) = needs(readings)

    assert (finding.subject, finding.check, finding.state) == ("shop", "ERP", State.FAILED)
    assert "since 2026-11-27 09:00 UTC, for 3 h (erp.unavailable); in flight: 504 orders" in (
        finding.says
    )


def test_vtex_that_is_down_is_told_from_the_erp() -> None:
    ledger = waiting_for("orders.fetch", "traffic.breaker", NOW - timedelta(hours=3))

    (finding,) = needs(replace(QUIET, ledger=ledger))

    assert finding.check == "VTEX"


def test_an_erp_that_is_asked_in_vain_is_told_where_no_order_waits_for_it() -> None:
    assert QUIET.ledger is not None
    pull = LastRun(NOW - SECOND, NOW + SECOND, NOW - timedelta(hours=1), failure="BreakerOpen")

    (finding,) = needs(replace(QUIET, ledger=replace(QUIET.ledger, pulls={"shop": pull})))

    assert (finding.check, finding.state) == ("ERP", State.FAILED)


def test_a_wait_at_a_breaker_is_shown_by_what_opened_it() -> None:
    waiting = Waiting(
        orders={
            ("shop", "erp.hand_over", "traffic.breaker"): 3,
            ("shop", "erp.cancel", "erp.unavailable"): 1,
            ("shop", "orders.fetch", "traffic.breaker"): 2,
            ("shop", "orders.fetch", "traffic.budget"): 1,
        }
    )
    readings = replace(QUIET, ledger=LedgerReading(LedgerState(NOW), waiting))

    (account,) = compose(["shop"], readings, now=NOW).accounts

    assert account.orders is not None
    assert account.orders.waiting == {
        "erp.unavailable": 4,
        "vtex.unavailable": 2,
        "traffic.budget": 1,
    }


@pytest.mark.parametrize(
    ("state", "check"),
    [
        pytest.param(
            LedgerState(NOW, oldest_order={("shop",): NOW - timedelta(minutes=16)}),
            "orders",
            id="orders",
        ),
        pytest.param(
            LedgerState(NOW, oldest_command={("shop", "cancel"): NOW - timedelta(minutes=61)}),
            "commands",
            id="a cancellation",
        ),
    ],
)
def test_what_is_late_without_a_cause_needs_a_person(state: LedgerState, check: str) -> None:
    (finding,) = needs(with_state(state))

    assert (finding.check, finding.state) == (check, State.WARNING)


def test_late_work_of_accounts_that_are_not_configured_is_told_by_their_names() -> None:
    hour = NOW - timedelta(hours=1)
    state = LedgerState(
        NOW,
        orders={("shpo", "waiting"): 1, ("maria@example.com", "active"): 1},
        commands={("shpo", "invoice", "active"): 2},
        oldest_command={("shpo", "invoice"): hour},
    )

    (finding,) = needs(with_state(state))

    assert finding.says == (
        "2 orders and 2 commands in flight are of accounts that are not configured here: shpo"
    )
    assert "maria" not in str(finding)


def test_beat_is_not_accused_where_workers_do_not_take_what_it_sends() -> None:
    late = with_poll(LastRun(NOW - timedelta(minutes=5)))
    waiting = BrokerState({"feed": 12, "orders": 0}, 0, 0)
    held = LivingWorker("one@a", 1, (61.0,))

    (untaken,) = needs(replace(late, broker=waiting))
    (held_up,) = needs(replace(late, workers=[held]))
    deaf, *_ = needs(replace(late, workers=[LivingWorker("one@a", 500)]))

    assert (untaken.subject, untaken.check) == ("workers", "taking")
    assert "no worker takes what lies on feed (12 messages)" in untaken.says
    assert "calls hold up one@a" in held_up.says
    assert (deaf.subject, deaf.check) == ("workers", "consuming")
