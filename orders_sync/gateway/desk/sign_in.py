"""Signing in and out, and what people set for themselves: language and password."""

from __future__ import annotations

import math
from datetime import timedelta

import structlog
from starlette.responses import Response

from orders_sync.gateway.desk.passwords import WeakPassword, require_strong
from orders_sync.gateway.desk.session import digest_of, new_secret, set_secret
from orders_sync.gateway.desk.visit import Visit
from orders_sync.gateway.desk.words import LANGUAGES
from orders_sync.gateway.rights import NotAllowedError
from orders_sync.ledger.users import User

log = structlog.get_logger(__name__)


def show_sign_in(visit: Visit) -> Response:
    """Return the form, or go on where somebody is signed in."""
    if visit.visitor is not None:
        return visit.go(_target(visit.query("next")))
    return visit.page("sign_in.html", problem=None, next=visit.query("next"), name="")


def sign_in(visit: Visit) -> Response:
    """Start a session for a name and its password, in the same time whether there is such a name.

    Tries are bounded by name, by address and by both: from one address nobody can keep somebody
    at another one out.
    """
    name, password = visit.form.get("name", "").strip(), visit.form.get("password", "")
    target = visit.form.get("next", "")
    seconds = _seconds_to_wait(visit, name)
    if seconds:
        log.warning("desk.sign_in_bounded")
        minutes = math.ceil(seconds / 60)
        answer = visit.page(
            "sign_in.html", status=429, problem="often", next=target, name=name, minutes=minutes
        )
        answer.headers["Retry-After"] = f"{math.ceil(seconds)}"
        return answer
    user = visit.here.ledger.users.find(name)
    if not _is_let_in(visit, user, password) or user is None:
        log.warning("desk.sign_in_failed")
        return visit.page("sign_in.html", status=403, problem="wrong", next=target, name=name)
    return _start(visit, user, visit.go(_target(target)))


def sign_out(visit: Visit) -> Response:
    """End the session; what is open elsewhere stays open."""
    if visit.sent.session is not None:
        visit.here.ledger.sessions.end(digest_of(visit.sent.session))
    response = visit.go("/desk/sign-in")
    set_secret(visit.request, response, "session", None)
    return response


def show_me(visit: Visit) -> Response:
    """Return what somebody may do, and the forms of language and password."""
    return visit.page("me.html", problem=None, done=visit.query("done"))


def set_language(visit: Visit) -> Response:
    """Keep the language that somebody reads the desk in."""
    language = visit.form.get("language", "")
    if visit.who.is_local and language in LANGUAGES:
        visit.here.ledger.users.set_language(visit.who.name, language)
    return visit.go("/desk/me", done="language")


def set_password(visit: Visit) -> Response:
    """Give somebody who knows the present password another one; all other sessions end."""
    user = visit.here.ledger.users.find(visit.who.name) if visit.who.is_local else None
    if user is None:
        raise NotAllowedError(f"{visit.who.name} signs in elsewhere.")
    if _seconds_to_wait(visit, user.name) or not _is_let_in(
        visit, user, visit.form.get("present", "")
    ):
        return visit.page("me.html", status=403, problem="wrong", done="")
    try:
        password = require_strong(visit.form.get("password", ""), user.name)
    except WeakPassword:
        return visit.page("me.html", status=422, problem="weak", done="")
    hashed = visit.desk.passwords.hash(password)
    visit.here.ledger.users.set_password(user.name, hashed, visit.act("by themselves"))
    return _start(visit, user, visit.go("/desk/me", done="password"))


def _start(visit: Visit, user: User, response: Response) -> Response:
    token = new_secret()
    longest = timedelta(hours=visit.here.settings.desk.session_hours)
    visit.here.ledger.sessions.start(digest_of(token), user.name, now=visit.now, longest=longest)
    set_secret(visit.request, response, "session", token)
    return response


def _is_let_in(visit: Visit, user: User | None, password: str) -> bool:
    kept = user.password if user is not None and user.disabled_at is None else None
    return visit.desk.passwords.is_right(password, kept)


def _seconds_to_wait(visit: Visit, name: str) -> float:
    address = visit.request.client.host if visit.request.client else ""
    desk, name = visit.desk, name[:100]
    return max(
        desk.tries_of_both.take(f"{name}|{address}"),
        desk.tries_of_address.take(address),
        desk.tries_of_user.take(name),
    )


def _target(path: str) -> str:
    """Return where to go on: a page of the desk, and no other site's."""
    is_ours = path.startswith("/desk/") and "\\" not in path and path.isprintable()
    return path if is_ours and not path.startswith("/desk/sign") else "/desk/"
