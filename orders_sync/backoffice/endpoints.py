"""Endpoints that events are sent to: list, add, test them and rotate their secrets."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from orders_sync.backoffice.accounts import NotKnown, require_configured
from orders_sync.domain.announcements import TEST, EventType, body_of
from orders_sync.errors import OrdersSyncError
from orders_sync.http_client import BadUrl
from orders_sync.ledger import Ledger
from orders_sync.ledger.endpoints import Endpoint
from orders_sync.ledger.journal import Act
from orders_sync.ledger.outbox_log import Backlog
from orders_sync.settings import Settings
from orders_sync.settings_parts import EndpointSettings
from orders_sync.settings_shown import without_passwords
from orders_sync.signing import new_secret, sign
from orders_sync.webhooks.posting import EndpointAnswer, EndpointClient, NoAnswer, read_url


class EndpointRefused(OrdersSyncError):
    """Raised for an endpoint that cannot be; `wrong` names the part."""

    def __init__(self, wrong: Literal["url", "events", "accounts"], message: str) -> None:
        super().__init__(message)
        self.wrong = wrong


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """The state of an endpoint: on, failing or off, and what waits for it."""

    endpoint: Endpoint
    backlog: Backlog

    @property
    def url(self) -> str:
        """Its URL, without a password."""
        return without_passwords(self.endpoint.url)

    @property
    def state(self) -> Literal["on", "failing", "off"]:
        """Whether it gets events, and takes them."""
        if self.endpoint.off_at is not None:
            return "off"
        return "on" if self.endpoint.failing_since is None else "failing"


def list_endpoints(ledger: Ledger, *, now: datetime) -> list[EndpointStatus]:
    """Return every endpoint with its state, the oldest first."""
    endpoints = ledger.endpoints.all()
    backlogs = ledger.outbox_log.backlogs(now=now) if endpoints else {}
    return [
        EndpointStatus(endpoint, backlogs.get(endpoint.id, Backlog())) for endpoint in endpoints
    ]


def endpoint_status(ledger: Ledger, endpoint_id: str, *, now: datetime) -> EndpointStatus:
    """Return an endpoint with its state.

    Raises:
        NotKnown: there is none of that id.
    """
    endpoint = ledger.endpoints.find(endpoint_id)
    if endpoint is None:
        raise NotKnown(f"There is no endpoint {endpoint_id}. See: orders-sync endpoints list")
    backlog = ledger.outbox_log.backlogs(now=now).get(endpoint_id, Backlog())
    return EndpointStatus(endpoint, backlog)


def add_endpoint(
    ledger: Ledger,
    settings: Settings,
    *,
    url: str,
    events: Collection[str],
    accounts: Collection[str],
    act: Act,
) -> Endpoint:
    """Add an endpoint for events; no events, or no accounts, mean all of them.

    Raises:
        EndpointRefused: the URL cannot be sent to, or an event or an account is none.
    """
    try:
        read_url(url, private_allowed=settings.endpoints.private_addresses)
    except BadUrl as error:
        raise EndpointRefused("url", f"Events cannot be sent to this URL: {error}.") from None
    if unknown := set(events) - set(EventType):
        raise EndpointRefused("events", f"There is no event {min(unknown)}.")
    for account in accounts:
        try:
            require_configured(settings, account)
        except NotKnown as error:
            raise EndpointRefused("accounts", str(error)) from None
    endpoint = Endpoint(
        id=f"ep_{secrets.token_hex(4)}",
        url=url,
        events=frozenset(events) or None,
        accounts=frozenset(accounts) or None,
        secret=new_secret(),
        created_at=act.at,
    )
    ledger.endpoints.add(endpoint, act)
    return endpoint


def rotate_secret(
    ledger: Ledger, endpoint_id: str, overlap: timedelta, act: Act
) -> tuple[str, datetime]:
    """Replace the secret that signs; return the new one, and until when the old one signs too.

    Raises:
        NotKnown: there is no endpoint of that id.
    """
    secret, old_until = new_secret(), act.at + overlap
    if not ledger.endpoints.rotate(endpoint_id, secret, old_until=old_until, act=act):
        raise NotKnown(f"There is no endpoint {endpoint_id}. See: orders-sync endpoints list")
    return secret, old_until


def send_test(
    endpoint: Endpoint, settings: EndpointSettings, *, now: datetime
) -> tuple[EndpointAnswer | NoAnswer, bool]:
    """Send an event of the type endpoint.test from here; return the answer, and whether it is 2xx.

    The log of sent events does not list it.
    """
    event_id = f"evt_{secrets.token_hex(13)}"
    body = body_of(TEST, now, {"endpoint": endpoint.id})
    with EndpointClient(
        endpoint.url, seconds=settings.seconds, private_allowed=settings.private_addresses
    ) as post:
        answer = post.send(body, sign(event_id, body, endpoint.secrets(now), at=now), now=now)
    return answer, isinstance(answer, EndpointAnswer) and 200 <= answer.status < 300
