"""A browser's request: who visits, by session or trusted proxy, its form, and the page it gets."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from orders_sync.gateway.context import Allowance, Context
from orders_sync.gateway.desk import names
from orders_sync.gateway.desk.live import LiveFigures
from orders_sync.gateway.desk.oidc import Provider
from orders_sync.gateway.desk.words import Words, preferred
from orders_sync.gateway.grants import Passwords
from orders_sync.gateway.rights import (
    NotAllowedError,
    Role,
    Visitor,
    digest_of,
    role_by_groups,
    visitor_of,
)
from orders_sync.ledger import Ledger
from orders_sync.ledger.access import Granted, User
from orders_sync.ledger.journal import Act
from orders_sync.settings_parts import DeskSettings

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_MOST_FIELDS: Final = 2000
#: Where a call's scope has the connection's true peer, before a proxy's headers replace it.
PEER: Final = "orders_sync.peer"
_LONGEST_NAME: Final = 100

View = Callable[["Visit"], Response]


@dataclass(frozen=True, slots=True)
class Desk:
    """What all pages use; the allowances bound tries to sign in."""

    here: Context
    passwords: Passwords
    live: LiveFigures
    tries_of_user: Allowance
    tries_of_address: Allowance
    tries_of_both: Allowance
    languages: Mapping[str, Words]
    pages: Mapping[str, Environment]
    provider: Provider | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page is made from; `visitor` is there wherever the page asks for a right."""

    desk: Desk
    request: Request
    form: Mapping[str, str]
    sent: Secrets
    visitor: Visitor | None
    words: Words
    now: datetime

    @property
    def here(self) -> Context:
        """The process's parts."""
        return self.desk.here

    @property
    def who(self) -> Visitor:
        """Who visits.

        Raises:
            NotAllowedError: nobody is signed in.
        """
        if self.visitor is None:
            raise NotAllowedError("Nobody is signed in.")
        return self.visitor

    @property
    def accounts(self) -> list[str]:
        """The configured accounts that the visitor may see."""
        allowed = self.who.rights.accounts
        return sorted(
            name for name in self.here.settings.accounts if allowed is None or name in allowed
        )

    @property
    def is_admin(self) -> bool:
        """Whether the visitor is an admin of all accounts, who sets users, tokens and endpoints."""
        return (
            self.visitor is not None
            and self.visitor.role is Role.ADMIN
            and self.visitor.rights.accounts is None
        )

    def require_admin(self) -> None:
        """Raise NotAllowedError unless the visitor is an admin for all accounts."""
        if not self.is_admin:
            raise NotAllowedError(f"{self.who.name} is no admin for all accounts.")

    def names_in(self, field: str) -> list[str]:
        """Return the names that a field of the form has, by blanks or commas."""
        return self.form.get(field, "").replace(",", " ").split()

    def ticked(self, prefix: str) -> list[str]:
        """Return the ticked boxes of the form whose names begin so, without that beginning."""
        return [name.removeprefix(prefix) for name in self.form if name.startswith(prefix)]

    def query(self, name: str) -> str:
        """Return a part of the query; empty where it is left out."""
        return self.request.query_params.get(name, "").strip()

    def is_part_for(self, element: str) -> bool:
        """Check whether a script asks for what is in an element of the page, and no more."""
        return self.request.headers.get("hx-target") == element

    def act(self, why: str | None = None) -> Act:
        """Return a decision of the visitor, made now, with the reason that the form has."""
        why = self.form.get("why", "").strip()[:1000] if why is None else why
        return Act(self.now, self.who.name, why or None)

    def text(self, template: str, **values: Any) -> str:
        """Return a part of a page."""
        return (
            self.desk.pages[self.words.language]
            .get_template(template)
            .render(visit=self, words=self.words, now=self.now, names=names, **values)
        )

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Return a page; its forms carry the token of the browser's secret."""
        sent, fresh = self.sent, None
        if not sent.csrf:
            fresh = new_secret()
            sent = Secrets(None, fresh)
        text = self.text(template, csrf=sent.csrf, **values)
        response = HTMLResponse(text, status, {"Content-Security-Policy": POLICY})
        if fresh is not None:
            set_secret(self.request, response, "form", fresh)
        return response

    def go(self, path: str, **query: str) -> Response:
        """Return a redirect to another page."""
        target = f"{path}?{urlencode(query)}" if query else path
        if "hx-request" in self.request.headers:
            return Response(status_code=200, headers={"HX-Redirect": target})
        return RedirectResponse(target, 303)


def read_visit(desk: Desk, request: Request, body: bytes = b"") -> Visit:
    """Return the visit of a request and its form, before anybody is known."""
    try:
        text = body.decode("utf-8")
        form = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        # A form without its token is refused.
        form = {}
    language = preferred(request.headers.get("accept-language", ""))
    return Visit(
        desk=desk,
        request=request,
        form=form,
        sent=secrets_of(request),
        visitor=None,
        words=desk.languages[language],
        now=desk.here.clock(),
    )


