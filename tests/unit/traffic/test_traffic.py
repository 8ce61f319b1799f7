from __future__ import annotations

import pickle
import random
from collections.abc import Callable

import pytest
from unit.traffic.virtual_time import VirtualTime

from orders_sync.errors import (
    AuthFailed,
    ErpUnavailable,
    LedgerUnavailable,
    NotFound,
    OrdersSyncError,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unavailable,
    Unreadable,
    WaitError,
)
from orders_sync.traffic.breaker import Circuit
from orders_sync.traffic.shared import Shared
from orders_sync.traffic.traffic import Traffic
from orders_sync.traffic.waits import (
    ERP,
    AccountPaused,
    AnswerLost,
    BreakerOpen,
    CallForbidden,
    Delay,
    Lane,
    OnHold,
    OverBudget,
    Why,
    wait_error,
)


def _call(traffic: Traffic, account: str, error: Exception | None = None) -> None:
    with traffic.call(account, Lane.FETCH, "orders"):
        if error is not None:
            raise error


def _fail(traffic: Traffic, account: str, error: Exception, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(type(error)):
            _call(traffic, account, error)


def _refuse(traffic: Traffic, account: str, status: int) -> None:
    def call() -> None:
        with traffic.call(account, Lane.FETCH, "orders") as answered:
            answered(status, lambda _: None)
            raise AuthFailed(f"VTEX answered {status}")

    for _ in range(2):
        with pytest.raises(AuthFailed):
            call()


def test_a_call_that_may_be_made_is_counted(traffic: Traffic, account: str) -> None:
    _call(traffic, account)

    used = traffic.usage(account).used
    assert used is not None
    assert used.calls == 1


def test_a_429_where_nothing_is_accepted_puts_the_account_on_hold(
    traffic: Traffic, account: str
) -> None:
    _fail(traffic, account, RateLimited("VTEX answered 429", 20.0))

    with pytest.raises(OnHold) as raised:
        _call(traffic, account)

    assert 20.0 <= raised.value.seconds <= 21.0


def test_a_stray_429_stops_nobody_and_its_call_waits_for_a_moment(
    traffic: Traffic, account: str
) -> None:
    _call(traffic, account)

    with pytest.raises(RateLimited) as raised:
        _call(traffic, account, RateLimited("VTEX answered 429"))

    assert raised.value.seconds <= 2.0
    _call(traffic, account)


def test_an_answer_with_retry_after_puts_the_account_on_hold_at_its_rate(
    traffic: Traffic, account: str
) -> None:
    _fail(traffic, account, Unavailable("VTEX answered 503", 20.0))

    with pytest.raises(OnHold):
        _call(traffic, account)

    used = traffic.usage(account).used
    assert used is not None
    assert used.per_minute > 0.95 * used.budget


@pytest.mark.parametrize("error", [Unavailable("gone"), OutcomeUnknown("lost")])
def test_a_peer_that_is_not_there_opens_its_breaker(
    traffic: Traffic, account: str, error: OrdersSyncError
) -> None:
    _fail(traffic, account, error, times=10)

    with pytest.raises(BreakerOpen):
        _call(traffic, account)

    assert [each.standing for each in traffic.usage(account).breakers] == [Circuit.OPEN]


@pytest.mark.parametrize(
    "error",
    [
        Refused("OMS003", "wrong status"),
        NotFound("no such order"),
        Unreadable("no JSON"),
        LedgerUnavailable("locked"),
        KeyError("a defect"),
    ],
)
def test_what_is_no_outage_opens_no_breaker(
    traffic: Traffic, account: str, error: Exception
) -> None:
    _fail(traffic, account, error, times=20)

    _call(traffic, account)


def test_calls_that_were_not_made_are_no_successes_of_the_peer(
    traffic: Traffic, account: str, time: VirtualTime
) -> None:
    traffic.limiter.hold(account, 5.0)
    for _ in range(100):
        with pytest.raises(OnHold):
            _call(traffic, account)
    time.sleep(10.0)

    _fail(traffic, account, Unavailable("gone"), times=10)

    with pytest.raises(BreakerOpen):
        _call(traffic, account)


def test_refused_credentials_pause_the_account_and_an_accepted_probe_resumes_it(
    traffic: Traffic, account: str, time: VirtualTime
) -> None:
    _refuse(traffic, account, 401)
    with pytest.raises(AccountPaused):
        _call(traffic, account)
    paused = traffic.usage(account).pause
    time.sleep(15.0)

    _call(traffic, account)

    assert paused is not None
    assert paused.cause == "orders"
    assert traffic.usage(account).pause is None
    _call(traffic, account)


def test_a_missing_permission_stops_its_calls_and_names_what_grants_them(
    process: Callable[..., Shared], account: str, time: VirtualTime
) -> None:
    traffic = Traffic(
        process(),
        {account: 6000},
        processes=1,
        random=random.Random(1),
        resources={"orders": "OMS > View order"},
        clock=time.clock,
        sleep=time.sleep,
    )

    _refuse(traffic, account, 403)
    with pytest.raises(CallForbidden, match="give the key's role the resource OMS > View order"):
        _call(traffic, account)

    with traffic.call(account, Lane.INVOICE, "invoice"):
        pass
    usage = traffic.usage(account)
    assert usage.pause is None
    assert [each.cause for each in usage.forbidden] == ["orders"]


def test_what_fails_in_an_outage_says_so(traffic: Traffic, account: str) -> None:
    _fail(traffic, account, Unavailable("gone"), times=9)
    with pytest.raises(OutcomeUnknown) as raised:
        _call(traffic, account, OutcomeUnknown("lost", 3.0))

    assert type(raised.value) is AnswerLost
    assert (raised.value.cause, raised.value.retry_after) == ("vtex.outcome_unknown", 3.0)


def test_headers_are_passed_on(traffic: Traffic, account: str) -> None:
    headers = {"Ratelimit-Remaining": "0", "Ratelimit-Reset": "30"}

    with traffic.call(account, Lane.FETCH, "orders") as answered:
        answered(200, headers.get)

    with pytest.raises(OnHold):
        _call(traffic, account)


def test_an_erp_that_is_away_is_left_alone_and_says_so(
    traffic: Traffic, account: str, time: VirtualTime
) -> None:
    assert traffic.erp_rests(account) is None
    for _ in range(10):
        with pytest.raises(ErpUnavailable), traffic.guard(account, ERP):
            raise ErpUnavailable("the ERP does not answer")

    rests = traffic.erp_rests(account)
    with pytest.raises(BreakerOpen), traffic.guard(account, ERP):
        pass
    time.sleep(5.0)
    with traffic.guard(account, ERP):
        pass

    assert rests is not None
    assert traffic.erp_rests(account) is None


@pytest.mark.parametrize(
    ("why", "kind", "cause"),
    [
        pytest.param(Why.BUDGET, OverBudget, "traffic.budget", id="budget"),
        pytest.param(Why.HOLD, OnHold, "traffic.hold", id="hold"),
        pytest.param(Why.BREAKER, BreakerOpen, "traffic.breaker", id="breaker"),
        pytest.param(Why.PAUSE, AccountPaused, "traffic.paused", id="pause"),
        pytest.param(Why.FORBIDDEN, CallForbidden, "traffic.forbidden", id="forbidden"),
    ],
)
def test_a_wait_is_an_error_that_survives_pickling(
    why: Why, kind: type[WaitError], cause: str
) -> None:
    error = wait_error("mystore", "orders", Delay(3.5, why))

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes.

    assert type(copy) is kind
    assert (copy.seconds, copy.cause, str(copy)) == (3.5, cause, str(error))
