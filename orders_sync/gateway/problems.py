"""The answers to calls that went wrong: problem details, as RFC 9457 has them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from orders_sync.backoffice.accounts import NotKnown
from orders_sync.commands.acceptance import NotAcceptedError
from orders_sync.errors import ConfigurationError, LedgerUnavailable, OrdersSyncError
from orders_sync.gateway.rights import NotAllowedError
from orders_sync.ledger.decisions import DecisionRefused
from orders_sync.outbound.accept import KeyTakenError

log = structlog.get_logger(__name__)

_AWAY: Final = "The ledger does not answer. Call again, with the same Idempotency-Key."
MEDIA_TYPE: Final = "application/problem+json"


class FieldProblem(BaseModel):
    """A field that is wrong, and what was expected of it."""

    field: str
    expected: str


class ProblemDetails(BaseModel):
    """What went wrong; `type` leads to its explanation, `detail` says what to do next."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None
    command_id: str | None = None


class ProblemError(OrdersSyncError):
    """Raised for a problem that no other error describes."""

    def __init__(
        self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, kind, detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = headers


#: The problems that any call of the API may be answered with.
ANY_CALL: Final = (400, 401, 403, 404, 413, 422, 429, 503)

_MEANINGS: Final = {
    400: "The body cannot be read.",
    401: "No token that is in force.",
    403: "The token may not do this.",
    404: "There is no such account, order or command.",
    409: "The key is another command's, or what is to be decided about is not parked.",
    413: "The body is too large.",
    422: "A part of the request is wrong; it is named.",
    429: "Too often; see Retry-After.",
    503: "The ledger is away; see Retry-After.",
}


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of answers that are problems."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in statuses}


def problem(
    status: int,
    kind: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[FieldProblem] = (),
    command_id: str | None = None,
) -> Response:
    """Return the answer to a call that went wrong."""
    details = ProblemDetails(
        type=f"/api/docs#{kind}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=list(errors) or None,
        command_id=command_id,
    )
    return JSONResponse(
        details.model_dump(exclude_none=True),
        status,
        headers=dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error of the app's calls with a problem."""
    for error, answer in _ANSWERS.items():
        app.add_exception_handler(error, answer)


def answer_to(error: Exception) -> Response:
    """Return the answer to a call that failed before it reached a route."""
    answer = next(_ANSWERS[kind] for kind in type(error).__mro__ if kind in _ANSWERS)
    response: Response = answer(None, error)
    return response


def _not_accepted(_: Request, error: Any) -> Response:
    if isinstance(error, KeyTakenError):
        return problem(409, error.cause, error.message, command_id=error.command_id)
    status = 413 if error.cause == "command.too_large" else 422
    errors = [FieldProblem(field=wrong.field, expected=wrong.expected) for wrong in error.problems]
    return problem(status, error.cause, error.message, errors=errors)


def _wrong_request(_: Request, error: Any) -> Response:
    errors = [
        FieldProblem(field=".".join(map(str, wrong["loc"][1:])), expected=wrong["msg"])
        for wrong in error.errors()
    ]
    return problem(422, "request.invalid", "A part of the request is wrong.", errors=errors)


def _ledger_away(_: Request, error: Any) -> Response:
    headers = {"Retry-After": f"{math.ceil(error.seconds)}"}
    return problem(503, "ledger.unavailable", _AWAY, headers=headers)


def _unexpected(_: Request, error: Exception) -> Response:
    log.error("gateway.failed", error=type(error).__name__, exc_info=error)
    return problem(500, "unexpected", "Look for gateway.failed in the log of orders-sync serve.")


_ANSWERS: Final[Mapping[type[Exception], Any]] = {
    ProblemError: lambda _, error: problem(
        error.status, error.kind, error.detail, headers=error.headers
    ),
    NotAcceptedError: _not_accepted,
    NotAllowedError: lambda _, error: problem(403, "not_allowed", str(error)),
    NotKnown: lambda _, error: problem(404, "not_known", str(error)),
    DecisionRefused: lambda _, error: problem(409, "decision.refused", str(error)),
    LedgerUnavailable: _ledger_away,
    ConfigurationError: lambda _, error: problem(503, "not_configured", str(error)),
    RequestValidationError: _wrong_request,
    HTTPException: lambda _, error: problem(
        error.status_code, "http", str(error.detail), headers=error.headers
    ),
    Exception: _unexpected,
}
