"""The API's description: OpenAPI 3.1, and a page for people that loads nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.responses import HTMLResponse, Response

from orders_sync.commands import KINDS
from orders_sync.gateway.problems import ProblemDetails
from orders_sync.gateway.rights import SCOPES

_REF: Final = "#/components/schemas/{model}"
_DESCRIPTION: Final = """\
Asks VTEX, through orders_sync, for invoices, tracking, cancellations, changes, denials and notes of
orders, and tells how far each is. Money is integer cents; times are ISO 8601 with an offset.

A command that is answered with 202 is in the ledger and is not lost. Send it again under the same
`Idempotency-Key` whenever its answer was lost."""

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


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI description, with the bodies of commands as their kinds declare them."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=_DESCRIPTION,
            routes=app.routes,
        )
        models: list[type[BaseModel]] = [*(kind.body for kind in KINDS), ProblemDetails]
        _, definitions = models_json_schema(
            [(model, "validation") for model in models], ref_template=_REF
        )
        schema["components"]["schemas"] |= definitions["$defs"]
        app.openapi_schema = schema
    return app.openapi_schema


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
