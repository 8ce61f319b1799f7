"""The accounts of a run: one that everything befalls, and some in lasting trouble. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from orders_sync.demo.environment import ACCOUNT
from orders_sync.demo.fates import CONFLICTS, DEMO_ROUND, Fate

#: The one whose VTEX and ERP are hurt by the faults of the timetable.
MAIN: Final = ACCOUNT
#: It has no trouble of its own: what it suffers comes from the others.
NEIGHBOUR: Final = "neighbour"
#: Its ERP takes long for every order.
SLOW: Final = "slow"
#: Its key is revoked for a while, with a backlog of commands behind it.
REFUSED: Final = "refused"
#: VTEX takes fewer calls from it than it was told.
LIMITED: Final = "limited"

#: The neighbour's orders come in two equal parts: alone, and beside the others' trouble.
NEIGHBOURS_PART: Final = 20
#: More than all threads of all workers, so that a queue of everybody's would be stopped.
_SLOW_ORDERS: Final = 150
_LIMITED_ORDERS: Final = 20
_LIMITED_REQUESTS: Final = 300
#: Orders of the backlog have a dozen commands each: seven for each order of the main account.
_BACKLOG_SHARE: Final = 7 / 12
_FEWEST_IN_BACKLOG: Final = 35

#: An order and its commands need about so many calls, and all orders come within a minute: so the
#: budget is short from beginning to end. With 300 orders it is the one that VTEX publishes.
#: https://developers.vtex.com/docs/guides/best-practices-for-avoiding-rate-limit-errors
_CALLS_AN_ORDER: Final = 20
#: What looking for work costs, whether there is any or not.
_FEWEST_REQUESTS: Final = 600

_CONFLICT_SHARE: Final = 2
_EDITED: Final = {Fate.EDITED_IN_ADMIN: 5}
_AT_ONCE_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """One account: how many orders it gets, and how often which fate becomes of them.

    VTEX takes `requests_per_minute`, and we are told `configured_per_minute`. It shows what it
    accepted after `effect_seconds`; None leaves that to the run.
    """

    name: str
    orders: int
    shares: Mapping[Fate, int]
    requests_per_minute: int
    configured_per_minute: int
    effect_seconds: float | None = None


def plan_accounts(orders: int) -> tuple[AccountPlan, ...]:
    """Plan the accounts of a run whose main account gets so many orders; that one comes first."""
    budget = max(orders * _CALLS_AN_ORDER, _FEWEST_REQUESTS)
    backlog = max(round(orders * _BACKLOG_SHARE), _FEWEST_IN_BACKLOG)
    conflicts = dict.fromkeys(CONFLICTS, _CONFLICT_SHARE)
    return (
        _within_budget(MAIN, orders, {**DEMO_ROUND, **conflicts, **_EDITED}, budget),
        _neighbour(budget),
        _within_budget(SLOW, _SLOW_ORDERS, {Fate.INVOICED_THEN_REST: 1}, budget),
        _within_budget(REFUSED, backlog, {Fate.ASKED_MUCH: 1}, budget),
        AccountPlan(LIMITED, _LIMITED_ORDERS, conflicts, _LIMITED_REQUESTS, 2 * _LIMITED_REQUESTS),
    )


def _neighbour(requests_per_minute: int) -> AccountPlan:
    """Plan the account whose waits are compared: none of them is VTEX's own."""
    shares = {Fate.INVOICED: 1}
    plan = _within_budget(NEIGHBOUR, 2 * NEIGHBOURS_PART, shares, requests_per_minute)
    return replace(plan, effect_seconds=_AT_ONCE_SECONDS)


def _within_budget(
    name: str, orders: int, shares: Mapping[Fate, int], requests_per_minute: int
) -> AccountPlan:
    """Plan an account that may make nine tenths of VTEX's calls, since others share it."""
    configured = requests_per_minute * 9 // 10
    return AccountPlan(name, orders, shares, requests_per_minute, configured)
