"""One request of a browser: who visits, in which language, and the page that answers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import resources
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from orders_sync.backoffice.accounts import NotKnown
from orders_sync.errors import LedgerUnavailable
from orders_sync.gateway.callers import Allowance
from orders_sync.gateway.context import Context
from orders_sync.gateway.desk import names
from orders_sync.gateway.desk.live import LiveFigures
from orders_sync.gateway.desk.oidc import Provider
from orders_sync.gateway.desk.passwords import Passwords
from orders_sync.gateway.desk.roles import Role, Visitor
from orders_sync.gateway.desk.session import Secrets, identify, new_secret, secrets_of, set_secret
from orders_sync.gateway.desk.words import LANGUAGES, Words, load_languages, preferred
from orders_sync.gateway.rights import NotAllowedError, Scope
from orders_sync.ledger.acts import Act
from orders_sync.ledger.decisions import DecisionRefused

log = structlog.get_logger(__name__)

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_MOST_FIELDS: Final = 2000

Page = Callable[["Visit"], Response]


class WrongForm(NotAllowedError):
    """Raised for a form that this browser was not given, or was given to somebody else."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What all pages work with; the allowances bound tries to sign in."""

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
        """Whether the visitor may say who comes in, and where events go: an admin of all."""
        return (
            self.visitor is not None
            and self.visitor.role is Role.ADMIN
            and self.visitor.rights.accounts is None
        )

    def require_admin(self) -> None:
        """Refuse whoever is no admin for all accounts.

        Raises:
            NotAllowedError: it is not.
        """
        if not self.is_admin:
            raise NotAllowedError(f"{self.who.name} is no admin for all accounts.")

    def names_in(self, field: str) -> list[str]:
        """Return the names that a field of the form has, by blanks or commas."""
        return self.form.get(field, "").replace(",", " ").split()

    def ticked(self, prefix: str) -> list[str]:
        """Return what is ticked of the form's boxes whose names begin so."""
        return [name.removeprefix(prefix) for name in self.form if name.startswith(prefix)]

    def path(self, name: str) -> str:
        """Return a part of the path that the route names."""
        value: str = self.request.path_params[name]
        return value

    def query(self, name: str) -> str:
        """Return a part of the query; empty where it is left out."""
        return self.request.query_params.get(name, "").strip()

    def act(self, why: str | None = None) -> Act:
        """Say who decides something now, and why as the form says."""
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
        """Have the browser go on to another page."""
        target = f"{path}?{urlencode(query)}" if query else path
        if "hx-request" in self.request.headers:
            return Response(status_code=200, headers={"HX-Redirect": target})
        return RedirectResponse(target, 303)


def open_desk(here: Context, live: LiveFigures, monotonic: Callable[[], float]) -> Desk:
    """Return what all pages work with."""
    languages, version = load_languages(), static_version()
    oidc = here.settings.desk.oidc
    return Desk(
        here=here,
        passwords=Passwords(),
        live=live,
        tries_of_user=Allowance(100, monotonic, burst=100),
        tries_of_address=Allowance(30, monotonic, burst=30),
        tries_of_both=Allowance(6, monotonic, burst=10),
        languages=languages,
        pages={name: _environment(words, version) for name, words in languages.items()},
        provider=Provider(oidc, monotonic) if oidc.issuer else None,
    )


def _environment(words: Words, version: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("orders_sync.gateway.desk"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(words.translations, newstyle=True)  # type: ignore[attr-defined]
    environment.filters["path"] = lambda text: quote(text, safe="")
    environment.globals.update(LANGUAGES=LANGUAGES, Role=Role, static_version=version)
    return environment


#: The files that pages load, with their types.
STATIC: Final = {
    "desk.css": "text/css",
    "desk.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "htmx.LICENSE.txt": "text/plain",
    "icon.svg": "image/svg+xml",
}


def static_version() -> str:
    """Return what changes with the files that the pages load."""
    return hashlib.sha256(b"".join(map(static_text, STATIC))).hexdigest()[:12]


def static_text(name: str) -> bytes:
    """Return a file that the pages load."""
    return (resources.files("orders_sync.gateway.desk") / "static" / name).read_bytes()


def endpoint(desk: Desk, page: Page, right: Scope | None) -> Callable[[Request], Any]:
    """Return a route's endpoint: the page for whoever has the right, in a thread."""

    async def answer(request: Request) -> Response:
        body = await request.body() if request.method == "POST" else b""
        return await run_in_threadpool(_answer, desk, page, right, request, body)

    return answer


def visit_of(desk: Desk, request: Request, *, is_use: bool = True) -> Visit:
    """Return a request without a form, with who visits.

    Raises:
        NotAllowedError: a proxy names somebody who may not use the desk.
        LedgerUnavailable: nobody can be asked.
    """
    return _signed_in(_visit(desk, request, b""), is_use=is_use)


def _answer(desk: Desk, page: Page, right: Scope | None, request: Request, body: bytes) -> Response:
    visit = _visit(desk, request, body)
    try:
        visit = _signed_in(visit)
        return _made(visit, page, right)
    except WrongForm:
        return visit.page("problem.html", status=403, problem="form")
    except NotAllowedError:
        return visit.page("problem.html", status=403, problem="not_allowed")
    except NotKnown:
        return visit.page("problem.html", status=404, problem="not_known")
    except DecisionRefused as error:
        return visit.page("problem.html", status=409, problem="refused", says=str(error))
    except LedgerUnavailable as error:
        response = visit.page("problem.html", status=503, problem="ledger")
        response.headers["Retry-After"] = f"{math.ceil(error.seconds)}"
        return response
    except Exception as error:  # noqa: BLE001 - Whatever it is, a person is told where to look.
        log.error("desk.failed", error=type(error).__name__)  # noqa: TRY400 - No row is logged.
        return visit.page("problem.html", status=500, problem="unexpected")


def _made(visit: Visit, page: Page, right: Scope | None) -> Response:
    if right is not None and visit.visitor is None:
        return visit.go("/desk/sign-in", **_return_to(visit.request))
    if right is not None and right not in visit.who.rights.scopes:
        raise NotAllowedError(f"{visit.who.name} may not {right}.")
    if visit.request.method == "POST":
        _require_own_form(visit)
    return page(visit)


def _visit(desk: Desk, request: Request, body: bytes) -> Visit:
    form: dict[str, str] = {}
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


def _signed_in(visit: Visit, *, is_use: bool = True) -> Visit:
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


def _require_own_form(visit: Visit) -> None:
    """Refuse a form of another site.

    Raises:
        WrongForm: it is one.
    """
    site = visit.request.headers.get("sec-fetch-site", "same-origin")
    if site != "same-origin" or not visit.sent.is_own_form(visit.form.get("csrf", "")):
        raise WrongForm("The form is not one of this browser's.")


def _return_to(request: Request) -> dict[str, str]:
    if request.method != "GET" or request.url.path.rstrip("/") == "/desk":
        return {}
    query = f"?{request.url.query}" if request.url.query else ""
    return {"next": f"{request.url.path}{query}"}
