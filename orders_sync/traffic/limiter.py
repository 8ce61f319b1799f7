"""Keeps the calls of all processes to the pace that VTEX accepts, within each account's budget.

`budget.lua` grants the slots, for all processes together, on the clock of Redis. Slots follow one
another at an interval, and a few that nobody used are kept for a burst. A call may *book* a slot
that lies within its lane's horizon, and waits for it in place. A call that may not book is told
when to *come back*, and nothing is kept for it, so one that never returns costs nothing.

Higher lanes book further ahead, so under load the slots that lower ones would need are taken. While
calls of a higher lane are away waiting, lower lanes get only slots that are free at once. A lane
that has had nothing for 50 intervals goes first for one call.

A 429 is a measurement:

- Beside calls that are accepted, a single one is a stray and changes nothing.
- Where from one 429 on four calls more are refused, and 4 % of all calls, within two seconds, the
  pace is cut by the share that is refused. It grows back slowly at first, then faster, and is full
  again within 30 s. What is refused below the limit that was found last counts as stray.
- Where nothing was accepted for two seconds, or five calls in a row were refused, all calls are
  held: for as long as `Retry-After` says, five minutes at most; where VTEX does not say, for 1 s,
  doubled up to 15 s while nothing is accepted. After a hold the calls begin slowly, so that few
  of them find out that it lasts.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any, Final

from orders_sync.traffic.shared import Command, LuaScript, Shared, key
from orders_sync.traffic.waits import Delay, Lane, Why

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND

#: A call leaves up to half a second after its slot, so a minute's budget has to last this long.
_WINDOW: Final = MINUTE + SECOND // 2
#: How far ahead the first lane may book a slot, and how much less each lane below it may.
_FIRST_HORIZON: Final = SECOND // 4
_HORIZON_STEP: Final = SECOND // 50
#: How far ahead a lane may book whose share is due, and how long spare slots are good for.
DUE_HORIZON: Final = 3 * SECOND // 10
_MOST_AT_ONCE: Final = 8

#: The part of its share of the budget that a process without Redis uses: others may still have it.
_CAREFUL: Final = 0.8
_ALONE_HOLD_SECONDS: Final = 5.0
_LONGEST_HOLD_SECONDS: Final = 300.0
_CALM_SECONDS: Final = 2.0
_LONGEST_RESET_SECONDS: Final = 3600.0
_LONGEST_WAIT: Final = 45 * SECOND
_TELL_EVERY_SECONDS: Final = 1.0
_INSTANT: Final = 0.005

#: Finds a header of a response, whatever its case.
Header = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """One call every `interval` microseconds, and at most `burst` at once after a rest.

    No more calls than the budget fall into any 60 seconds, and no fewer than 95 % of it are made
    in a minute of a budget of 100 or more, as long as there are calls to make.
    """

    interval: int
    burst: int

    @classmethod
    def of(cls, per_minute: int) -> SlotPlan:
        """Return the plan of a budget of so many calls a minute, one at least."""
        budget = max(1, per_minute)
        burst = max(1, min(2, budget // 20), budget // 200)
        return cls(interval=-(-_WINDOW // (budget - burst + 1)), burst=burst)

    @property
    def at_once(self) -> int:
        """The slots that one answer may give, which leave most of a burst to other processes."""
        return max(1, min(_MOST_AT_ONCE, self.burst // 4))


@dataclass(frozen=True, slots=True)
class Used:
    """How much of an account's budget is used.

    `calls` were made in the last minute; `per_minute` may be made at the present pace, which is
    less than `budget` where VTEX accepts less; nobody may call for another `held_seconds`, nor will
    a call get its slot sooner than in `next_seconds`.
    """

    calls: int
    per_minute: int
    budget: int
    held_seconds: float
    next_seconds: float = 0.0


class RateLimiter:
    """The slots of every account's calls, in one order for all processes.

    `budgets` are calls per minute, by account, of what is called by `name`. While Redis is away,
    each of `processes` processes keeps to its own part. `sleep` waits for a slot that is near, for
    0.3 s at most.
    """

    def __init__(
        self,
        shared: Shared,
        budgets: Mapping[str, int],
        *,
        processes: int,
        name: str = "budget",
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], None] = sleep,
    ) -> None:
        self._shared = shared
        self._name = name
        self._script = LuaScript("budget.lua")
        self._careful = _CAREFUL / max(1, processes)
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._budgets: dict[str, int] = {}
        self._accounts: dict[str, _Account] = {}
        self.follow(budgets)

    def follow(self, budgets: Mapping[str, int]) -> None:
        """Keep to other budgets; those of accounts that are not named stay.

        What is known of an account's calls is not forgotten.
        """
        with self._lock:
            for account, budget in budgets.items():
                if self._budgets.get(account) == budget:
                    continue
                plan = SlotPlan.of(budget)
                new = _Account(plan, SpareSlots(plan.at_once))
                known = self._accounts.setdefault(account, new)
                known.plan, known.slots.most = plan, plan.at_once
                self._budgets[account] = budget

    def acquire(self, account: str, lane: Lane) -> Delay | None:
        """Take a slot for one call: None when it is to be made now.

        A wait is no failure and keeps nothing: the caller asks again. Waits are spread, so
        callers should come back after exactly the seconds they are told.
        """
        if self._take_kept(account, lane):
            return None
        for _ in range(2):
            granted, micros, held = self._ask(account, lane)
            if not granted:
                return Delay(max(micros, held) / SECOND, Why.HOLD if held else Why.BUDGET)
            if micros:
                self._sleep(micros / SECOND)
            # Another call may have been refused while this one waited for its slot.
            if self.hold_left(account) <= _INSTANT:
                return None
        return Delay(self.hold_left(account), Why.HOLD)

    def held(self, account: str) -> float:
        """Return for how long the account's calls are held; Redis is asked once a second at most.

        For calls that take no slots.
        """
        state = self._accounts[account]
        if self._clock() >= state.looked_at + _TELL_EVERY_SECONDS:
            state.looked_at = self._clock()
            used = self.used(account)
            self._learn_hold(account, 0.0 if used is None else used.held_seconds)
        return self.hold_left(account)

    def hold_left(self, account: str) -> float:
        """Return for how long the account's calls are held, as far as this process knows."""
        return max(0.0, self._accounts[account].held_until - self._clock())

    def accepted(self, account: str) -> None:
        """Record that VTEX answered a call with anything but 429; the next message carries it."""
        state = self._accounts[account]
        with self._lock:
            state.accepted += 1
            state.accepted_at = self._clock()

    def refused(self, account: str, retry_after: float | None) -> float:
        """Record a 429; return the seconds after which its call may be made again."""
        micros = -1 if retry_after is None else max(1, round(retry_after * SECOND))
        reply = self._run(account, "refused", micros)
        if reply is not None:
            self._learn_hold(account, reply[2] / SECOND)
        elif self._clock() > self._accounts[account].accepted_at + _CALM_SECONDS:
            self._learn_hold(account, _ALONE_HOLD_SECONDS if retry_after is None else retry_after)
        return max(self.hold_left(account), retry_after or _TELL_EVERY_SECONDS)

    def hold(self, account: str, seconds: float) -> None:
        """Stop the account's calls in all processes, five minutes at most, as a 503 may ask."""
        seconds = min(seconds, _LONGEST_HOLD_SECONDS)
        self._learn_hold(account, seconds)
        self._run(account, "hold", max(1, round(seconds * SECOND)))

    def heard(self, account: str, header: Header) -> None:
        """Slow down where a response's headers say that little of the budget is left."""
        left = budget_left(header)
        if left is None:
            return
        calls, seconds = left
        if calls == 0:
            self.hold(account, seconds)
            return
        state, now = self._accounts[account], self._clock()
        interval = round(seconds * SECOND) // calls
        # Every response tells much the same.
        if interval > state.plan.interval and now >= state.told_at + _TELL_EVERY_SECONDS:
            state.told_at = now
            self._run(account, "slow", interval, round(seconds * SECOND))

    def used(self, account: str) -> Used | None:
        """Return how much of the budget is used; None while Redis is away."""
        asked = self._shared.ask([self.look(account)])
        return None if asked is None else self.read(account, asked[1][0])

    def look(self, account: str) -> Command:
        """Return the command that asks how much of the budget is used; `read` reads its reply."""
        interval, soon = self._accounts[account].plan.interval, horizon(Lane.CANCEL)
        return (self._script, self._key(account), "look", interval, 0, 0, soon, DUE_HORIZON)

    def read(self, account: str, reply: Sequence[int]) -> Used:
        """Read the reply to `look`."""
        calls, interval, held, next_slot = reply
        per_minute, budget = round(MINUTE / interval), self._budgets[account]
        return Used(calls, per_minute, budget, held / SECOND, next_slot / SECOND)

    def careful_pace(self, account: str) -> float:
        """Return the calls a second that this process makes while Redis is away."""
        return self._budgets[account] * self._careful / 60

    def _ask(self, account: str, lane: Lane) -> tuple[bool, int, int]:
        """Return whether a slot is granted, in how many microseconds, and the hold."""
        state, asked_at = self._accounts[account], self._micros()
        with self._lock:
            number, untold = state.slots.question(asked_at, lane)
        bounds = (state.plan.burst, horizon(lane), DUE_HORIZON, int(state.is_alone))
        reply = self._run(account, "ask", int(lane), *bounds, number, untold)
        with self._lock:
            if reply is None:
                state.slots.refused(untold)
                return self._ask_alone(account, lane)
            state.is_alone = False
            granted, micros, held, spare = reply
            if granted:
                state.slots.granted(asked_at, lane, spare)
            else:
                state.slots.refused(untold)
        self._learn_hold(account, held / SECOND)
        return bool(granted), micros, held

    def _take_kept(self, account: str, lane: Lane) -> bool:
        with self._lock:
            if self.hold_left(account):
                return False
            return self._accounts[account].slots.take(self._micros(), lane)

    def _ask_alone(self, account: str, lane: Lane) -> tuple[bool, int, int]:
        """Answer as Redis would: slots of this process's own, one after another, without bursts."""
        state, now = self._accounts[account], self._micros()
        held = round(self.hold_left(account) * SECOND)
        interval = round(SECOND / max(self.careful_pace(account), 1 / 60))
        if not state.is_alone:
            state.is_alone, state.next_slot = True, now + interval
        slot = max(now + held, min(state.next_slot, now + DUE_HORIZON + interval))
        if slot - now <= horizon(lane):
            state.next_slot = slot + interval
            return True, slot - now, held
        state.back = max(state.back, slot) + interval
        if state.back > now + held + _LONGEST_WAIT:
            state.back = slot
        return False, state.back - now, held

    def _run(self, account: str, verb: str, *args: int) -> Any | None:
        """Run a verb of the script, with the calls that were accepted since the last one."""
        state = self._accounts[account]
        with self._lock:
            accepted, state.accepted = state.accepted, 0
            age = max(0, round((self._clock() - state.accepted_at) * SECOND)) if accepted else 0
        facts = (state.plan.interval, accepted, age)
        return self._shared.run(self._script, self._key(account), verb, *facts, *args)

    def _learn_hold(self, account: str, seconds: float) -> None:
        state = self._accounts[account]
        until = self._clock() + min(seconds, _LONGEST_HOLD_SECONDS)
        state.held_until = max(state.held_until, until)

    def _key(self, account: str) -> str:
        return key(account, self._name)

    def _micros(self) -> int:
        return round(self._clock() * SECOND)


