"""Work that needs a person: parked work by cause, strays, and findings about the system."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from starlette.responses import Response

from orders_sync.backoffice.accounts import NotKnown
from orders_sync.backoffice.parked import (
    Parked,
    ParkedEnd,
    ParkedPage,
    decide_each,
    discard,
    plan_retry,
    retry,
)
from orders_sync.domain.rules import Standing
from orders_sync.gateway.desk.visit import Visit
from orders_sync.gateway.rights import Scope
from orders_sync.ledger.decisions import DecisionRefused
from orders_sync.ledger.searches import (
    CommandSearch,
    OrderSearch,
)
from orders_sync.ledger.strays import RETRYABLE

_ROWS: Final = 50
#: So many are retried by one press; each is a transaction.
_AT_ONCE: Final = 500


def show_needs(visit: Visit) -> Response:
    """Return the parked work of all the visitor's accounts, or of one, and the system's findings.

    htmx asks for the findings alone where there were none yet.
    """
    account, allowed = _account(visit), visit.who.rights.accounts
    look = visit.desk.live.look()
    findings = look.findings_for(visit.who.rights, account) if look else None
    if visit.is_part_for("system"):
        return visit.page("needs_findings.html", account=account, findings=findings)
    sees_all = allowed is None and account is None
    strays = visit.here.ledger.strays
    return visit.page(
        "needs.html",
        account=account,
        groups=visit.here.ledger.searches.parked_groups(_accounts(account, allowed)),
        strays=strays.parked(limit=_ROWS) if sees_all else [],
        stray_count=sum(strays.count_parked().values()) if sees_all else 0,
        findings=findings,
    )


def show_cause(visit: Visit) -> Response:
    """Return the parked work of a cause, the latest first."""
    cause, account = visit.query("cause"), _account(visit)
    accounts = _accounts(account, visit.who.rights.accounts)
    searches = visit.here.ledger.searches
    after = _after(visit)
    orders, order_count = searches.search_orders(
        OrderSearch(accounts=accounts, standing=Standing.PARKED, cause=cause),
        limit=_ROWS,
        after=after.orders,
    )
    commands, command_count = searches.search_commands(
        CommandSearch(accounts=accounts, standing=Standing.PARKED, cause=cause),
        limit=_ROWS,
        after=after.commands,
    )
    page = ParkedPage.of(orders, commands, _ROWS, after)
    return visit.page(
        "cause.html",
        account=account,
        cause=cause,
        rows=page.rows,
        total=order_count + command_count,
        following=page.end.to_text() if page.end else None,
    )


def show_retry(visit: Visit) -> Response:
    """Return the plan of a retry of a cause, and the form that starts it."""
    cause, account = visit.query("cause"), _account(visit)
    accounts = _accounts(account, visit.who.rights.accounts)
    plan = plan_retry(visit.here.ledger, cause, accounts, limit=_AT_ONCE)
    return visit.page("retry.html", account=account, cause=cause, plan=plan, outcome=None)


def retry_cause(visit: Visit) -> Response:
    """Retry the parked work of a cause; return how it ended."""
    cause, account = visit.form.get("cause", ""), _account(visit, visit.form.get("account", ""))
    accounts = _accounts(account, visit.who.rights.accounts)
    ledger, act = visit.here.ledger, visit.act()
    outcome = decide_each(
        plan_retry(ledger, cause, accounts, limit=_AT_ONCE).can,
        lambda parked: retry(ledger, parked, act, put_back=visit.here.put_back),
        visit.here.dispatch,
    )
    left = plan_retry(ledger, cause, accounts, limit=_AT_ONCE)
    return visit.page("retry.html", account=account, cause=cause, plan=left, outcome=outcome)


def show_stray(visit: Visit) -> Response:
    """Return a stray message; its body only where persons may be seen."""
    visit.who.rights.require(Scope.READ, None)
    stray_id = visit.query("id")
    stray = visit.here.ledger.strays.find(stray_id)
    if stray is None:
        raise NotKnown(f"There is no stray message {stray_id}.")
    body = visit.here.ledger.strays.body(stray_id) if visit.who.sees_persons else None
    text = None if body is None else body.decode(errors="replace")[:100_000]
    return visit.page(
        "stray.html",
        stray=stray,
        body=text,
        can_retry=stray["reason"] in RETRYABLE,
        done=visit.query("done"),
    )


def decide_stray(visit: Visit) -> Response:
    """Put a stray message back on its queue, or erase it."""
    visit.who.rights.require(Scope.DECIDE, None)
    parked = Parked("", "", stray_id=visit.form.get("id", ""))
    decide(visit, parked, visit.form.get("did", ""))
    return visit.go("/desk/stray", id=parked.stray_id or "", done=visit.form.get("did", ""))


def decide(visit: Visit, parked: Parked, did: str) -> None:
    """Retry or discard parked work, as a form says.

    Raises:
        DecisionRefused: it is not parked, or a reason is missing.
    """
    act = visit.act()
    if did == "discard" and act.why is None:
        raise DecisionRefused("Say why it is given up.")
    ledger = visit.here.ledger
    if did == "discard":
        following = discard(ledger, parked, act)
    elif did == "retry":
        following = retry(ledger, parked, act, put_back=visit.here.put_back)
    else:
        raise NotKnown("A form says retry or discard.")
    visit.here.dispatch(following)


def _account(visit: Visit, name: str | None = None) -> str | None:
    """Return the account of the query, None for all that the visitor may see."""
    name = visit.query("account") if name is None else name
    if not name:
        return None
    visit.who.rights.require(Scope.READ, name)
    return name


def _accounts(account: str | None, allowed: Collection[str] | None) -> Sequence[str] | None:
    return [account] if account is not None else (None if allowed is None else sorted(allowed))


def _after(visit: Visit) -> ParkedEnd:
    try:
        return ParkedEnd.from_text(visit.query("after"))
    except ValueError:
        return ParkedEnd()
