"""Checks that a call may be made now, and learns from how it ended."""

from __future__ import annotations

import math
import os
import random
import secrets
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic, sleep
from typing import Any, Final

from orders_sync.errors import (
    AuthFailed,
    ErpUnavailable,
    OutcomeUnknown,
    ParkedError,
    RateLimited,
    Unavailable,
)
from orders_sync.traffic.breaker import (
    Breaker,
    BreakerPolicy,
    BreakerState,
    breakers_key,
    is_calm,
    read_states,
)
from orders_sync.traffic.gates import ERP, Gates
from orders_sync.traffic.lanes import Lane, Wait, Why
from orders_sync.traffic.limiter import Header, RateLimiter, Used
from orders_sync.traffic.pause import Pause, PauseState, pauses_key, read_pauses
from orders_sync.traffic.permits import Permits
from orders_sync.traffic.shared import Command, Shared
from orders_sync.traffic.waits import during_outage, wait_error

__all__ = ["ERP", "ErpLimits", "SickSince", "Traffic", "Usage"]

#: Of an ERP without a limit only the holds that it asks for are kept.
_UNLIMITED: Final = 1_000_000
_POLICY: Final = BreakerPolicy()


@dataclass(frozen=True, slots=True)
class ErpLimits:
    """How many calls may be at an ERP at once, and how many made in a minute; None: no limit."""

    at_once: int = 8
    per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """An account's traffic as all processes see it; `used` is None while Redis is away.

    `forbidden` are the groups of calls for which the key lacks a permission. `erp` is how much is
    used of its ERP's own budget, None where it has none, and `erp_held_seconds` how long the ERP
    asked not to be called.
    """

    account: str
    used: Used | None
    breakers: tuple[BreakerState, ...]
    pause: PauseState | None
    forbidden: tuple[PauseState, ...] = ()
    erp: Used | None = None
    erp_held_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SickSince:
    """A process whose calls fail while those of others succeed, since seconds from 1970.

    `peers` are what it cannot reach, such as `mystore/vtex` or `mystore/erp`.
    """

    since: float
    peers: tuple[str, ...]


