"""Checks that a call may be made now, and learns from how it ended."""

from __future__ import annotations

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
from orders_sync.traffic.erp import ErpLimits, ErpTraffic
from orders_sync.traffic.limiter import Header, RateLimiter, Used
from orders_sync.traffic.pause import Pause, PauseState, pauses_key, read_pauses
from orders_sync.traffic.shared import Command, Shared
from orders_sync.traffic.waits import ERP, Delay, Gates, Lane, during_outage, wait_error

_POLICY: Final = BreakerPolicy()


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
    """Decides who may call now, for every account.

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
        self._erps = ErpTraffic(
            shared,
            budgets,
            erp_limits or {},
            process=self._process,
            processes=processes,
            random=random,
            clock=clock,
            sleep=sleep,
        )

    def follow(self, budgets: Mapping[str, int], erp_limits: Mapping[str, ErpLimits]) -> None:
        """Keep to these accounts from now on, with these budgets and limits."""
        self.limiter.follow(budgets)
        self._erps.follow(erp_limits)
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
            delay = self.limiter.acquire(account, lane)
            if delay is not None:
                raise wait_error(account, group, delay)
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
        with self.guard(account, ERP), self._erps.call(account, seconds):
            yield

    def flush(self) -> None:
        """Send what need not be sent at once; to be called every second or so."""
        self._erps.flush()

    def forget_holder(self, process: str) -> None:
        """Return the ERP permits of a process that is dead; `process` is its name."""
        self._erps.forget(process, self._accounts)

    def erp_rests(self, account: str) -> Delay | None:
        """Return how long the account's ERP is left alone, without calling it."""
        return self.breaker(account, ERP).is_open() or self._erps.rest(account)

    def has_erp_budget(self, account: str) -> bool:
        """Check whether the account's ERP may be called so many times in a minute only."""
        return self._erps.is_paced(account)

    def look_at_erps(self, accounts: Collection[str]) -> None:
        """Read the breakers of many ERPs in one round trip: none is read again for a moment."""
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
        return tuple(sorted({_peer(*of) for of, known in self._all_breakers() if known.is_sick}))

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
        now, (used, breakers, pauses, *erp_replies) = asked
        pause, forbidden = read_pauses(pauses)
        states = tuple(read_states(breakers, now))
        erp = self._erps.read(account, erp_replies)
        return Usage(
            account,
            self.limiter.read(account, used),
            states,
            pause,
            forbidden,
            erp.used if erp.is_paced else None,
            erp.used.held_seconds,
        )

    def close(self) -> None:
        """Return permits and connections."""
        self.flush()
        self._shared.close()

    def _look(self, account: str) -> list[Command]:
        return [
            self.limiter.look(account),
            ("HGETALL", breakers_key(account)),
            ("HGETALL", pauses_key(account)),
            *self._erps.look(account),
        ]

    def _read_gates(self, account: str, reply: Sequence[Any], now: float) -> Gates:
        budget, breakers, pauses, *erp_replies = reply
        used = self.limiter.read(account, budget)
        erp = self._erps.read(account, erp_replies)
        pause, forbidden = read_pauses(pauses)
        probes = {state.cause: max(0.0, state.probe_at - now) for state in forbidden}
        for state in read_states(breakers, now):
            if state.since is not None:
                probes[state.name] = max(probes.get(state.name, 0.0), state.closed_for)
        return Gates(
            per_second=used.per_minute / 60,
            erp_permits=erp.permits,
            erp_calls=erp.calls,
            erp_per_second=erp.per_second,
            erp_held=erp.held_seconds,
            held=used.held_seconds,
            pause=None if pause is None else max(0.0, pause.probe_at - now),
            probes=probes,
        )

    def _alone(self, account: str) -> Gates:
        permits, erp_pace = self._erps.part(account)
        pace = self.limiter.careful_pace(account)
        return Gates(per_second=pace, erp_permits=permits, erp_per_second=erp_pace)

    def _all_breakers(self) -> list[tuple[tuple[str, str], Breaker]]:
        with self._building:
            return list(self._breakers.items())

    def _require(self, account: str, name: str, delay: Delay | None) -> None:
        if delay is not None:
            raise wait_error(account, name, delay, self._resources.get(name, ""))


def _peer(account: str, name: str) -> str:
    return f"{account}/{'erp' if name == ERP else 'vtex'}"
