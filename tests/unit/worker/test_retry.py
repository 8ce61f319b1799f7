from __future__ import annotations

import pickle
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_sync import errors
from orders_sync.settings_parts import RetryPolicy, RetrySettings
from orders_sync.traffic.waits import AnswerLost, Delay, VtexAway, Why, wait_error
from orders_sync.worker.retry import Again, Park, backoff, decide

POLICY = RetryPolicy(first_seconds=2, factor=2, cap_seconds=60, attempts=3, deadline_seconds=100)
VISIBLE_AFTER = timedelta(seconds=30)


def decided(
    error: Exception, *, failures: int = 1, failing_for: float = 0, jitter: float = 1
) -> Again | Park:
    return decide(
        error,
        POLICY,
        failures=failures,
        failing_for=timedelta(seconds=failing_for),
        jitter=jitter,
        visible_after=VISIBLE_AFTER,
    )


@pytest.mark.parametrize(
    ("failures", "jitter", "seconds"),
    [
        pytest.param(1, 1.0, 2.0, id="the first wait"),
        pytest.param(2, 1.0, 4.0, id="twice as long"),
        pytest.param(4, 0.5, 8.0, id="half of sixteen"),
        pytest.param(9, 1.0, 60.0, id="never above the cap"),
        pytest.param(5000, 1.0, 60.0, id="however often it failed"),
        pytest.param(3, 0.0, 0.0, id="full jitter begins at nothing"),
    ],
)
def test_waits_grow_to_the_cap_and_are_spread(failures: int, jitter: float, seconds: float) -> None:
    assert backoff(POLICY, failures, jitter) == seconds


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        pytest.param(17, 17, id="longer than the policy"),
        pytest.param(1, 8, id="shorter than the policy"),
        pytest.param(None, 8, id="nothing"),
    ],
)
def test_a_step_waits_as_long_as_the_peer_asks_and_as_its_policy_says(
    asked: float | None, seconds: float
) -> None:
    policy = POLICY.model_copy(update={"attempts": 9})

    verdict = decide(
        errors.Unavailable("VTEX answered 503", retry_after=asked),
        policy,
        failures=3,
        failing_for=timedelta(0),
        jitter=1,
        visible_after=VISIBLE_AFTER,
    )

    assert verdict == Again(
        timedelta(seconds=seconds), "vtex.unavailable", "VTEX answered 503", counts=True
    )


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [pytest.param(20, 25, id="with some spread"), pytest.param(None, 75, id="a minute unasked")],
)
def test_a_used_up_budget_is_waited_for_and_is_no_failed_try(
    asked: float | None, seconds: float
) -> None:
    verdict = decided(errors.RateLimited("VTEX answered 429", retry_after=asked), failures=99)

    assert verdict == Again(
        timedelta(seconds=seconds),
        "vtex.rate_limited",
        "VTEX answered 429",
        counts=False,
        fails=False,
    )


def test_waiting_is_no_failed_try_however_often_it_happens() -> None:
    verdict = decided(errors.WaitError("the order is busy", 30), failures=10_000)

    assert isinstance(verdict, Again)
    assert (verdict.counts, verdict.fails, verdict.noted) == (False, False, True)


@pytest.mark.parametrize("why", list(Why))
def test_a_turn_is_waited_for_to_the_letter_and_is_not_noted(why: Why) -> None:
    error = wait_error("mystore", "get_order", Delay(20, why))

    verdict = decided(error, failures=99, jitter=1)

    assert verdict == Again(
        timedelta(seconds=20), error.cause, str(error), counts=False, fails=False, noted=False
    )


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        pytest.param(VtexAway, 30, id="VTEX did not take the call"),
        pytest.param(AnswerLost, 60, id="VTEX may have taken it, and shows it 30 s later"),
    ],
)
def test_what_fails_while_vtex_is_away_from_all_uses_up_no_try_until_the_deadline(
    kind: type[VtexAway | AnswerLost], seconds: float
) -> None:
    error = kind("VTEX answered 503", retry_after=1)

    meanwhile = decided(error, failures=10_000, failing_for=99)
    at_last = decided(error, failures=1, failing_for=100)

    assert meanwhile == Again(
        timedelta(seconds=seconds), kind.cause, "VTEX answered 503", counts=False, fails=True
    )
    assert isinstance(at_last, Park)
    assert at_last.cause == kind.cause


