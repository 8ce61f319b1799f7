"""Judges VTEX's responses: status, headers and body become data, or an error and its remedy. Pure.

https://developers.vtex.com/docs/guides/handling-errors-and-exceptions
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
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
from orders_sync.http_client import asked_seconds
from orders_sync.vtex.documents import parse_json
from orders_sync.vtex.exchange import Request, Response
from orders_sync.vtex.resources import resource_of

#: The code with which VTEX says that the order's status does not allow the call.
WRONG_STATUS: Final = "OMS003"

_LONGEST_MESSAGE: Final = 300
_LONGEST_CODE: Final = 60
_LONGEST_QUOTED_HEADER: Final = 40
_LONGEST_WAIT_SECONDS: Final = 600.0

#: An order's id, thirteen digits and its part, is no phone.
_PRIVATE: Final = re.compile(
    r"[^\s@\"'<>]+@[^\s@\"'<>]+"  # an e-mail address
    r"|(?i:vtexappkey-[\w-]+)|\b[A-Z]{40,}\b"  # a key and a token of VTEX's
    r"|(?<!\d)(?!\d{13}-\d\d(?!\d))(?:"
    r"\+?\d{10,19}"  # a document, a phone or a card, without punctuation
    r"|\d{3}[. ]?\d{3}[. ]?\d{3}[-./ ]?\d{2}"  # CPF, a Brazilian person's document
    r"|[\dA-Z]{2}[. ]?[\dA-Z]{3}[. ]?[\dA-Z]{3}/[\dA-Z]{4}-?\d{2}"  # CNPJ, a company's
    r"|\b(?=[A-Z]*\d)[\dA-Z]{12}\d{2}"  # CNPJ, without punctuation
    r"|\+\d[\d ().-]{7,17}\d"  # a phone as it is dialled from abroad
    r"|(?:55[ .-]?)?\(?\d{2}\)?[ .-]?9?\d{4}[ .-]?\d{4}"  # a Brazilian phone
    r"|9?\d{4}-\d{4}|\d{5}-\d{3}"  # a phone without its area, a postal code
    r")(?!\d)"
)

#: A shorter secret is none of VTEX's, and may be a word of any text.
_SHORTEST_SECRET: Final = 8
_SECRET_HEADERS: Final = ("X-VTEX-API-AppKey", "X-VTEX-API-AppToken")

_CODE_IN_TEXT: Final = re.compile(r"\b(?:[A-Z]{3}\d{3,5}|SalesOrderSystem\d{3})\b")

#: What a person can do about a refusal, by VTEX's code. VTEX publishes no list for the OMS; these
#: are from its guides and known issues.
#: https://developers.vtex.com/docs/guides/order-modifications
_HINTS: Final = {
    "OMS003": "The order left the status that the call needs. Retry: it is read again first.",
    "OMS007": "VTEX has no such order in this account. Check the order id and the account.",
    "ORD039": "The order takes no invoice in its status. Retry once it is in handling.",
    "FMT001": "A field is not what VTEX takes. Correct the command: orders-sync parked edit.",
    "CHK0202": "VTEX cancels no order in this status. If it is invoiced, take the goods back with "
    "an Input invoice; else retry once its status has changed.",
    "CHK0022": "VTEX does not know an item. Name the order's own lines or SKUs: parked edit.",
    "CHK0034": "The change is worth more than the order. Lower it: orders-sync parked edit.",
    "CHK0095": "Orders of a chain of sellers take no change. Ask the selling account for it.",
    "CHK0124": "VTEX takes no such change for this order, or the account has changes switched off "
    "(Order settings in VTEX's Admin). Switch them on, or discard the command.",
    "CHK0196": "The order has no such payment. Look at its transaction in VTEX's Admin.",
    "CHK00342": "The payment does not allow a higher total. Make a new order for what is added.",
    "SalesOrderSystem010": "VTEX has no such item to sell. Check the SKU: orders-sync parked edit.",
    "SalesOrderSystem011": "VTEX finds less of an item than is removed. Correct the quantity.",
    "SalesOrderSystem015": "The order was changed by VTEX's legacy API and takes no other change. "
    "Set ORDERS_SYNC_CHANGE_API=v1 if the account still has it, or discard the command.",
    "SalesOrderSystem026": "The quantity is none that VTEX takes. Correct it: parked edit.",
    "SalesOrderSystem029": "An order with several addresses takes no new product. Order it anew.",
    "SalesOrderSystem046": "The item is invoiced already. Take it back with an Input invoice.",
    "SalesOrderSystem055": "VTEX refuses the price. Correct price_cents: orders-sync parked edit.",
}


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
    """Return `Retry-After`, seconds or a date, as seconds from now, of which ten minutes count.

    None where it makes no sense.
    """
    asked = asked_seconds(response.header("Retry-After") or "", now)
    return None if asked is None else min(asked, _LONGEST_WAIT_SECONDS)


def vtex_error(response: Response, secrets: Sequence[str] = ()) -> VtexError:
    """Return the code and the message of an error, in whichever wrapping VTEX sent them.

    `secrets` are blotted out wherever VTEX repeats them.
    """
    code, message = _code_and_message(response)
    return VtexError(
        presentable(code or str(response.status), _LONGEST_CODE, secrets),
        presentable(message, _LONGEST_MESSAGE, secrets) or "VTEX gave no message",
    )


def presentable(text: str, longest: int, secrets: Sequence[str] = ()) -> str:
    """Return a text of VTEX's as one short line, without what looks personal or is secret."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE)
    line = _PRIVATE.sub("***", " ".join(text[: longest * 4].split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def hint_for(code: str, message: str, otherwise: str) -> str:
    """Return what helps against a refusal, by its code or by one that its message names."""
    codes = (code, *_CODE_IN_TEXT.findall(message))
    return next((_HINTS[known] for known in codes if known in _HINTS), otherwise)


def _failure(request: Request, response: Response, now: datetime) -> OrdersSyncError:
    status = response.status
    secrets = [request.headers.get(name, "") for name in _SECRET_HEADERS]
    code, message = vtex_error(response, secrets)
    wait = retry_after(response, now=now)
    quoted = f"{message}{_capped(response, now)}"
    said = f"{request}: VTEX answered {status}: {quoted}"
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


def _capped(response: Response, now: datetime) -> str:
    """Return that VTEX asked for a longer wait than is kept; empty where it did not."""
    header = response.header("Retry-After") or ""
    if (asked_seconds(header, now) or 0.0) <= _LONGEST_WAIT_SECONDS:
        return ""
    asked = " ".join(header.split())[:_LONGEST_QUOTED_HEADER]
    minutes = _LONGEST_WAIT_SECONDS / 60
    return f" (Retry-After: {asked}, of which {minutes:.0f} minutes are waited)"


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
