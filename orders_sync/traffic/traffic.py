"""Asks all that must agree to a call, and tells all that learn from how it ended."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic, sleep
from typing import Final

from orders_sync.errors import (
    AuthFailed,
    ErpUnavailable,
    OutcomeUnknown,
    ParkedError,
    RateLimited,
    Unavailable,
)
from orders_sync.traffic.breaker import Breaker, BreakerPolicy, BreakerState, read_states
from orders_sync.traffic.headers import Header
from orders_sync.traffic.lanes import Lane, Wait
from orders_sync.traffic.limiter import RateLimiter, Used
from orders_sync.traffic.outage import during_outage
from orders_sync.traffic.pause import Pause, PauseState, pauses_key, read_pauses
from orders_sync.traffic.shared import Shared, key
from orders_sync.traffic.waits import wait_error

ERP: Final = "erp"


@dataclass(frozen=True, slots=True)
class Usage:
    """An account's traffic as all processes see it; `used` is None while Redis is away.

    `forbidden` are the groups of calls for which the key lacks a permission.
    """

    account: str
    used: Used | None
    breakers: tuple[BreakerState, ...]
    pause: PauseState | None
    forbidden: tuple[PauseState, ...] = ()


class Traffic:
    """Says who may call now, for every account.

    `budgets` are calls per minute, by account; `processes` is how many share them while Redis is
    away. What is paused is probed every `probe_seconds`. `resources` are what grants each group of
    calls in VTEX's License Manager.
    """

    def __init__(
        self,
        shared: Shared,
        budgets: Mapping[str, int],
        *,
        processes: int,
        random: random.Random,
        policy: BreakerPolicy | None = None,
        resources: Mapping[str, str] | None = None,
        probe_seconds: float = 15.0,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], None] = sleep,
    ) -> None:
        self._shared = shared
        self._policy = policy or BreakerPolicy()
        self._resources = resources or {}
        self._probe_seconds = probe_seconds
        self._random = random
        self._clock = clock
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._pauses: dict[str, Pause] = {}
        self._building = threading.Lock()
        self.limiter = RateLimiter(shared, budgets, processes=processes, clock=clock, sleep=sleep)

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
                self.limiter.hold(account, error.seconds, cut=True)
                raise
            except (Unavailable, OutcomeUnknown) as error:
                if error.retry_after is not None:
                    self.limiter.hold(account, error.retry_after, cut=False)
                raise
            except AuthFailed:
                pause.refused(group, is_key_unknown=status == HTTPStatus.UNAUTHORIZED)
                raise
            except ParkedError:
                pause.accepted(group)
                raise
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
        except ErpUnavailable:
            breaker.failed()
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

    def erp_rests(self, account: str) -> Wait | None:
        """Say whether the account's ERP is left alone now, without calling it."""
        return self.breaker(account, ERP).is_open()

    def breaker(self, account: str, name: str) -> Breaker:
        """Give the breaker of one group of endpoints, or of the ERP."""
        with self._building:
            if (account, name) not in self._breakers:
                self._breakers[account, name] = Breaker(
                    self._shared,
                    account,
                    name,
                    policy=self._policy,
                    random=self._random,
                    clock=self._clock,
                )
            return self._breakers[account, name]

    def pause(self, account: str) -> Pause:
        """Give the account's pause."""
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
        """Tell how the account's traffic stands."""
        breakers = self._shared.fields(key(account, "breakers")) or {}
        pause, forbidden = read_pauses(self._shared.fields(pauses_key(account)) or {})
        now = self._shared.now() or 0.0
        states = tuple(read_states(breakers, now))
        return Usage(account, self.limiter.used(account), states, pause, forbidden)

    def close(self) -> None:
        """Give the connections back."""
        self._shared.close()

    def _require(self, account: str, name: str, wait: Wait | None) -> None:
        if wait is not None:
            raise wait_error(account, name, wait, self._resources.get(name, ""))
