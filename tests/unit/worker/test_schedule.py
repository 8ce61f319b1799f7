from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_sync.ledger.accounts import Chore, Turn
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings
from orders_sync.worker.schedule import (
    QUICK,
    SLOW,
    Rhythm,
    beat_schedule,
    first_due,
    lots,
    pause,
    rhythm_of,
)

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DRAWS = st.floats(0, 1)
QUIET = st.none() | st.timedeltas(timedelta(0), timedelta(days=365))


def settings_of(accounts: int, home: Path) -> Settings:
    account = AccountSettings(app_key="key", app_token="token")
    return Settings(accounts={f"store{number}": account for number in range(accounts)}, home=home)


def test_beat_has_as_many_entries_for_many_accounts_as_for_one(tmp_path: Path) -> None:
    one, many = beat_schedule(settings_of(1, tmp_path)), beat_schedule(settings_of(500, tmp_path))

    assert one == many
    assert set(one) == {"feed.tick", "upkeep.tick"}


def test_each_chore_is_looked_after_by_one_tick() -> None:
    assert sorted([*QUICK, *SLOW]) == sorted(Chore)


@pytest.mark.parametrize(
    ("quiet", "seconds"),
    [
        pytest.param(timedelta(0), 1, id="there was work just now"),
        pytest.param(30 * SECOND, 1, id="half a minute ago"),
        pytest.param(120 * SECOND, 4, id="two minutes ago"),
        pytest.param(450 * SECOND, 14, id="long ago"),
        pytest.param(None, 14, id="never"),
    ],
)
def test_an_account_is_polled_the_more_rarely_the_longer_nothing_happened(
    quiet: timedelta | None, seconds: float, tmp_path: Path
) -> None:
    rhythm = rhythm_of(Chore.POLL, settings_of(1, tmp_path))

    assert pause(rhythm, quiet, draw=0) == seconds * SECOND


@given(shortest=st.floats(0.1, 100), more=st.floats(0, 300), quiet=QUIET, draw=DRAWS)
def test_a_pause_stays_in_its_bounds(
    shortest: float, more: float, quiet: timedelta | None, draw: float
) -> None:
    rhythm = Rhythm(shortest, shortest + more)

    found = pause(rhythm, quiet, draw=draw)

    assert timedelta(seconds=rhythm.shortest) <= found <= timedelta(seconds=rhythm.longest)


@given(quiet=st.timedeltas(timedelta(0), timedelta(days=1)), more=st.timedeltas(timedelta(0)))
def test_a_longer_quiet_makes_no_shorter_pause(quiet: timedelta, more: timedelta) -> None:
    rhythm = Rhythm(1, 15)

    longer = min(quiet + min(more, timedelta(days=1)), timedelta(days=2))

    assert pause(rhythm, quiet, draw=0.5) <= pause(rhythm, longer, draw=0.5)


@given(quiet=st.timedeltas(timedelta(seconds=30), timedelta(days=1)), draw=DRAWS)
def test_work_waits_for_a_thirtieth_of_the_quiet_before_it(quiet: timedelta, draw: float) -> None:
    assert pause(Rhythm(1, 300), quiet, draw=draw) <= quiet / 30 + timedelta(microseconds=1)


def test_slow_chores_of_many_accounts_are_spread_over_their_interval(tmp_path: Path) -> None:
    settings = settings_of(500, tmp_path)

    due = first_due(settings, settings.accounts, now=NOW)

    for chore, seconds in ((Chore.WATCH_FEED, 300), (Chore.RECONCILE, 600)):
        waits = [(at - NOW).total_seconds() for key, at in due.items() if key[1] is chore and at]
        in_each_tenth = [
            sum(int(wait * 10 / seconds) == tenth for wait in waits) for tenth in range(10)
        ]
        assert sum(in_each_tenth) == 500
        assert min(in_each_tenth) > 25
    assert first_due(settings, settings.accounts, now=NOW) == due


def turn(
    account: int,
    chore: Chore = Chore.POLL,
    *,
    worked: timedelta | None = None,
    seconds: float | None = 0.1,
    failure: str | None = None,
) -> Turn:
    worked_at = None if worked is None else NOW - worked
    return Turn(f"store{account}", chore, 1, NOW, NOW, worked_at, seconds, failure)


def test_accounts_at_rest_share_messages() -> None:
    polls = [turn(number) for number in range(25)]
    pulls = [turn(number, Chore.PULL) for number in range(3)]

    sizes = [(lot[0].chore, len(lot)) for lot in lots([*polls, *pulls])]

    assert sizes == [(Chore.POLL, 10), (Chore.POLL, 10), (Chore.POLL, 5), (Chore.PULL, 3)]


@pytest.mark.parametrize(
    "lively",
    [
        pytest.param(turn(1, worked=30 * SECOND), id="it had work lately"),
        pytest.param(turn(1, failure="Unavailable"), id="its last run failed"),
        pytest.param(turn(1, seconds=2.0), id="its last run was slow"),
        pytest.param(turn(1, seconds=None), id="it never ran"),
    ],
)
def test_an_account_that_may_hold_up_others_has_a_message_of_its_own(lively: Turn) -> None:
    resting = [turn(2), turn(3, worked=3600 * SECOND)]

    assert [list(lot) for lot in lots([lively, *resting])] == [[lively], resting]
