"""The API's page for people, made from its description; it loads nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from orders_sync.gateway.openapi import describe
from orders_sync.gateway.rights import SCOPES

#: What a problem's `type` leads to: what it means, and what its caller can do.
PROBLEMS: Final = {
    "token.missing": "No token was sent: Authorization: Bearer osync_...",
    "token.wrong": "The token is unknown, revoked or expired; ask for a new one.",
    "token.too_often": "The token calls more often than it may; call again after Retry-After.",
    "not_allowed": "The token lacks the scope or the account that is named.",
    "not_known": "There is no such account, order or command here.",
    "request.invalid": "A part of the path, the query or the body is wrong; it is named.",
    "request.too_large": "The body has more bytes than any command may have.",
    "command.invalid": "A field of the command is wrong; nothing was kept. Mend it, send it again.",
    "command.too_large": "The command has more than ORDERS_SYNC_MAX_COMMAND_BYTES.",
    "command.key_conflict": "The Idempotency-Key is another command's, with other content.",
    "decision.refused": "What is to be decided about is not parked, or cannot be changed so.",
    "hook.wrong_secret": "VTEX's hook lacks the secret: orders-sync hook configure.",
    "hook.too_many": "The hook has too much in hand; VTEX posts it again.",
    "ledger.unavailable": "The ledger does not answer. A command may be kept; send it again.",
    "not_configured": "This needs a setting that orders-sync serve lacks; it is named.",
    "http": "The path or the method is none of the API's.",
    "unexpected": "A fault of orders_sync; its log has more.",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """A call of the API, as the page shows it."""

    method: str
    path: str
    summary: str
    parameters: list[Mapping[str, Any]]
    fields: list[tuple[str, str, bool]]
    example: str | None


def docs_routes() -> APIRouter:
    """Return the routes, which need no token."""
    routes = APIRouter(include_in_schema=False)
    style = (resources.files("orders_sync.gateway") / "static" / "docs.css").read_text()

    @routes.get("/api/docs")
    def page(request: Request) -> HTMLResponse:
        app: FastAPI = request.app
        return HTMLResponse(_page(app))

    @routes.get("/api/docs.css")
    def css() -> Response:
        return Response(style, media_type="text/css")

    return routes


@cache
def _page(app: FastAPI) -> str:
    schema = describe(app)
    environment = Environment(
        loader=PackageLoader("orders_sync.gateway"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("docs.html").render(
        title=schema["info"]["title"],
        version=schema["info"]["version"],
        description=schema["info"]["description"],
        operations=list(_operations(schema)),
        scopes=SCOPES,
        problems=PROBLEMS,
    )


def _operations(schema: Mapping[str, Any]) -> Iterator[Operation]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            media = content.get("application/json", {})
            example = media.get("example")
            yield Operation(
                method.upper(),
                path,
                operation["summary"],
                operation.get("parameters", []),
                list(_fields(media.get("schema", {}), schema)),
                None if example is None else json.dumps(example, ensure_ascii=False),
            )


def _fields(body: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Yield name, description and whether it is required of a body's fields."""
    name = body.get("$ref", "").rpartition("/")[2]
    if name:
        body = schema["components"]["schemas"][name]
    required = body.get("required", [])
    for field, about in body.get("properties", {}).items():
        yield field, about.get("description", ""), field in required
