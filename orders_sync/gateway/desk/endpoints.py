"""Endpoints that events are sent to, for an admin: add, try, replay, switch and remove them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from starlette.responses import Response

from orders_sync.backoffice.accounts import NotKnown
from orders_sync.backoffice.endpoints import (
    EndpointRefused,
    add_endpoint,
    endpoint_status,
    list_endpoints,
    rotate_secret,
    send_test,
)
from orders_sync.domain.announcements import Told
from orders_sync.gateway.desk.visit import Visit
from orders_sync.ledger.decisions import DecisionRefused

#: The boxes of the events that an endpoint wants.
_EVENT: Final = "event."
_SENT: Final = 50
#: A replay goes back so many hours at most; nothing is kept for longer.
_LONGEST_HOURS: Final = 24 * 365
#: How long the old secret signs beside a new one.
_OVERLAP: Final = timedelta(hours=24)


def show_endpoints(visit: Visit) -> Response:
    """Return every endpoint, how it fares, and the form that adds one."""
    visit.require_admin()
    return _list(visit, done=visit.query("done"))


def add(visit: Visit) -> Response:
    """Send events to a URL from now on; this page alone shows the secret that signs them."""
    visit.require_admin()
    try:
        endpoint = add_endpoint(
            visit.here.ledger,
            visit.here.settings,
            url=visit.form.get("url", "").strip(),
            events=visit.ticked(_EVENT),
            accounts=visit.names_in("accounts"),
            act=visit.act(),
        )
    except EndpointRefused as error:
        wrong = "unknown" if error.wrong == "accounts" else error.wrong
        return _list(visit, status=422, wrong=wrong)
    return _list(visit, made=(endpoint.id, endpoint.secret))


def _list(visit: Visit, *, status: int = 200, **more: Any) -> Response:
    shown = {"done": "", "wrong": None, "made": None, **more}
    return visit.page(
        "endpoints.html",
        status=status,
        endpoints=list_endpoints(visit.here.ledger, now=visit.now),
        events=[told.value for told in Told],
        prefix=_EVENT,
        **shown,
    )


def show_endpoint(visit: Visit) -> Response:
    """Return an endpoint, and the latest events for it with every try."""
    visit.require_admin()
    return _page(visit, visit.query("id"), done=visit.query("done"))


def decide_endpoint(visit: Visit) -> Response:
    """Try an endpoint, switch it, send events anew, sign with a new secret, or remove it."""
    visit.require_admin()
    endpoint_id, did = visit.form.get("id", ""), visit.form.get("did", "")
    ledger, act = visit.here.ledger, visit.act()
    endpoint = endpoint_status(ledger, endpoint_id, now=visit.now).endpoint
    match did:
        case "test":
            answer, is_taken = send_test(endpoint, visit.here.settings.endpoints, now=visit.now)
            return _page(visit, endpoint_id, tested=(str(answer), is_taken))
        case "replay":
            return _replay(visit, endpoint_id)
        case "rotate":
            secret, _ = rotate_secret(ledger, endpoint_id, _OVERLAP, act)
            return _page(visit, endpoint_id, made=(endpoint_id, secret))
        case "remove":
            if act.why is None:
                raise DecisionRefused(visit.words("Say why it is removed."))
            ledger.endpoints.remove(endpoint_id, act)
            return visit.go("/desk/endpoints", done="remove")
        case "enable" | "disable":
            change = ledger.endpoints.enable if did == "enable" else ledger.endpoints.disable
            change(endpoint_id, act)
            return visit.go("/desk/endpoint", id=endpoint_id, done=f"endpoint-{did}")
    raise NotKnown("A form says test, replay, rotate, enable, disable or remove.")


def _replay(visit: Visit, endpoint_id: str) -> Response:
    event_id, hours = visit.form.get("event_id", "").strip(), visit.form.get("hours", "").strip()
    if not event_id and not (hours.isdecimal() and 1 <= int(hours[:6]) <= _LONGEST_HOURS):
        return _page(visit, endpoint_id, status=422, wrong="hours")
    act = visit.act()
    number = visit.here.ledger.outbox_log.replay(
        endpoint_id,
        event_id=event_id or None,
        since=None if event_id else act.at - timedelta(hours=int(hours)),
        act=act,
    )
    return _page(visit, endpoint_id, replayed=number)


def _page(visit: Visit, endpoint_id: str, *, status: int = 200, **more: Any) -> Response:
    ledger = visit.here.ledger
    nothing = dict.fromkeys(("wrong", "made", "tested", "replayed"))
    return visit.page(
        "endpoint.html",
        status=status,
        shown=endpoint_status(ledger, endpoint_id, now=visit.now),
        sent=ledger.outbox_log.sent_to(endpoint_id, limit=_SENT),
        **{"done": "", **nothing, **more},
    )
