from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_sync.domain.rules import (
    BEFORE_HANDLING,
    CANCELLED,
    CANCELLING,
    IN_HANDLING,
    Action,
    Group,
    Progress,
    group_of,
    judge_event,
    judge_order,
)

SEEN, OFFERED = Progress.SEEN, Progress.OFFERED
PLACED, HANDLING = Progress.PLACED, Progress.HANDLING


@pytest.mark.parametrize(
    ("status", "progress", "action"),
    [
        pytest.param("ready-for-handling", SEEN, Action.HAND_OVER, id="ready and new"),
        pytest.param(
            "ready-for-handling", Progress.FETCHED, Action.HAND_OVER, id="ready and read before"
        ),
        pytest.param(
            "ready-for-handling", OFFERED, Action.HAND_OVER, id="the ERP's answer was lost"
        ),
        pytest.param(
            "ready-for-handling", PLACED, Action.START_HANDLING, id="the ERP has it, VTEX waits"
        ),
        pytest.param(
            "ready-for-handling", HANDLING, Action.START_HANDLING, id="start handling had no effect"
        ),
        pytest.param("handling", SEEN, Action.HAND_OVER, id="a person started it in the Admin"),
        pytest.param("start-handling", SEEN, Action.HAND_OVER, id="a person starts it right now"),
        pytest.param("handling", PLACED, Action.FINISH, id="our own start handling, answer lost"),
        pytest.param("handling", HANDLING, Action.FINISH, id="nothing left"),
        pytest.param("invoiced", SEEN, Action.IGNORE, id="finished without us"),
        pytest.param("invoiced", PLACED, Action.FINISH, id="invoiced meanwhile"),
        pytest.param("canceled", SEEN, Action.VOID, id="cancelled between event and fetch"),
        pytest.param("replaced", SEEN, Action.VOID, id="replaced between event and fetch"),
        pytest.param(
            "canceled", OFFERED, Action.CANCEL_IN_ERP, id="cancelled, the ERP may have it"
        ),
        pytest.param("canceled", PLACED, Action.CANCEL_IN_ERP, id="cancelled, the ERP has it"),
        pytest.param("replaced", HANDLING, Action.CANCEL_IN_ERP, id="replaced, being fulfilled"),
        pytest.param("cancel", SEEN, Action.LOOK_AGAIN, id="cancelling, not decided"),
        pytest.param("cancellation-requested", SEEN, Action.ASK, id="the customer wants out"),
        pytest.param("payment-pending", SEEN, Action.LOOK_AGAIN, id="not paid"),
        pytest.param(None, SEEN, Action.LOOK_AGAIN, id="null status"),
        pytest.param("tomorrows-status", SEEN, Action.LOOK_AGAIN, id="unknown status"),
    ],
)
def test_an_order_that_was_read_is_judged_by_status_and_progress(
    status: str | None, progress: Progress, action: Action
) -> None:
    assert judge_order(status, progress) is action


@given(
    status=st.one_of(
        st.none(),
        st.text(),
        st.sampled_from(sorted(BEFORE_HANDLING | IN_HANDLING | CANCELLING | CANCELLED)),
    ),
    progress=st.sampled_from(Progress),
)
def test_an_incomplete_order_is_never_acted_on(status: str | None, progress: Progress) -> None:
    assert judge_order(status, progress, is_completed=False) is Action.LOOK_AGAIN


@pytest.mark.parametrize("progress", list(Progress))
@pytest.mark.parametrize("group", [Group.CANCELLED, Group.CANCELLING, Group.REQUESTED])
def test_what_is_or_may_be_cancelled_is_never_handed_over(group: Group, progress: Progress) -> None:
    statuses = {
        Group.CANCELLED: CANCELLED,
        Group.CANCELLING: CANCELLING,
        Group.REQUESTED: {"cancellation-requested"},
    }[group]

    actions = {judge_order(status, progress) for status in statuses}

    assert actions.isdisjoint({Action.HAND_OVER, Action.START_HANDLING})


def test_no_status_is_in_two_groups() -> None:
    groups = [BEFORE_HANDLING, IN_HANDLING, CANCELLING, CANCELLED]

    assert sum(map(len, groups)) == len(frozenset().union(*groups))
    assert all(group_of(status) is not Group.UNKNOWN for group in groups for status in group)


@pytest.mark.parametrize(
    ("state", "progress", "reads"),
    [
        pytest.param("ready-for-handling", None, True, id="a new order"),
        pytest.param("ready-for-handling", SEEN, True, id="told again before it was read"),
        pytest.param("ready-for-handling", PLACED, True, id="the ERP has it, VTEX does not know"),
        pytest.param("ready-for-handling", HANDLING, False, id="old news, out of order"),
        pytest.param("handling", HANDLING, False, id="the echo of our own call"),
        pytest.param("handling", None, True, id="a person started it in the Admin"),
        pytest.param("canceled", HANDLING, True, id="cancelled late"),
        pytest.param("invoiced", HANDLING, True, id="invoiced"),
        pytest.param("payment-pending", None, False, id="VTEX tells again when it is paid"),
        pytest.param("cancel", PLACED, False, id="VTEX tells again when it is cancelled"),
        pytest.param(None, None, True, id="null state is no answer"),
        pytest.param(None, HANDLING, True, id="null state of a known order"),
        pytest.param("tomorrows-state", None, True, id="unknown state"),
    ],
)
def test_an_event_makes_us_read_its_order_or_not(
    state: str | None, progress: Progress | None, reads: bool
) -> None:
    assert judge_event(state, progress) is reads


@pytest.mark.parametrize(
    ("state", "reads"), [("handling", True), ("ready-for-handling", False), ("cancel", False)]
)
def test_handling_may_be_news_of_a_change_for_an_erp_that_is_told(state: str, reads: bool) -> None:
    assert judge_event(state, HANDLING, tells_changes=True) is reads
