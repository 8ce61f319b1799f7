"""Signing in and out, and each person's own settings: language and password."""

from __future__ import annotations

import math
from datetime import timedelta

import structlog
from starlette.responses import Response

from orders_sync.backoffice.accounts import NotKnown
from orders_sync.gateway.desk.oidc import Provider, ProviderAway, SignInRefused, SignInTry
from orders_sync.gateway.desk.visit import (
    Visit,
    new_secret,
    rights_of,
    secret_of,
    set_secret,
)
from orders_sync.gateway.desk.words import LANGUAGES
from orders_sync.gateway.grants import WeakPassword, require_strong
from orders_sync.gateway.rights import NotAllowedError, digest_of
from orders_sync.ledger.access import Granted, User

log = structlog.get_logger(__name__)


def show_sign_in(visit: Visit) -> Response:
    """Return the form, or a redirect where somebody is signed in."""
    if visit.visitor is not None:
        return visit.go(_target(visit.query("next")))
    out = "signed_out" if visit.query("out") else None
    return visit.page("sign_in.html", problem=out, next=visit.query("next"), name="")


def sign_in(visit: Visit) -> Response:
    """Start a session for a name and its password, in the same time whether there is such a name.

    Tries are bounded by name, by address and by both, so that tries from one address do not lock
    out a person at another one.
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
    return _start(visit, user.name, visit.go(_target(target)))


def begin_oidc(visit: Visit) -> Response:
    """Redirect to the provider's sign-in; a cookie of the browser keeps the try."""
    provider = _provider(visit)
    attempt = SignInTry.new(_target(visit.query("next")), visit.now)
    try:
        url = provider.begin(attempt, _callback(visit))
    except ProviderAway as error:
        return _away(visit, error)
    response = visit.go(url)
    set_secret(visit.request, response, "oidc", attempt.to_text())
    return response


def finish_oidc(visit: Visit) -> Response:
    """Start a session for the person the provider names, with the rights of the name or its groups.

    Raises:
        NotAllowedError: it is disabled here, or has no role.
    """
    provider, kept = _provider(visit), secret_of(visit.request, "oidc")
    try:
        attempt = SignInTry.from_text(kept, state=visit.query("state"), now=visit.now)
        person = provider.finish(visit.query("code"), attempt, _callback(visit), now=visit.now)
    except ProviderAway as error:
        return _away(visit, error)
    except SignInRefused as error:
        log.warning("desk.oidc_refused", cause=str(error))
        response = visit.page("sign_in.html", status=403, problem="refused", next="", name="")
    else:
        settings = visit.here.settings.desk
        known, granted = rights_of(person.name, person.groups, visit.here.ledger, settings)
        response = _start(
            visit,
            person.name,
            visit.go(attempt.target),
            is_local=False,
            granted=None if known else granted,
        )
    set_secret(visit.request, response, "oidc", None)
    return response


def sign_out_oidc(visit: Visit) -> Response:
    """Redirect to the provider's sign-out, or else to the sign-in."""
    back = f"{_origin(visit)}/desk/sign-in"
    return visit.go(_provider(visit).end_url(back) or "/desk/sign-in")


def sign_out(visit: Visit) -> Response:
    """End this session; others of the same person stay open."""
    if visit.sent.session is not None:
        visit.here.ledger.sessions.end(digest_of(visit.sent.session))
    response = visit.go("/desk/sign-in", out="1")
    set_secret(visit.request, response, "session", None)
    return response


def show_me(visit: Visit) -> Response:
    """Return the visitor's rights, and the forms of language and password."""
    return visit.page("me.html", problem=None, done=visit.query("done"))


def set_language(visit: Visit) -> Response:
    """Set the language in which the visitor reads the desk."""
    language = visit.form.get("language", "")
    if visit.who.is_local and language in LANGUAGES:
        visit.here.ledger.users.set_language(visit.who.name, language)
    return visit.go("/desk/me", done="language")


def set_password(visit: Visit) -> Response:
    """Set another password for a visitor who gives the present one; all other sessions end."""
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
    return _start(visit, user.name, visit.go("/desk/me", done="password"))


def _start(
    visit: Visit,
    name: str,
    response: Response,
    *,
    is_local: bool = True,
    granted: Granted | None = None,
) -> Response:
    token = new_secret()
    visit.here.ledger.sessions.start(
        digest_of(token),
        name,
        now=visit.now,
        longest=timedelta(hours=visit.here.settings.desk.session_hours),
        is_local=is_local,
        granted=granted,
    )
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


def _provider(visit: Visit) -> Provider:
    if visit.desk.provider is None:
        raise NotKnown("No provider is set: ORDERS_SYNC_DESK__OIDC__ISSUER.")
    return visit.desk.provider


def _away(visit: Visit, error: ProviderAway) -> Response:
    log.error("desk.oidc_away", cause=str(error))
    return visit.page("sign_in.html", status=503, problem="away", next="", name="")


def _origin(visit: Visit) -> str:
    url = visit.request.url
    return f"{url.scheme}://{url.netloc}"


def _callback(visit: Visit) -> str:
    return f"{_origin(visit)}/desk/oidc/callback"


def _target(path: str) -> str:
    """Return a path to go on to: a page of the desk, and no other site's."""
    is_ours = path.startswith("/desk/") and "\\" not in path and path.isprintable()
    return path if is_ours and not path.startswith("/desk/sign") else "/desk/"
