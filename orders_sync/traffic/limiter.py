"""Keeps the calls of all processes within each account's budget."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import monotonic, sleep
from typing import Any, Final

from orders_sync.traffic.bucket import Answer, Bucket
from orders_sync.traffic.headers import Header, budget_left
from orders_sync.traffic.lanes import Lane, Wait, Why
from orders_sync.traffic.permits import Permits
from orders_sync.traffic.plan import DUE_HORIZON, MINUTE, SECOND, Plan, horizon
from orders_sync.traffic.shared import Script, Shared, key

#: A process on its own takes so much of its part of the budget: the others may still have Redis.
_CAREFUL: Final = 0.8
_TELL_EVERY_SECONDS: Final = 1.0
_INSTANT: Final = 0.005


@dataclass(frozen=True, slots=True)
class Used:
    """How much of an account's budget is used.

    `calls` were made in the last minute; `per_minute` may be made at the pace of now, which is
    less than `budget` after a 429; nobody may call for another `held_seconds`.
    """

    calls: int
    per_minute: int
    budget: int
    held_seconds: float


class RateLimiter:
    """Gives every call of an account its slot, in one order for all processes.

    `budgets` are calls per minute, by account. While Redis is away, each of `processes` processes
    keeps to its own part. `sleep` waits for a slot that is near, for 0.3 s at most.
    """

    def __init__(
        self,
        shared: Shared,
        budgets: Mapping[str, int],
        *,
        processes: int,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], None] = sleep,
    ) -> None:
        self._shared = shared
        self._script = Script("budget.lua")
        self._budgets = dict(budgets)
        self._plans = {account: Plan.of(budget) for account, budget in budgets.items()}
        self._permits = {account: Permits(plan.at_once) for account, plan in self._plans.items()}
        self._processes = max(1, processes)
        self._clock = clock
        self._sleep = sleep
        self._held_until: dict[str, float] = {}
        self._told_at: dict[str, float] = {}
        self._alone: dict[str, Bucket] = {}
        self._lock = threading.Lock()

    def acquire(self, account: str, lane: Lane) -> Wait | None:
        """Take a slot for one call: None when it is to be made now.

        A wait is no failure and keeps nothing: whoever waited asks again. Waits are spread, so
        callers should come back after exactly the seconds they are told.
        """
        if self._take_kept(account, lane):
            return None
        for _ in range(2):
            answer = self._ask(account, lane)
            if not answer.granted:
                why = Why.HOLD if answer.held else Why.BUDGET
                return Wait(max(answer.micros, answer.held) / SECOND, why)
            if answer.micros:
                self._sleep(answer.micros / SECOND)
            # Another call may have been refused while this one waited for its slot.
            if self._hold_left(account) <= _INSTANT:
                return None
        return Wait(self._hold_left(account), Why.HOLD)

    def hold(self, account: str, seconds: float, *, cut: bool) -> None:
        """Stop the account's calls in all processes, as a 429 or a 503 asks with `Retry-After`.

        `cut` also lowers the rate, which a 429 calls for; it grows back within minutes.
        """
        micros = max(1, round(seconds * SECOND))
        self._learn_hold(account, micros)
        if self._tell(account, "hold", micros, int(cut)) is None:
            with self._lock:
                self._own_bucket(account).hold(self._micros(), micros, cut=cut)

    def heard(self, account: str, header: Header) -> None:
        """Slow down where a response's headers say that little of the budget is left."""
        left = budget_left(header)
        if left is None:
            return
        if left.calls == 0:
            self.hold(account, left.seconds, cut=False)
            return
        micros = round(left.seconds * SECOND)
        interval = micros // left.calls
        if interval <= self._plans[account].interval or not self._may_tell(account):
            return
        if self._tell(account, "pace", interval, micros) is None:
            with self._lock:
                self._own_bucket(account).keep_pace(self._micros(), interval, micros)

    def used(self, account: str) -> Used | None:
        """Tell how much of the budget is used; None while Redis is away."""
        reply = self._tell(account, "look")
        if reply is None:
            return None
        calls, interval, held = reply
        return Used(calls, round(MINUTE / interval), self._budgets[account], held / SECOND)

    def _ask(self, account: str, lane: Lane) -> Answer:
        plan, was_alone = self._plans[account], account in self._alone
        permits, asked_at = self._permits[account], self._micros()
        with self._lock:
            wanted, untold = permits.question(asked_at, lane)
        bounds = (plan.burst, horizon(lane), DUE_HORIZON, int(was_alone))
        reply = self._tell(account, "ask", int(lane), *bounds, wanted, untold)
        if reply is None:
            return self._ask_alone(account, lane, untold)
        if was_alone:
            self._alone.pop(account, None)
        granted, micros, held, spare = reply
        if held:
            self._learn_hold(account, held)
        with self._lock:
            if granted:
                permits.granted(asked_at, lane, spare)
            else:
                permits.refused(untold)
        return Answer(bool(granted), micros, held, spare)

    def _take_kept(self, account: str, lane: Lane) -> bool:
        with self._lock:
            if self._hold_left(account):
                return False
            return self._permits[account].take(self._micros(), lane)

    def _ask_alone(self, account: str, lane: Lane, untold: int) -> Answer:
        with self._lock:
            self._permits[account].refused(untold)
            return self._own_bucket(account).ask(self._micros(), lane)

    def _own_bucket(self, account: str) -> Bucket:
        """Give this process's own bucket, which starts without a burst."""
        bucket = self._alone.get(account)
        if bucket is None:
            part = int(self._budgets[account] * _CAREFUL / self._processes)
            plan, now = replace(Plan.of(part), burst=1), self._micros()
            bucket = Bucket(plan, next_slot=now + plan.interval)
            bucket.hold_until = now + round(self._hold_left(account) * SECOND)
            self._alone[account] = bucket
        return bucket

    def _tell(self, account: str, verb: str, *args: int) -> Any | None:
        interval = self._plans[account].interval
        return self._shared.run(self._script, key(account, "budget"), verb, interval, *args)

    def _may_tell(self, account: str) -> bool:
        """Whether the last telling is long enough ago; every response tells much the same."""
        now = self._clock()
        if now < self._told_at.get(account, -_TELL_EVERY_SECONDS) + _TELL_EVERY_SECONDS:
            return False
        self._told_at[account] = now
        return True

    def _learn_hold(self, account: str, micros: int) -> None:
        until = self._clock() + micros / SECOND
        self._held_until[account] = max(self._held_until.get(account, 0.0), until)

    def _hold_left(self, account: str) -> float:
        return max(0.0, self._held_until.get(account, 0.0) - self._clock())

    def _micros(self) -> int:
        return round(self._clock() * SECOND)