@pytest.mark.parametrize(
    ("jitter", "asked", "seconds"),
    [
        pytest.param(0, None, 30, id="at the earliest"),
        pytest.param(1, None, 34, id="spread as after any failure"),
        pytest.param(1, 45, 45, id="not before VTEX asks for it"),
    ],
)
@pytest.mark.parametrize("kind", [errors.OutcomeUnknown, AnswerLost])
def test_after_a_lost_answer_nobody_looks_before_vtex_shows_the_effect(
    kind: type[errors.OutcomeUnknown], jitter: float, asked: float | None, seconds: float
) -> None:
    error = kind("the answer was lost", retry_after=asked)

    verdict = decided(error, failures=2, failing_for=4, jitter=jitter)

    assert isinstance(verdict, Again)
    assert verdict.delay == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("failing_for", "asked", "seconds"),
    [
        pytest.param(0, None, 2, id="soon at first"),
        pytest.param(12, None, 12, id="then more rarely"),
        pytest.param(99, None, 30, id="within a minute of its return"),
        pytest.param(99, 45, 45, id="not before it asks for it"),
    ],
)
def test_an_erp_that_is_away_is_tried_again_without_using_up_tries(
    failing_for: float, asked: float | None, seconds: float
) -> None:
    error = errors.ErpUnavailable("no connection to the ERP", retry_after=asked)

    verdict = decided(error, failures=10_000, failing_for=failing_for)

    assert verdict == Again(
        timedelta(seconds=seconds), "erp.unavailable", "no connection to the ERP", counts=False
    )


def test_an_erp_that_is_away_until_the_deadline_parks_the_order() -> None:
    verdict = decided(errors.ErpUnavailable("no connection to the ERP"), failing_for=100)

    assert isinstance(verdict, Park)
    assert verdict.reason == "Given up after 0 hours: no connection to the ERP"


@pytest.mark.parametrize(
    ("failures", "failing_for"),
    [pytest.param(3, 0, id="attempts used up"), pytest.param(1, 100, id="deadline passed")],
)
def test_a_step_that_keeps_failing_is_parked_with_its_last_reason(
    failures: int, failing_for: float
) -> None:
    verdict = decided(
        errors.Unavailable("no connection to VTEX"),
        failures=failures,
        failing_for=failing_for,
    )

    assert isinstance(verdict, Park)
    assert verdict.cause == "vtex.unavailable"
    assert "no connection to VTEX" in verdict.reason


@pytest.mark.parametrize(
    "error",
    [
        errors.NotFound("get_order 1-01: VTEX answered 404"),
        errors.Refused("OMS001", "no"),
        errors.AlreadySo("OMS003", "no"),
        errors.Unreadable("items is missing"),
        errors.ErpRefused("credit limit"),
        errors.ItemUnmapped("880123"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_cannot_be_helped_is_parked_at_once_with_a_hint(error: errors.ParkedError) -> None:
    verdict = decided(error)

    assert verdict == Park(error.cause, str(error), error.hint)
    assert error.hint


def test_a_surprise_is_tried_again_and_its_text_is_kept_out() -> None:
    orders: dict[str, int] = {}
    try:
        orders["maria@example.com"]
    except KeyError as error:
        verdict = decided(error)

    assert isinstance(verdict, Again)
    assert verdict.cause == "unexpected.KeyError"
    assert "maria" not in repr(verdict)
    assert "test_a_surprise" in verdict.reason


@given(
    failures=st.integers(1, 50),
    jitter=st.floats(0, 1),
    queue=st.sampled_from(list(RetrySettings.model_fields)),
)
def test_no_wait_is_negative_or_above_its_queues_cap(
    failures: int, jitter: float, queue: str
) -> None:
    policy: RetryPolicy = getattr(RetrySettings(), queue)

    assert 0 <= backoff(policy, failures, jitter) <= policy.cap_seconds


@pytest.mark.parametrize(
    "error",
    [
        errors.RateLimited("slow down", retry_after=3.0),
        errors.AuthFailed("VTEX answered 401"),
        errors.NotFound("get_order 1-01", hint="look"),
        errors.AlreadySo("OMS003", "wrong status"),
        errors.ItemUnmapped("880123"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickling(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes.

    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__
