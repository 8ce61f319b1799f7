"""VTEX's errors, in every wrapping they were seen in.

https://developers.vtex.com/docs/guides/handling-errors-and-exceptions
"""

from __future__ import annotations

from random import Random

from orders_sync.sandbox.wire import Response, json_response, to_json

_HTML = "text/html; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"
_PROBLEM = "application/problem+json; charset=utf-8"

_LOGIN_PAGE = b"""<!DOCTYPE html>
<html lang="en"><head><title>VTEX</title></head>
<body><div id="root"></div><script src="/admin/login/v1/app.js"></script></body></html>
"""

_ERROR_PAGE = """<html>
<head><title>{status} {reason}</title></head>
<body><center><h1>{status} {reason}</h1></center><hr><center>nginx</center></body>
</html>
"""

_REASONS = {
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}


def oms_error(status: int, code: str, message: str) -> Response:
    """Answer in the OMS's own envelope."""
    error = {"code": code, "message": message, "exception": None}
    return json_response(status, {"error": error})


def problem(status: int, title: str) -> Response:
    """Answer with an RFC 9110 problem."""
    body = {
        "type": f"https://tools.ietf.org/html/rfc9110#section-15.5.{status - 399}",
        "title": title,
        "status": status,
        "traceId": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
    }
    return Response(status, to_json(body), {"content-type": _PROBLEM})


def plain(status: int, text: str) -> Response:
    """Answer in plain text."""
    return Response(status, text.encode(), {"content-type": _TEXT})


def login_page() -> Response:
    """Answer 200 with the Admin's login page: what a redirect for a missing permission ends in."""
    return Response(200, _LOGIN_PAGE, {"content-type": _HTML})


def error_page(status: int, *, retry_after: int | None = None) -> Response:
    """Answer a 5xx with the proxy's HTML page."""
    page = _ERROR_PAGE.format(status=status, reason=_REASONS[status])
    headers = {"content-type": _HTML}
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    return Response(status, page.encode(), headers)


def unauthorized(random: Random) -> Response:
    """Answer 401 in one of the wrappings that were seen."""
    return random.choice(
        (
            oms_error(401, "1", "Unauthorized access"),
            plain(401, "No authorized"),
            problem(401, "Unauthorized"),
        )
    )


def forbidden(random: Random) -> Response:
    """Answer 403 in one of the wrappings that were seen."""
    return random.choice(
        (
            oms_error(403, "1", "Access denied"),
            plain(403, "Forbidden"),
            problem(403, "Forbidden"),
        )
    )


def too_many_requests(random: Random, retry_after: int) -> Response:
    """Answer 429 with `Retry-After`; VTEX does not publish its body."""
    answer = random.choice(
        (
            plain(429, "Too many requests"),
            oms_error(429, "429", "Too many requests"),
            Response(429),
        )
    )
    headers = {**answer.headers, "retry-after": str(retry_after)}
    return Response(429, answer.body, headers)


def order_not_found() -> Response:
    """Answer 404 for an order that this account does not have."""
    return oms_error(404, "OMS007", "Order Not Found")


def cannot_be_cancelled(order_id: str, status: str | None) -> Response:
    """Refuse a cancellation."""
    message = f"Order {order_id} cannot be cancelled in status {status}"
    return oms_error(400, "CHK0202", message)


def cannot_be_invoiced(order_id: str, status: str | None) -> Response:
    """Refuse an invoice in a status that does not take one."""
    return oms_error(
        400, "ORD039", f"Order {order_id} is in state {status} and cannot accept invoice"
    )


def checkout_error(status: int, code: str, message: str) -> Response:
    """Answer in the envelope of checkout and of order modifications."""
    error = {"code": code, "message": message, "exception": None}
    operation = "4bf92f3577b34da6a3ce929d0e0e4736"
    return json_response(status, {"fields": {}, "error": error, "operationId": operation})


def wrong_status(random: Random) -> Response:
    """Refuse start-handling; documented as 409 and seen as 400 with the same body."""
    message = "Order status should be ready-for-handling to perform this action"
    return oms_error(random.choice((409, 400)), "OMS003", message)
