"""The API's description, OpenAPI 3.1, with the bodies of commands as their kinds declare them."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from orders_sync.commands import KINDS
from orders_sync.gateway.problems import ProblemDetails

_REF: Final = "#/components/schemas/{model}"
_DESCRIPTION: Final = """\
Asks VTEX, through orders_sync, for invoices, tracking, cancellations, changes, denials and notes of
orders, and tells how far each is. Money is integer cents; times are ISO 8601 with an offset.

A command that is answered with 202 is in the ledger and is not lost. Send it again under the same
`Idempotency-Key` whenever its answer was lost."""


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the description; made once."""
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