class Traffic:
    """Says who may call now, for every account.

    `budgets` are calls per minute, by account; `processes` is how many share them while Redis is
    away, and `process` the name of this one, which no other has. `erp_limits` are those of the
    accounts' ERPs. What is paused is probed every `probe_seconds`.
    `resources` are what grants each group of calls in VTEX's License Manager.
    """

    def __init__(
        self,
        shared: Shared,
        budgets: Mapping[str, int],
        *,
        processes: int,
        random: random.Random,
        process: str | None = None,
        erp_limits: Mapping[str, ErpLimits] | None = None,
        resources: Mapping[str, str] | None = None,
        probe_seconds: float = 15.0,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], None] = sleep,
    ) -> None:
        self._shared = shared
        self._accounts = dict.fromkeys(budgets)
        self._process = process or f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        self._resources = resources or {}
        self._probe_seconds = probe_seconds
        self._random = random
        self._clock = clock
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._pauses: dict[str, Pause] = {}
        self._building = threading.Lock()
        self.limiter = RateLimiter(shared, budgets, processes=processes, clock=clock, sleep=sleep)
        limits = dict.fromkeys(budgets, ErpLimits()) | dict(erp_limits or {})
        self._erp_limits = limits
        self._permits = Permits(
            shared,
            _at_once(limits),
            process=self._process,
            processes=processes,
            clock=clock,
        )
        self._erp_limiter = RateLimiter(
            shared,
            _per_minute(limits),
            processes=processes,
            name="erp_budget",
            clock=clock,
            sleep=sleep,
        )

    def follow(self, budgets: Mapping[str, int], erp_limits: Mapping[str, ErpLimits]) -> None:
        """Look after these accounts from now on, by these budgets and limits."""
        self.limiter.follow(budgets)
        self._erp_limits = {**self._erp_limits, **erp_limits}
        self._permits.follow(_at_once(erp_limits))
        self._erp_limiter.follow(_per_minute(erp_limits))
        self._accounts = dict.fromkeys(budgets)

    @contextmanager
    def call(self, account: str, lane: Lane, group: str) -> Iterator[Callable[[int, Header], None]]:
        """Make one call to VTEX inside; what it raises is learned from.

        `group` names the endpoints that fail together. What is yielded takes the response's
        status, which tells an unknown key from a missing permission, and its headers, which may say
        how much of the budget is left.

        Raises:
            WaitError: the call must not be made now; it says for how long.
        """
        pause, status = self.pause(account), 0

        def hear(answered: int, header: Header) -> None:
            nonlocal status
            status = answered
            self.limiter.heard(account, header)

        self._require(account, group, pause.allows(group))
        with self.guard(account, group):
            wait = self.limiter.acquire(account, lane)
            if wait is not None:
                raise wait_error(account, group, wait)
            try:
                yield hear
            except RateLimited as error:
                seconds = self.limiter.refused(account, error.retry_after)
                if error.retry_after is None:
                    raise RateLimited(error.message, seconds) from error
                raise
            except (Unavailable, OutcomeUnknown) as error:
                if error.retry_after is not None:
                    self.limiter.hold(account, error.retry_after)
                raise
            except AuthFailed:
                self.limiter.accepted(account)
                pause.refused(group, is_key_unknown=status == HTTPStatus.UNAUTHORIZED)
                raise
            except ParkedError:
                self.limiter.accepted(account)
                pause.accepted(group)
                raise
            self.limiter.accepted(account)
            pause.accepted(group)

    @contextmanager
    def guard(self, account: str, name: str) -> Iterator[None]:
        """Make one call inside that only a breaker guards, such as one to the ERP.

        Raises:
            BreakerOpen: the peer is left alone for a while.
        """
        breaker = self.breaker(account, name)
        self._require(account, name, breaker.allows())
        try:
            yield
        except ErpUnavailable as error:
            # One that says when it may be called is there, and is held until then.
            if error.retry_after is None:
                breaker.failed()
            else:
                breaker.succeeded()
            raise
        except (Unavailable, OutcomeUnknown) as error:
            if breaker.failed():
                raise during_outage(error) from error
            raise
        except (RateLimited, AuthFailed, ParkedError):
            breaker.succeeded()
            raise
        except BaseException:
            breaker.undecided()
            raise
        breaker.succeeded()

    @contextmanager
    def guard_erp(self, account: str, *, seconds: float) -> Iterator[None]:
        """Make one call inside to the account's ERP, which takes `seconds` at most.

        An ERP that says when it may be called again is called by nobody before that, unless it
        takes other calls meanwhile: see `RateLimiter`.

        Raises:
            BreakerOpen: the ERP is left alone for a while.
            ErpBusy: as many calls as may be are at the ERP now.
            ErpOverBudget: as many calls as may be were made in this minute.
            ErpOnHold: the ERP asked for a rest.
        """
        with self.guard(account, ERP):
            permit = self._permits.take(account, seconds)
            if permit is None:
                raise wait_error(account, ERP, Wait(self._spread(), Why.PERMITS))
            try:
                self._require(account, ERP, self._erp_wait(account))
                yield
            except ErpUnavailable as error:
                if error.retry_after is not None:
                    self._erp_limiter.refused(account, error.retry_after)
                raise
            except ParkedError:
                self._erp_limiter.accepted(account)
                raise
            else:
                self._erp_limiter.accepted(account)
            finally:
                self._permits.give_back(account, permit)

    def flush(self) -> None:
        """Tell of what need not be told at once; to be called every second or so."""
        self._permits.flush()

    def forget_holder(self, process: str) -> None:
        """Give back the ERP permits of a process that is dead; `process` is its name."""
        self._permits.forget(process, self._accounts)

    def erp_rests(self, account: str) -> Wait | None:
        """Return how long the account's ERP is left alone, without calling it."""
        return self.breaker(account, ERP).is_open() or self._erp_rest(account)

    def has_erp_budget(self, account: str) -> bool:
        """Check whether the account's ERP may be called so many times in a minute only."""
        limits = self._erp_limits.get(account)
        return limits is not None and limits.per_minute is not None

    def look_at_erps(self, accounts: Collection[str]) -> None:
        """Look at the breakers of many ERPs in one round trip: for a moment nobody has to ask."""
        known = [account for account in accounts if account in self._accounts]
        asked = self._shared.ask([("HGET", breakers_key(name), ERP) for name in known])
        if asked is None:
            return
        for account, kept in zip(known, asked[1], strict=True):
            if kept is None or is_calm(kept):
                self.breaker(account, ERP).found_closed()

    def gates(self, accounts: Sequence[str]) -> Mapping[str, Gates]:
        """Return what keeps back the calls of accounts, in one round trip to Redis.

        Nothing is taken: a probe or a trial stays for the call that makes it. While Redis is away
        every account is open, at the pace of one process.
        """
        gates = dict.fromkeys(accounts, Gates())
        known = [account for account in gates if account in self._accounts]
        asked = self._shared.ask([command for name in known for command in self._look(name)])
        if asked is None:
            return gates | {name: self._alone(name) for name in known}
        now, replies = asked
        several = len(replies) // max(1, len(known))
        for at, name in enumerate(known):
            gates[name] = self._read_gates(name, replies[at * several : (at + 1) * several], now)
        return gates

    def is_sick(self) -> bool:
        """Check whether calls of this process fail while those of others succeed."""
        return bool(self.sick_of())

    def sick_of(self) -> tuple[str, ...]:
        """Return the peers that this process alone cannot reach, such as `mystore/vtex`."""
        return tuple(sorted({_peer(*of) for of, each in self._all_breakers() if each.is_sick}))

    def is_left_to_others(self, account: str, operations: Collection[str]) -> bool:
        """Check whether other processes should make these calls of an account.

        They should while this one is sick of one of them, but for the calls that probe whether it
        is well again.
        """
        breakers = (self._breakers.get((account, name)) for name in operations)
        return any(
            breaker.is_sick and breaker.trial_in > 0 for breaker in breakers if breaker is not None
        )

    def sick_processes(self) -> Mapping[str, SickSince]:
        """Return the processes that are sick, by name; none while Redis is away."""
        asked = self._shared.ask([("HGETALL", breakers_key(name)) for name in self._accounts])
        sick: dict[str, SickSince] = {}
        if asked is None:
            return sick
        for account, fields in zip(self._accounts, asked[1], strict=True):
            for state in read_states(fields, asked[0]):
                for process, since in state.sick.items():
                    known = sick.get(process, SickSince(since, ()))
                    peers = {*known.peers, _peer(account, state.name)}
                    sick[process] = SickSince(min(since, known.since), tuple(sorted(peers)))
        return sick

    def breaker(self, account: str, name: str) -> Breaker:
        """Return the breaker of one group of endpoints, or of the ERP."""
        with self._building:
            if (account, name) not in self._breakers:
                self._breakers[account, name] = Breaker(
                    self._shared,
                    account,
                    name,
                    process=self._process,
                    policy=_POLICY,
                    random=self._random,
                    clock=self._clock,
                )
            return self._breakers[account, name]

    def pause(self, account: str) -> Pause:
        """Return the account's pause."""
        with self._building:
            if account not in self._pauses:
                self._pauses[account] = Pause(
                    self._shared,
                    account,
                    probe_seconds=self._probe_seconds,
                    random=self._random,
                    clock=self._clock,
                )
            return self._pauses[account]

    def usage(self, account: str) -> Usage:
        """Return how the account's traffic stands."""
        asked = self._shared.ask(self._look(account))
        if asked is None:
            return Usage(account, None, (), None)
        now, (used, breakers, pauses, _, erp_used) = asked
        pause, forbidden = read_pauses(pauses)
        states = tuple(read_states(breakers, now))
        erp = self._erp_limiter.read(account, erp_used)
        return Usage(
            account,
            self.limiter.read(account, used),
            states,
            pause,
            forbidden,
            erp if self.has_erp_budget(account) else None,
            erp.held_seconds,
        )

    def close(self) -> None:
        """Give permits and connections back."""
        self.flush()
        self._shared.close()

    def _look(self, account: str) -> list[Command]:
        return [
            self.limiter.look(account),
            ("HGETALL", breakers_key(account)),
            ("HGETALL", pauses_key(account)),
            self._permits.look(account),
            self._erp_limiter.look(account),
        ]

    def _read_gates(self, account: str, reply: Sequence[Any], now: float) -> Gates:
        budget, breakers, pauses, permits_left, erp_budget = reply
        used = self.limiter.read(account, budget)
        erp = self._erp_limiter.read(account, erp_budget)
        is_paced = self.has_erp_budget(account)
        pause, forbidden = read_pauses(pauses)
        probes = {each.cause: max(0.0, each.probe_at - now) for each in forbidden}
        for state in read_states(breakers, now):
            if state.since is not None:
                probes[state.name] = max(probes.get(state.name, 0.0), state.closed_for)
        return Gates(
            per_second=used.per_minute / 60,
            erp_permits=permits_left,
            erp_calls=self._permits.limit(account) - permits_left,
            erp_per_second=erp.per_minute / 60 if is_paced else math.inf,
            erp_held=max(erp.held_seconds, erp.next_seconds if is_paced else 0.0),
            held=used.held_seconds,
            pause=None if pause is None else max(0.0, pause.probe_at - now),
            probes=probes,
        )

    def _alone(self, account: str) -> Gates:
        pace, part = self.limiter.careful_pace(account), self._permits.part(account)
        erp_pace = math.inf
        if self.has_erp_budget(account):
            erp_pace = self._erp_limiter.careful_pace(account)
        return Gates(per_second=pace, erp_permits=part, erp_per_second=erp_pace)

    def _all_breakers(self) -> list[tuple[tuple[str, str], Breaker]]:
        with self._building:
            return list(self._breakers.items())

    def _erp_wait(self, account: str) -> Wait | None:
        """Take a slot for one call to the account's ERP; return what it waits for else."""
        if not self.has_erp_budget(account):
            self._erp_limiter.held(account)
            return self._erp_rest(account)
        wait = self._erp_limiter.acquire(account, Lane.CANCEL)
        if wait is None:
            return None
        return Wait(wait.seconds, Why.ERP_HOLD if wait.why is Why.HOLD else Why.ERP_BUDGET)

    def _erp_rest(self, account: str) -> Wait | None:
        """Return for how long the account's ERP asked not to be called, if this process knows."""
        held = self._erp_limiter.hold_left(account) if account in self._erp_limits else 0.0
        return Wait(held + self._spread(), Why.ERP_HOLD) if held else None

    def _spread(self) -> float:
        """Return seconds after which one of those who wait for the same thing comes back."""
        return self._random.uniform(0.5, 2.0)

    def _require(self, account: str, name: str, wait: Wait | None) -> None:
        if wait is not None:
            raise wait_error(account, name, wait, self._resources.get(name, ""))


def _peer(account: str, name: str) -> str:
    return f"{account}/{'erp' if name == ERP else 'vtex'}"


def _at_once(limits: Mapping[str, ErpLimits]) -> dict[str, int]:
    return {account: limit.at_once for account, limit in limits.items()}


def _per_minute(limits: Mapping[str, ErpLimits]) -> dict[str, int]:
    return {account: limit.per_minute or _UNLIMITED for account, limit in limits.items()}