def with_visitor(visit: Visit, *, is_use: bool = True) -> Visit:
    """Return a visit with its visitor, who is None where nobody is signed in.

    Raises:
        NotAllowedError: a proxy names somebody who may not use the desk.
        LedgerUnavailable: the ledger does not answer.
    """
    here = visit.here
    visitor = identify(
        visit.request,
        visit.sent,
        ledger=here.ledger,
        settings=here.settings.desk,
        now=visit.now,
        is_use=is_use,
    )
    if visitor is None:
        return replace(visit, sent=Secrets(None, visit.sent.form))
    words = visit.desk.languages.get(visitor.language or "", visit.words)
    return replace(visit, visitor=visitor, words=words)


def identify(
    request: Request,
    sent: Secrets,
    *,
    ledger: Ledger,
    settings: DeskSettings,
    now: datetime,
    is_use: bool = True,
) -> Visitor | None:
    """Return who visits, None where nobody is signed in.

    A request that a page makes by itself (`is_use=False`) does not keep its session from idling.

    Raises:
        NotAllowedError: a proxy names somebody who may not use the desk.
        LedgerUnavailable: the ledger does not answer.
    """
    name = _named_by_proxy(request, settings)
    if name is not None:
        return _of_proxy(name, request, ledger, settings)
    if sent.session is None:
        return None
    session = ledger.sessions.user_of(
        digest_of(sent.session),
        now=now,
        idle=timedelta(minutes=settings.idle_minutes),
        longest=timedelta(hours=settings.session_hours),
        is_use=is_use,
    )
    if session is None:
        return None
    return replace(_of_user(session.user, is_local=session.is_local), has_session=True)


def _named_by_proxy(request: Request, settings: DeskSettings) -> str | None:
    if settings.user_header is None or not _is_trusted(request, settings.trusted_proxies):
        return None
    # Of two headers the visitor may have sent one.
    [name, *others] = request.headers.getlist(settings.user_header) or [""]
    is_name = 0 < len(name.strip()) <= _LONGEST_NAME and name.isprintable()
    return name.strip() if is_name and not others else None


def _is_trusted(request: Request, trusted: str) -> bool:
    peer = request.scope.get(PEER) or (request.client.host if request.client else "")
    networks = [ip_network(network) for network in filter(None, map(str.strip, trusted.split(",")))]
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in networks)


def _of_proxy(name: str, request: Request, ledger: Ledger, settings: DeskSettings) -> Visitor:
    header = request.headers.get(settings.group_header, "") if settings.group_header else ""
    groups = [group.strip() for group in header.split(",")]
    known, granted = rights_of(name, groups, ledger, settings)
    if known is not None:
        return _of_user(known, is_local=False)
    return visitor_of(name, granted.role, None, sees_persons=granted.sees_persons)


def rights_of(
    name: str, groups: Sequence[str], ledger: Ledger, settings: DeskSettings
) -> tuple[User | None, Granted]:
    """Return the rights of a person named by a proxy or a provider: a user of ours, or granted.

    Raises:
        NotAllowedError: it is disabled, or has no role.
    """
    user = ledger.users.find(name)
    if user is not None:
        if user.disabled_at is not None:
            raise NotAllowedError(f"{name} is disabled.")
        return user, Granted(user.role, user.sees_persons)
    granted = role_by_groups(groups, settings.groups, settings.default_role)
    if granted is None:
        raise NotAllowedError(f"{name} has no role at the desk.")
    return None, Granted(*granted)


def _of_user(user: User, *, is_local: bool) -> Visitor:
    return visitor_of(
        user.name,
        user.role,
        user.accounts,
        sees_persons=user.sees_persons,
        language=user.language,
        is_local=is_local,
    )


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets a browser sent: its session's token, and the secret of its forms."""

    session: str | None
    form: str | None

    @property
    def csrf(self) -> str:
        """The token that every form of this browser carries; empty where it has no secret yet."""
        secret = self.session or self.form
        return hmac.new(secret.encode(), b"form", "sha256").hexdigest() if secret else ""

    def is_own_form(self, token: str) -> bool:
        """Check that a form is one that this browser was given."""
        return bool(self.csrf) and hmac.compare_digest(self.csrf.encode(), token.encode())


def secrets_of(request: Request) -> Secrets:
    """Return the secrets that a browser sent."""
    return Secrets(secret_of(request, "session"), secret_of(request, "form"))


def secret_of(request: Request, kind: str) -> str | None:
    """Return a secret that a browser keeps."""
    return request.cookies.get(_name(request, kind))


def set_secret(request: Request, response: Response, kind: str, value: str | None) -> None:
    """Set, or delete, a browser's cookie with the secret of its `session`, `form` or `oidc`."""
    name, is_https = _name(request, kind), request.url.scheme == "https"
    path = "/" if is_https else "/desk"
    if value is None:
        response.delete_cookie(name, path, secure=is_https, httponly=True, samesite="lax")
    else:
        response.set_cookie(name, value, path=path, secure=is_https, httponly=True, samesite="lax")


def _name(request: Request, kind: str) -> str:
    # https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes
    return f"__Host-desk-{kind}" if request.url.scheme == "https" else f"desk-{kind}"


def new_secret() -> str:
    """Return a new random secret."""
    return secrets.token_urlsafe(32)