def horizon(lane: Lane) -> int:
    """Return how many microseconds ahead a lane may book; a higher lane may book further."""
    return _FIRST_HORIZON - lane * _HORIZON_STEP


class SpareSlots:
    """The slots that one process has beside those of its own questions, `most` at once. Pure.

    Asking Redis is what a slot costs. So where many slots were left unused, a process takes a few
    at once, as many as the lane used of late, and makes its next calls with them. Slots that are
    not used within 0.3 s are forfeited: like a call that waits in place, none is made long after
    its question, so a hold that another process was told of is kept as soon.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._lanes = [_LaneSlots() for _ in Lane]
        self._untold = 0

    def take(self, now: int, lane: Lane) -> bool:
        """Take a slot for one call, of its own lane or of a lower one, if any is left."""
        for slots in self._lanes[lane:]:
            if slots.left and now < slots.until:
                slots.left -= 1
                slots.calls += 1
                self._untold += 1
                return True
        return False

    def question(self, now: int, lane: Lane) -> tuple[int, int]:
        """Return how many slots to ask for, and how many calls were made without asking."""
        slots = self._lanes[lane]
        number = slots.calls * 2 if now - slots.asked_at < DUE_HORIZON else slots.calls
        slots.calls, slots.asked_at = 0, now
        untold, self._untold = self._untold, 0
        return max(1, min(number, self.most)), untold

    def granted(self, asked_at: int, lane: Lane, spare: int) -> None:
        """Keep what was granted beside the call that asked."""
        slots = self._lanes[lane]
        slots.calls += 1
        if spare:
            slots.left, slots.until = spare, asked_at + DUE_HORIZON

    def refused(self, untold: int) -> None:
        """Remember the calls that the question told of; a refusal counts nothing."""
        self._untold += untold


@dataclass(slots=True)
class _LaneSlots:
    """So many slots are `left` until a time; `calls` were made since the lane asked last."""

    left: int = 0
    until: int = 0
    calls: int = 0
    asked_at: int = 0


@dataclass(slots=True)
class _Account:
    """What one process knows of an account; times in seconds, slots in microseconds.

    It `is_alone` where its last question found no Redis: then its slots are `next_slot` and later,
    and those who may not book are told to be `back`.
    """

    plan: SlotPlan
    slots: SpareSlots
    accepted: int = 0
    accepted_at: float = -math.inf
    held_until: float = 0.0
    told_at: float = -math.inf
    looked_at: float = -math.inf
    is_alone: bool = False
    next_slot: int = 0
    back: int = 0


def budget_left(header: Header) -> tuple[int, float] | None:
    """Return the calls that are left and for how many seconds; None where headers do not say.

    VTEX documents the headers for its Pricing API only, so they are used where they are found:
    https://developers.vtex.com/docs/guides/best-practices-for-avoiding-rate-limit-errors
    """
    for prefix in ("Ratelimit", "X-RateLimit"):
        calls, seconds = (_number(header(f"{prefix}-{name}")) for name in ("Remaining", "Reset"))
        # A longer time until the reset is an instant since 1970, or nonsense.
        if calls is not None and seconds is not None and 0 < seconds <= _LONGEST_RESET_SECONDS:
            return int(calls), seconds
    return None


def _number(text: str | None) -> float | None:
    if text is None or not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text.strip()):
        return None
    return float(text)
