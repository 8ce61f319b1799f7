"""Judges VTEX's responses: status, headers and body become data or an error. Pure.

https://developers.vtex.com/docs/guides/handling-errors-and-exceptions
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

from orders_sync.errors import (
    AlreadySo,
    AuthFailed,
    NotFound,
    OrdersSyncError,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unavailable,
)
from orders_sync.vtex.exchange import Request, Response
from orders_sync.vtex.parsing import parse_json
from orders_sync.vtex.resources import resource_of

#: The code with which VTEX says that the order's status does not allow the call.
WRONG_STATUS: Final = "OMS003"

_LONGEST_MESSAGE: Final = 300
_LONGEST_CODE: Final = 60
_LONGEST_WAIT_SECONDS: Final = 3600.0
_PERSONAL: Final = re.compile(
    r"[^\s@\"'<>]+@[^\s@\"'<>]+"  # an e-mail address
    r"|\b\d{3}\.\d{3}\.\d{3}-\d{2}\b"  # a Brazilian person's document
    r"|\b\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}\b"  # a Brazilian company's
)


class VtexError(NamedTuple):
    """What an error response says; both are short and free of personal data."""

    code: str
    message: str


def require_accepted(request: Request, response: Response, *, now: datetime) -> None:
    """Refuse every response that is not a success.

    Raises:
        OrdersSyncError: the error that says what to do next; its message names the operation.
    """
    if not 200 <= response.status < 300:
        raise _failure(request, response, now)
    if _is_html(response):
        # A missing permission may end in the Admin's login page, with a 200.
        raise AuthFailed(
            f"{request}: VTEX showed a web page instead of data, as it does when the key lacks a "
            f"permission. {_grant(request)}",
            # A passing fault of VTEX's edge looks the same, so the next look comes soon.
            seconds=10,
        )


def read_json(request: Request, response: Response) -> Any:
    """Read the data of a success; an empty body is None.

    Raises:
        Unavailable: the answer to a read is not JSON: it was cut short, or is no answer of VTEX's.
        OutcomeUnknown: the answer to a write is not JSON, so it does not tell what happened.
    """
    if not response.body.strip():
        return None
    try:
        return parse_json(response.body)
    except ValueError:
        said = f"{request}: VTEX answered {response.status} with a body that is not JSON."
    raise Unavailable(said) if request.is_safe else OutcomeUnknown(said)


def retry_after(response: Response, *, now: datetime) -> float | None:
    """Read `Retry-After`, seconds or a date, as seconds from now; None where it makes no sense."""
    text = (response.header("Retry-After") or "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return min(float(text), _LONGEST_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), _LONGEST_WAIT_SECONDS)


def vtex_error(response: Response) -> VtexError:
    """Find the code and the message of an error, in whichever wrapping VTEX sent them."""
    code, message = _code_and_message(response)
    return VtexError(
        presentable(code or str(response.status), _LONGEST_CODE),
        presentable(message, _LONGEST_MESSAGE) or "VTEX gave no message",
    )


def presentable(text: str, longest: int) -> str:
    """Make a text of VTEX's one short line, without what looks like personal data."""
    line = _PERSONAL.sub("***", " ".join(text[: longest * 4].split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _failure(request: Request, response: Response, now: datetime) -> OrdersSyncError:
    status = response.status
    code, message = vtex_error(response)
    said = f"{request}: VTEX answered {status}: {message}"
    wait = retry_after(response, now=now)
    if status == 429:
        return RateLimited(said, wait)
    if status >= 500 or status in {408, 425}:
        return Unavailable(said, wait) if request.is_safe else OutcomeUnknown(said, wait)
    if status < 400:
        return AuthFailed(
            f"{request}: VTEX redirected the call ({status}), as it does when the key lacks a "
            "permission or BASE_URL is not the account's own. Check the account's settings."
        )
    return _refusal(request, status, said, VtexError(code, message))


def _refusal(request: Request, status: int, said: str, error: VtexError) -> OrdersSyncError:
    if status == 401:
        return AuthFailed(f"{said}. Check the account's key and token.")
    if status == 403:
        return AuthFailed(f"{said}. {_grant(request)}")
    if status == 404:
        return NotFound(said)
    # VTEX documents 409 for a wrong status, and live accounts also answer 400.
    is_past = error.code == WRONG_STATUS and status in {400, 409}
    return (AlreadySo if is_past else Refused)(error.code, f"{error.message} ({request})")


def _grant(request: Request) -> str:
    resource = resource_of(request.operation)
    if resource is None:
        return "Check the account's key and its roles in License Manager."
    return f"Give the key's role in License Manager the resource {resource}."


def _code_and_message(response: Response) -> tuple[str, str]:
    if _is_html(response):
        return "", "a web page"
    try:
        data = parse_json(response.body)
    except ValueError:
        text = response.body.decode(errors="replace").strip()
        # A piece of JSON may be a piece of an order, so only plain words are quoted.
        return "", "" if text.startswith(("{", "[", "<")) else text
    if isinstance(data, Mapping):
        return _unwrap(data)
    return "", data if isinstance(data, str) else ""


def _unwrap(data: Mapping[str, Any]) -> tuple[str, str]:
    """Read the OMS's envelope, the flat one of .NET, or a problem of RFC 9110."""
    inner = next((value for key, value in data.items() if key.lower() == "error"), None)
    if isinstance(inner, str):
        return "", inner
    envelope = inner if isinstance(inner, Mapping) else data
    fields = {key.lower(): value for key, value in envelope.items()}
    texts = (fields.get(key) for key in ("message", "detail", "title"))
    message = next((text for text in texts if isinstance(text, str) and text), "")
    code = fields.get("code")
    return (str(code) if isinstance(code, str | int) else ""), message


def _is_html(response: Response) -> bool:
    start = response.body[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return True
    return start.startswith(b"<") and "html" in (response.header("Content-Type") or "").lower()
