"""Who may come in, for an admin: the desk's users, and the tokens of services."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from starlette.responses import Response

from orders_sync.backoffice.accounts import NotKnown
from orders_sync.gateway.desk.passwords import new_password
from orders_sync.gateway.desk.visit import Visit
from orders_sync.gateway.grants import GrantRefused, create_token, create_user
from orders_sync.gateway.rights import SCOPES
from orders_sync.ledger.decisions import DecisionRefused

#: The boxes of what a token may do.
_SCOPE: Final = "scope."
_LONGEST_DAYS: Final = 3650


def show_people(visit: Visit) -> Response:
    """Return the desk's users, without anybody's password or session."""
    visit.require_admin()
    return _people(visit, done=visit.query("done"))


def decide_person(visit: Visit) -> Response:
    """Let somebody in who is new, give a new password, shut somebody out, or in again."""
    visit.require_admin()
    did = visit.form.get("did", "")
    if did == "create":
        return _create_person(visit)
    name, users = visit.form.get("name", ""), visit.here.ledger.users
    if name == visit.who.name:
        raise DecisionRefused(visit.words("Nobody shuts themselves out."))
    password = new_password() if did == "password" else None
    if password is not None:
        is_done = users.set_password(name, visit.desk.passwords.hash(password), visit.act())
    elif did == "disable":
        is_done = users.disable(name, visit.act())
    else:
        is_done = users.enable(name, visit.act())
    if not is_done:
        raise NotKnown(f"There is no user {name}.")
    if password is not None:
        return _people(visit, made=(name, password))
    return visit.go("/desk/people", done=did)


def _create_person(visit: Visit) -> Response:
    try:
        password, user = create_user(
            visit.here.ledger,
            visit.here.settings,
            visit.desk.passwords,
            name=visit.form.get("name", ""),
            role=visit.form.get("role", ""),
            accounts=_accounts(visit),
            sees_persons="persons" in visit.form,
            password=None,
            act=visit.act(),
        )
    except GrantRefused as error:
        return _people(visit, status=422, wrong=error.wrong)
    return _people(visit, made=(user.name, password))


def _people(visit: Visit, *, status: int = 200, **more: Any) -> Response:
    shown = {"done": "", "wrong": None, "made": None, **more}
    return visit.page("people.html", status=status, people=visit.here.ledger.users.all(), **shown)


def show_tokens(visit: Visit) -> Response:
    """Return the tokens of services, and what each may do; the tokens themselves nobody has."""
    visit.require_admin()
    return _tokens(visit, done=visit.query("done"))


def decide_token(visit: Visit) -> Response:
    """Make a token, which this page alone shows, or end one for good."""
    visit.require_admin()
    ledger = visit.here.ledger
    if visit.form.get("did") == "revoke":
        name = visit.form.get("name", "")
        if not ledger.callers.revoke(name, visit.act()):
            raise NotKnown(f"No token of the name {name} is in force.")
        return visit.go("/desk/tokens", done="revoke")
    days = visit.form.get("days", "").strip()
    if days and not (days.isdecimal() and 1 <= int(days[:5]) <= _LONGEST_DAYS):
        return _tokens(visit, status=422, wrong="days")
    try:
        token, caller = create_token(
            ledger,
            visit.here.settings,
            name=visit.form.get("name", ""),
            scopes=visit.ticked(_SCOPE),
            accounts=_accounts(visit),
            lasts=timedelta(days=int(days)) if days else None,
            act=visit.act(),
        )
    except GrantRefused as error:
        return _tokens(visit, status=422, wrong=error.wrong)
    return _tokens(visit, made=(caller.name, token))


def _tokens(visit: Visit, *, status: int = 200, **more: Any) -> Response:
    shown = {"done": "", "wrong": None, "made": None, **more}
    return visit.page(
        "tokens.html",
        status=status,
        callers=visit.here.ledger.callers.all(),
        scopes=list(SCOPES),
        prefix=_SCOPE,
        **shown,
    )


def _accounts(visit: Visit) -> list[str] | None:
    return None if "all" in visit.form else visit.names_in("accounts")
