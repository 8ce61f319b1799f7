"""The pages of an admin: users of the desk, tokens of services, and endpoints of events."""

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
from orders_sync.domain.announcements import EventType
from orders_sync.gateway.desk.visit import Visit
from orders_sync.gateway.grants import GrantRefused, create_token, create_user, new_password
from orders_sync.gateway.rights import SCOPES
from orders_sync.ledger.decisions import DecisionRefused

#: The prefix of the boxes of a token's scopes.
_SCOPE: Final = "scope."
_LONGEST_DAYS: Final = 3650
#: The prefix of the boxes of an endpoint's events.
_EVENT: Final = "event."
_SENT: Final = 50
#: A replay goes back so many hours at most; nothing is kept for longer.
_LONGEST_HOURS: Final = 24 * 365
#: How long the old secret signs beside a new one.
_OVERLAP: Final = timedelta(hours=24)


def show_people(visit: Visit) -> Response:
    """Return the desk's users, without anybody's password or session."""
    visit.require_admin()
    return _people_page(visit, done=visit.query("done"))


def decide_person(visit: Visit) -> Response:
    """Add a user, set a new password, or disable or enable a user."""
    visit.require_admin()
    did = visit.form.get("did", "")
    if did == "create":
        return _create_person(visit)
    name, users = visit.form.get("name", ""), visit.here.ledger.users
    if name == visit.who.name:
        raise DecisionRefused("Nobody shuts themselves out.")
    password = new_password() if did == "password" else None
    if password is not None:
        is_done = users.set_password(name, visit.desk.passwords.hash(password), visit.act())
    elif did == "disable":
        is_done = users.disable(name, visit.act())
    else:
        is_done = users.enable(name, visit.act())
    if not is_done:
        raise NotKnown(f"There is no user {name}.")
    if password is not None:
        return _people_page(visit, made=(name, password))
    return visit.go("/desk/people", done=did)


def _create_person(visit: Visit) -> Response:
    try:
        password, user = create_user(
            visit.here.ledger,
            visit.here.settings,
            visit.desk.passwords,
            name=visit.form.get("name", ""),
            role=visit.form.get("role", ""),
            accounts=_accounts(visit),
            sees_persons="persons" in visit.form,
            password=None,
            act=visit.act(),
        )
    except GrantRefused as error:
        return _people_page(visit, status=422, wrong=error.wrong)
    return _people_page(visit, made=(user.name, password))


def _people_page(visit: Visit, **more: Any) -> Response:
    return _page(visit, "people.html", people=visit.here.ledger.users.all(), **more)


def show_tokens(visit: Visit) -> Response:
    """Return the tokens of services and their scopes, without the tokens themselves."""
    visit.require_admin()
    return _tokens_page(visit, done=visit.query("done"))


def decide_token(visit: Visit) -> Response:
    """Create a token, which this page alone shows, or revoke one for good."""
    visit.require_admin()
    ledger = visit.here.ledger
    if visit.form.get("did") == "revoke":
        name = visit.form.get("name", "")
        if not ledger.callers.revoke(name, visit.act()):
            raise NotKnown(f"No token of the name {name} is in force.")
        return visit.go("/desk/tokens", done="revoke")
    days = visit.form.get("days", "").strip()
    if days and not (days.isdecimal() and 1 <= int(days[:5]) <= _LONGEST_DAYS):
        return _tokens_page(visit, status=422, wrong="days")
    try:
        token, caller = create_token(
            ledger,
            visit.here.settings,
            name=visit.form.get("name", ""),
            scopes=visit.ticked(_SCOPE),
            accounts=_accounts(visit),
            lasts=timedelta(days=int(days)) if days else None,
            act=visit.act(),
        )
    except GrantRefused as error:
        return _tokens_page(visit, status=422, wrong=error.wrong)
    return _tokens_page(visit, made=(caller.name, token))


def _tokens_page(visit: Visit, **more: Any) -> Response:
    callers = visit.here.ledger.callers.all()
    return _page(visit, "tokens.html", callers=callers, scopes=list(SCOPES), prefix=_SCOPE, **more)


def _accounts(visit: Visit) -> list[str] | None:
    return None if "all" in visit.form else visit.names_in("accounts")


def show_endpoints(visit: Visit) -> Response:
    """Return every endpoint with its state, and the form that adds one."""
    visit.require_admin()
    return _endpoints_page(visit, done=visit.query("done"))


def create_endpoint(visit: Visit) -> Response:
    """Add an endpoint; this page alone shows the secret that signs its events."""
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
        return _endpoints_page(visit, status=422, wrong=wrong)
    return _endpoints_page(visit, made=(endpoint.id, endpoint.secret))


def _endpoints_page(visit: Visit, **more: Any) -> Response:
    return _page(
        visit,
        "endpoints.html",
        endpoints=list_endpoints(visit.here.ledger, now=visit.now),
        events=[event_type.value for event_type in EventType],
        prefix=_EVENT,
        **more,
    )


def show_endpoint(visit: Visit) -> Response:
    """Return an endpoint, and the latest events for it with every try."""
    visit.require_admin()
    return _endpoint_page(visit, visit.query("id"), done=visit.query("done"))


def decide_endpoint(visit: Visit) -> Response:
    """Test an endpoint, switch it, replay events, rotate its secret, or remove it."""
    visit.require_admin()
    endpoint_id, did = visit.form.get("id", ""), visit.form.get("did", "")
    ledger, act = visit.here.ledger, visit.act()
    endpoint = endpoint_status(ledger, endpoint_id, now=visit.now).endpoint
    match did:
        case "test":
            answer, is_taken = send_test(endpoint, visit.here.settings.endpoints, now=visit.now)
            return _endpoint_page(visit, endpoint_id, tested=(str(answer), is_taken))
        case "replay":
            return _replay(visit, endpoint_id)
        case "rotate":
            secret, _ = rotate_secret(ledger, endpoint_id, _OVERLAP, act)
            return _endpoint_page(visit, endpoint_id, made=(endpoint_id, secret))
        case "remove":
            if act.why is None:
                raise DecisionRefused("Say why it is removed.")
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
        return _endpoint_page(visit, endpoint_id, status=422, wrong="hours")
    act = visit.act()
    number = visit.here.ledger.outbox_log.replay(
        endpoint_id,
        event_id=event_id or None,
        since=None if event_id else act.at - timedelta(hours=int(hours)),
        act=act,
    )
    return _endpoint_page(visit, endpoint_id, replayed=number)


def _endpoint_page(visit: Visit, endpoint_id: str, **more: Any) -> Response:
    ledger = visit.here.ledger
    return _page(
        visit,
        "endpoint.html",
        shown=endpoint_status(ledger, endpoint_id, now=visit.now),
        sent=ledger.outbox_log.sent_to(endpoint_id, limit=_SENT),
        **more,
    )


def _page(visit: Visit, template: str, *, status: int = 200, **values: Any) -> Response:
    nothing = dict.fromkeys(("wrong", "made", "tested", "replayed"))
    return visit.page(template, status=status, **{"done": "", **nothing, **values})
