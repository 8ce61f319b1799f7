"""The rules by which calls get their slots, kept in memory. Pure: time is passed in.

`budget.lua` has the same rules for all processes together; a process that cannot reach Redis
uses these, with a share of the budget. A test gives both the same questions.

Slots follow one another at the plan's interval, and a few that nobody used are kept for a burst.
A call may *book* a slot that lies within its lane's horizon and waits for it in place; the
process that booked it uses it. A call that may not book is told when to *come back*, and nothing
is kept for it: it asks again like everyone else, so one that never returns costs nothing. Returns
are spread a little more closely than slots, so that late ones leave none unused.

Two rules rank the lanes. Higher lanes book further ahead, so under load the slots that lower ones
would need are already taken. And while calls of a higher lane are away waiting, lower lanes get
only slots that are free at once. A lane that has had nothing for `DUE_AFTER` intervals goes first
for one call, so that none starves.

A call that finds more than half a burst unused may take some more slots for the calls after it,
as long as nobody of its own or a higher lane is away waiting: `permits.py` says what becomes of
them. Half a burst is left, so that no call ever waits because others forfeited what they took.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from orders_sync.traffic.lanes import Lane
from orders_sync.traffic.plan import DUE_HORIZON, SECOND, Plan, horizon

#: Parts of a million: how full the rate is, what a 429 leaves of it, and its growth a second.
FULL: Final = 1_000_000
LOWEST: Final = 100_000
GROWTH: Final = 1_667
#: Told waits stay below what a message may wait, a minute, even when a caller adds a quarter.
LONGEST_WAIT: Final = 45 * SECOND
_LONGEST_HOLD: Final = 3600 * SECOND
#: A lane's share is due when it had nothing for so many intervals.
DUE_AFTER: Final = 50


class Answer(NamedTuple):
    """What a call is told: it is `granted` the slot in `micros`, or comes back after them.

    `held` is how long no call at all may be made. So many `spare` slots were granted with its own.
    """

    granted: bool
    micros: int
    held: int
    spare: int = 0


def _nothing_yet() -> list[int]:
    return [0] * len(Lane)


@dataclass(slots=True)
class Bucket:
    """One account's budget; `next_slot` is when the next free slot begins."""

    plan: Plan
    next_slot: int | None = None
    held_at: int = 0
    hold_until: int = 0
    share: int = FULL
    cut_at: int = 0
    pace: int = 0
    pace_until: int = 0
    last: list[int] = field(default_factory=_nothing_yet)
    back: list[int] = field(default_factory=_nothing_yet)

    def ask(self, now: int, lane: Lane, *, wanted: int = 1, without_credit: bool = False) -> Answer:
        """Book a slot for a call, or tell it when to come back.

        Where many slots were left unused, up to `wanted` are booked. `without_credit` gives away
        the burst, after calls were made past this bucket.
        """
        interval = self.interval(now)
        held = self.held(now)
        slot = self._next_slot(now, interval, without_credit=without_credit)
        allowed = self._horizon(now, lane, interval)
        if slot - now <= allowed:
            spare = self._spare(now, lane, (now - slot) // interval, wanted - 1)
            self.next_slot = slot + (1 + spare) * interval
            self.last[lane] = max(slot, now)
            return Answer(granted=True, micros=max(0, slot - now), held=held, spare=spare)
        first = max(*self.back[: lane + 1], slot - allowed)
        back = first + interval * 4 // 5
        # Where more wait than one round of returns has room for, the next round lies among them.
        latest = now + held + LONGEST_WAIT
        self.back[lane] = back if back <= latest else latest - LONGEST_WAIT // 2
        return Answer(granted=False, micros=self.back[lane] - now, held=held)

    def hold(self, now: int, micros: int, *, cut: bool) -> None:
        """Let nobody call for a while; `cut` also makes the rate smaller.

        Calls that were under way together are refused together, so they cut the rate once.
        """
        if cut and not self.held(now):
            self.share = max(LOWEST, self.share_at(now) * 7 // 10)
            self.cut_at = now
        self.hold_until = now + max(self.held(now), min(micros, _LONGEST_HOLD))
        self.held_at = now

    def held(self, now: int) -> int:
        """Tell for how long no call may be made; a clock that was set back ends every hold."""
        return max(0, self.hold_until - now) if now >= self.held_at else 0

    def keep_pace(self, now: int, interval: int, micros: int) -> None:
        """Make calls no closer than `interval` for a while."""
        self.pace, self.pace_until = interval, now + min(micros, _LONGEST_HOLD)

    def share_at(self, now: int) -> int:
        """Tell the share of the full rate, in parts of a million; it grows back by itself."""
        return min(FULL, self.share + max(0, now - self.cut_at) * GROWTH // SECOND)

    def interval(self, now: int) -> int:
        """Tell the microseconds between two calls."""
        interval = -(-self.plan.interval * FULL // self.share_at(now))
        return max(interval, self.pace) if now < self.pace_until else interval

    def _next_slot(self, now: int, interval: int, *, without_credit: bool) -> int:
        slot = now + DUE_HORIZON if self.next_slot is None else self.next_slot
        # Nobody books further ahead than this: a clock that was set back must not stop the calls.
        slot = min(slot, now + DUE_HORIZON + interval)
        credit = 0 if without_credit else (self.plan.burst - 1) * interval
        earliest = self.hold_until if now >= self.held_at else 0
        return max(slot, earliest, now - credit)

    def _spare(self, now: int, lane: Lane, unused: int, wanted: int) -> int:
        someone_waits = any(back > now for back in self.back[: lane + 1])
        return 0 if someone_waits else max(0, min(unused - self.plan.burst // 2, wanted))

    def _horizon(self, now: int, lane: Lane, interval: int) -> int:
        if now - self.last[lane] >= DUE_AFTER * interval:
            return DUE_HORIZON
        if any(back > now for back in self.back[:lane]):
            return 0
        return horizon(lane)
