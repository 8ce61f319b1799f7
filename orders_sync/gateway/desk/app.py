"""The order desk as an application under /desk: its routes, its files, and each page's answer."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from importlib import resources
from typing import Any, Final
from urllib.parse import quote

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from orders_sync.backoffice.accounts import NotKnown
from orders_sync.errors import LedgerUnavailable
from orders_sync.gateway.context import Allowance, Context
from orders_sync.gateway.desk import admin, figures, needs, order, sign_in
from orders_sync.gateway.desk.live import LiveFigures
from orders_sync.gateway.desk.oidc import Provider
from orders_sync.gateway.desk.visit import Desk, View, Visit, read_visit, with_visitor
from orders_sync.gateway.desk.words import LANGUAGES, Words, load_languages
from orders_sync.gateway.grants import Passwords
from orders_sync.gateway.rights import (
    NotAllowedError,
    Role,
    Scope,
)
from orders_sync.ledger.decisions import DecisionRefused

log = structlog.get_logger(__name__)

#: The files that pages load, with their types.
_STATIC: Final = {
    "desk.css": "text/css",
    "desk.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "htmx.LICENSE.txt": "text/plain",
    "icon.svg": "image/svg+xml",
}
_FOR_A_YEAR: Final = "public, max-age=31536000, immutable"

#: Each page: its path, its method, what its visitor must be allowed to do, and what makes it.
_PAGES: Final[tuple[tuple[str, str, Scope | None, View], ...]] = (
    ("/", "GET", Scope.READ, needs.show_needs),
    ("/cause", "GET", Scope.READ, needs.show_cause),
    ("/retry", "GET", Scope.DECIDE, needs.show_retry),
    ("/retry", "POST", Scope.DECIDE, needs.retry_cause),
    ("/stray", "GET", Scope.READ, needs.show_stray),
    ("/stray", "POST", Scope.DECIDE, needs.decide_stray),
    ("/command", "GET", Scope.READ, order.show_command),
    ("/command", "POST", Scope.DECIDE, order.decide_command),
    ("/command/body", "POST", Scope.DECIDE, order.edit_command),
    ("/search", "GET", Scope.READ, order.search),
    ("/order", "GET", Scope.READ, order.show_order),
    ("/order", "POST", Scope.DECIDE, order.decide_order),
    ("/accounts", "GET", Scope.READ, figures.show_accounts),
    ("/now", "GET", Scope.READ, figures.show_now),
    ("/people", "GET", Scope.READ, admin.show_people),
    ("/people", "POST", Scope.READ, admin.decide_person),
    ("/tokens", "GET", Scope.READ, admin.show_tokens),
    ("/tokens", "POST", Scope.READ, admin.decide_token),
    ("/endpoints", "GET", Scope.READ, admin.show_endpoints),
    ("/endpoints", "POST", Scope.READ, admin.create_endpoint),
    ("/endpoint", "GET", Scope.READ, admin.show_endpoint),
    ("/endpoint", "POST", Scope.READ, admin.decide_endpoint),
    ("/me", "GET", Scope.READ, sign_in.show_me),
    ("/me/language", "POST", Scope.READ, sign_in.set_language),
    ("/me/password", "POST", Scope.READ, sign_in.set_password),
    ("/sign-in", "GET", None, sign_in.show_sign_in),
    ("/sign-in", "POST", None, sign_in.sign_in),
    ("/sign-out", "POST", None, sign_in.sign_out),
    ("/oidc", "GET", None, sign_in.begin_oidc),
    ("/oidc/callback", "GET", None, sign_in.finish_oidc),
    ("/oidc/sign-out", "GET", None, sign_in.sign_out_oidc),
)


class _WrongForm(NotAllowedError):
    """Raised for a form that was not given to this browser."""


def open_desk(here: Context, live: LiveFigures, monotonic: Callable[[], float]) -> Desk:
    """Return what all pages use."""
    languages, version = load_languages(), _static_version()
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


def create_desk(desk: Desk) -> tuple[Starlette, Callable[[], None]]:
    """Return the desk's application, and what ends its open streams."""
    streams = figures.Streams(desk, desk.here.settings.desk.streams)

    async def stream(request: Request) -> Response:
        return await streams(request)

    routes = [
        Route(path, _endpoint(desk, page, right), methods=[method])
        for path, method, right, page in _PAGES
    ]
    routes += [
        Route("/now/stream", stream),
        Route("/static/{name}", _static(), methods=["GET"]),
        Route("/{path:path}", _endpoint(desk, _nothing, Scope.READ)),
    ]
    return Starlette(routes=routes), streams.close


def _static() -> Callable[[Request], Response]:
    texts = {name: _static_text(name) for name in _STATIC}

    def file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in texts:
            return PlainTextResponse("There is no such file.\n", 404)
        headers = {"Cache-Control": _FOR_A_YEAR}
        return Response(texts[name], media_type=_STATIC[name], headers=headers)

    return file


def _nothing(visit: Visit) -> Response:
    return visit.page("problem.html", status=404, problem="not_known")


def _endpoint(desk: Desk, page: View, right: Scope | None) -> Callable[[Request], Any]:
    """Return a route's endpoint: the page for a visitor with the right, in a thread."""

    async def answer(request: Request) -> Response:
        body = await request.body() if request.method == "POST" else b""
        return await run_in_threadpool(_answer, desk, page, right, request, body)

    return answer


def _answer(desk: Desk, page: View, right: Scope | None, request: Request, body: bytes) -> Response:
    visit = read_visit(desk, request, body)
    try:
        visit = with_visitor(visit)
        return _made(visit, page, right)
    except _WrongForm:
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
    except Exception as error:  # noqa: BLE001 - Whatever it is, the page says where to look.
        log.error("desk.failed", error=type(error).__name__)  # noqa: TRY400 - No row is logged.
        return visit.page("problem.html", status=500, problem="unexpected")


def _made(visit: Visit, page: View, right: Scope | None) -> Response:
    if right is not None and visit.visitor is None:
        return visit.go("/desk/sign-in", **_return_to(visit.request))
    if right is not None and right not in visit.who.rights.scopes:
        raise NotAllowedError(f"{visit.who.name} may not {right}.")
    if visit.request.method == "POST":
        _require_own_form(visit)
    return page(visit)


def _require_own_form(visit: Visit) -> None:
    """Raise _WrongForm for a form of another site or browser."""
    site = visit.request.headers.get("sec-fetch-site", "same-origin")
    if site != "same-origin" or not visit.sent.is_own_form(visit.form.get("csrf", "")):
        raise _WrongForm("The form is not one of this browser's.")


def _return_to(request: Request) -> dict[str, str]:
    if request.method != "GET" or request.url.path.rstrip("/") == "/desk":
        return {}
    query = f"?{request.url.query}" if request.url.query else ""
    return {"next": f"{request.url.path}{query}"}


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


def _static_version() -> str:
    """Return a version that changes with the files that the pages load."""
    return hashlib.sha256(b"".join(map(_static_text, _STATIC))).hexdigest()[:12]


def _static_text(name: str) -> bytes:
    """Return a file that the pages load."""
    return (resources.files("orders_sync.gateway.desk") / "static" / name).read_bytes()
