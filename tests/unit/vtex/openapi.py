"""VTEX's own OpenAPI document, and what it has against a request or an answer.

The document lies beside the repository, in `shared/vtex/openapi`.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

from orders_sync.vtex.exchange import Request, Response

DOCUMENT = Path(__file__).parents[4] / "shared" / "vtex" / "openapi" / "orders.json"

_HOST = "https://mystore.vtexcommercestable.com.br"
_JSON = "application/json"


@dataclass
class AsRequest:
    """A request as the validator takes it."""

    method: str
    path: str
    body: bytes | None
    parameters: RequestParameters
    content_type: str = _JSON
    host_url: str = _HOST


@dataclass
class AsResponse:
    """A response as the validator takes it."""

    status_code: int
    data: bytes
    content_type: str
    headers: Headers


class Vtex:
    """VTEX's document; problems are told as the place in the body and the rule it breaks."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._api = OpenAPI.from_dict(document)

    def request_problems(self, request: Request) -> set[str]:
        parameters = RequestParameters(
            query=ImmutableMultiDict(list(request.query.items())),
            header=Headers(dict(request.headers)),
        )
        asked = AsRequest(request.method.lower(), request.path, request.body, parameters)
        try:
            self._api.validate_request(asked)
        except OpenAPIError as error:
            return _problems(error)
        return set()

    def response_problems(self, operation: str, response: Response) -> set[str]:
        method, template = operation.split()
        asked = AsRequest(
            method.lower(), re.sub(r"{\w+}", "x", template), None, RequestParameters()
        )
        documented = self.operation(operation)["responses"][str(response.status)]
        content_type = next(iter(documented.get("content", {})), _JSON)
        answer = AsResponse(
            response.status, response.body, content_type, Headers(dict(response.headers))
        )
        try:
            self._api.validate_response(asked, answer)
        except OpenAPIError as error:
            return _problems(error)
        return set()

    def operation(self, operation: str) -> dict[str, Any]:
        method, template = operation.split()
        found: dict[str, Any] = self.document["paths"][template][method.lower()]
        return found

    def undocumented(self, operation: str, request: Request) -> set[str]:
        """Find what a request sends and VTEX does not name: query names and the body's fields."""
        documented = self.operation(operation)
        names = {it["name"] for it in documented["parameters"] if it["in"] == "query"}
        surplus = {f"?{name}" for name in request.query if name not in names}
        if request.body is None:
            return surplus
        content = documented.get("requestBody", {}).get("content", {})
        body = json.loads(request.body)
        return surplus | self._surplus(content.get(_JSON, {}).get("schema", {}), body, "$")

    def _surplus(self, schema: dict[str, Any], value: Any, place: str) -> set[str]:
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[-1]
            return self._surplus(self.document["components"]["schemas"][name], value, place)
        if isinstance(value, list):
            rows = (self._surplus(schema.get("items", {}), row, f"{place}[]") for row in value)
            return set().union(*rows)
        if not isinstance(value, dict):
            return set()
        fields = schema.get("properties", {})
        found = {f"{place}.{name}" for name in value if name not in fields}
        return found.union(
            *(
                self._surplus(fields[name], part, f"{place}.{name}")
                for name, part in value.items()
                if name in fields
            )
        )


def load() -> Vtex:
    """Load VTEX's document; without it there is nothing to hold anything against."""
    if not DOCUMENT.exists():
        reason = "VTEX's OpenAPI document is not beside the repository."
        if os.environ.get("CI") == "true":  # noqa: TID251 - only CI knows that it is CI.
            pytest.fail(reason)
        pytest.skip(reason)
    return Vtex(json.loads(DOCUMENT.read_bytes()))


def _problems(error: OpenAPIError) -> set[str]:
    cause = error.__cause__ or error
    faults = getattr(cause, "schema_errors", None)
    if not faults:
        return {type(error).__name__}
    return {f"{re.sub(r'[0-9]+', '', fault.json_path)} {fault.validator}" for fault in faults}
