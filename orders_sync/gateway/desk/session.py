"""Who visits: by a session's cookie, or by the word of a proxy that is believed."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from orders_sync.gateway.desk.roles import Visitor, role_by_groups, visitor_of
from orders_sync.gateway.rights import NotAllowedError
from orders_sync.ledger import Ledger
from orders_sync.ledger.users import Granted, User
from orders_sync.settings_parts import DeskSettings

#: What the server keeps of a connection's true peer, before a proxy's headers take its place.
PEER: Final = "orders_sync.peer"

_LONGEST_NAME: Final = 100
_TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a browser sent of ours: its session's token, and the secret of its forms."""

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
    """Return what a browser sent of ours."""
    return Secrets(secret_of(request, "session"), secret_of(request, "form"))


def secret_of(request: Request, kind: str) -> str | None:
    """Return a secret that a browser keeps."""
    return request.cookies.get(_name(request, kind))


def set_secret(request: Request, response: Response, kind: str, value: str | None) -> None:
    """Have a browser keep the secret of its `session`, its `form` or its `oidc`, or forget it."""
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
    """Return a secret that nobody can guess."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def digest_of(secret: str) -> str:
    """Return what the ledger keeps of a session's token."""
    return hashlib.sha256(secret.encode()).hexdigest()


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

    What a page asks for by itself is no use of a session: it goes idle all the same.

    Raises:
        NotAllowedError: a proxy names somebody who may not use the desk.
        LedgerUnavailable: nobody can be asked.
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
    # Where there are two, a visitor may have sent one.
    [name, *others] = request.headers.getlist(settings.user_header) or [""]
    is_name = 0 < len(name.strip()) <= _LONGEST_NAME and name.isprintable()
    return name.strip() if is_name and not others else None


def _is_trusted(request: Request, trusted: str) -> bool:
    peer = request.scope.get(PEER) or (request.client.host if request.client else "")
    networks = [ip_network(each) for each in filter(None, map(str.strip, trusted.split(",")))]
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
    """Return what somebody may do whom a proxy or a provider names: as a user of ours, or granted.

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
