"""The desk's routes, as an application of its own under /desk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from orders_sync.gateway.desk import command, endpoints, figures, needs, order, people, sign_in
from orders_sync.gateway.desk.visit import STATIC, Desk, Page, Visit, endpoint, static_text
from orders_sync.gateway.rights import Scope

_FOR_A_YEAR: Final = "public, max-age=31536000, immutable"

#: Each page: its path, its method, what its visitor must be allowed to do, and what makes it.
_PAGES: Final[tuple[tuple[str, str, Scope | None, Page], ...]] = (
    ("/", "GET", Scope.READ, needs.show_needs),
    ("/cause", "GET", Scope.READ, needs.show_cause),
    ("/retry", "GET", Scope.DECIDE, needs.show_retry),
    ("/retry", "POST", Scope.DECIDE, needs.retry_cause),
    ("/stray", "GET", Scope.READ, needs.show_stray),
    ("/stray", "POST", Scope.DECIDE, needs.decide_stray),
    ("/command", "GET", Scope.READ, command.show_command),
    ("/command", "POST", Scope.DECIDE, command.decide_command),
    ("/command/body", "POST", Scope.DECIDE, command.edit_command),
    ("/search", "GET", Scope.READ, order.search),
    ("/order", "GET", Scope.READ, order.show_order),
    ("/order", "POST", Scope.DECIDE, order.decide_order),
    ("/accounts", "GET", Scope.READ, figures.show_accounts),
    ("/now", "GET", Scope.READ, figures.show_now),
    ("/people", "GET", Scope.READ, people.show_people),
    ("/people", "POST", Scope.READ, people.decide_person),
    ("/tokens", "GET", Scope.READ, people.show_tokens),
    ("/tokens", "POST", Scope.READ, people.decide_token),
    ("/endpoints", "GET", Scope.READ, endpoints.show_endpoints),
    ("/endpoints", "POST", Scope.READ, endpoints.add),
    ("/endpoint", "GET", Scope.READ, endpoints.show_endpoint),
    ("/endpoint", "POST", Scope.READ, endpoints.decide_endpoint),
    ("/me", "GET", Scope.READ, sign_in.show_me),
    ("/me/language", "POST", Scope.READ, sign_in.set_language),
    ("/me/password", "POST", Scope.READ, sign_in.set_password),
    ("/sign-in", "GET", None, sign_in.show_sign_in),
    ("/sign-in", "POST", None, sign_in.sign_in),
    ("/sign-out", "POST", None, sign_in.sign_out),
    ("/oidc", "GET", None, sign_in.begin_elsewhere),
    ("/oidc/callback", "GET", None, sign_in.end_elsewhere),
    ("/oidc/sign-out", "GET", None, sign_in.sign_out_elsewhere),
)


def create_desk(desk: Desk) -> tuple[Starlette, Callable[[], None]]:
    """Return the desk's application, and what ends its open streams."""
    streams = figures.Streams(desk, desk.here.settings.desk.streams)

    async def stream(request: Request) -> Response:
        return await streams(request)

    routes = [
        Route(path, endpoint(desk, page, right), methods=[method])
        for path, method, right, page in _PAGES
    ]
    routes += [
        Route("/now/stream", stream),
        Route("/static/{name}", _static(), methods=["GET"]),
        Route("/{path:path}", endpoint(desk, _nothing, Scope.READ)),
    ]
    return Starlette(routes=routes), streams.close


def _static() -> Callable[[Request], Response]:
    texts = {name: static_text(name) for name in STATIC}

    def file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in texts:
            return PlainTextResponse("There is no such file.\n", 404)
        headers = {"Cache-Control": _FOR_A_YEAR}
        return Response(texts[name], media_type=STATIC[name], headers=headers)

    return file


def _nothing(visit: Visit) -> Response:
    return visit.page("problem.html", status=404, problem="not_known")
