"""`orders-sync endpoints`: where events are sent to, how that goes, and what is sent again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from orders_sync.backoffice import endpoints as backoffice
from orders_sync.backoffice.endpoints import EndpointRefused, EndpointStatus, endpoint_status
from orders_sync.cli.context import act_now, load_current, open_ledger
from orders_sync.cli.output import as_json, echo, print_json, print_outcome, print_rows
from orders_sync.cli.parameters import ACCOUNT, DURATION, Instant, limit
from orders_sync.domain.announcements import EventType
from orders_sync.ledger import Ledger
from orders_sync.ledger.deliveries import Attempt
from orders_sync.ledger.endpoints import Endpoint
from orders_sync.ledger.outbox_log import Backlog, Sent

_COLUMNS: Final = ("id", "url", "events", "accounts", "state", "waiting", "failures")
_SENT_COLUMNS: Final = ("at", "event_id", "type", "account", "order_id", "state", "tries")

_ID = click.argument("endpoint_id", metavar="ENDPOINT")


@click.group()
def endpoints() -> None:
    """Send events to URLs: orders that are placed or parked, commands that are done, and more."""


@endpoints.command("add")
@click.argument("url")
@click.option(
    "--event",
    "events",
    type=click.Choice([event_type.value for event_type in EventType]),
    multiple=True,
    help="Only this; repeatable.",
)
@click.option(
    "--account", "accounts", type=ACCOUNT, multiple=True, help="Only of this; repeatable."
)
@as_json
def add_endpoint(
    *, url: str, events: tuple[str, ...], accounts: tuple[str, ...], as_json: bool
) -> None:
    """Send events to a URL from now on; the secret that signs them is shown once.

    --json: {id, url, events, accounts, secret}; events and accounts are null for all of them.
    """
    with open_ledger() as ledger:
        try:
            endpoint = backoffice.add_endpoint(
                ledger,
                load_current(),
                url=url,
                events=events,
                accounts=accounts,
                act=act_now(None),
            )
        except EndpointRefused as error:
            kind = click.ClickException if error.wrong == "accounts" else click.UsageError
            raise kind(str(error)) from None
    if as_json:
        row = _row_of(EndpointStatus(endpoint, Backlog()))
        names = ("id", "url", "events", "accounts")
        print_json({name: row[name] for name in names} | {"secret": endpoint.secret})
        return
    echo(f"{endpoint.id}  {endpoint.secret}")
    echo(
        f"The secret is not shown again. Try it: orders-sync endpoints test {endpoint.id}", err=True
    )


@endpoints.command("list")
@as_json
def list_endpoints(*, as_json: bool) -> None:
    """List all endpoints, and how many events wait for each.

    --json: {endpoints: [{id, url, events, accounts, state, created_at, off_at, failures,
    failing_since, rests_until, succeeded_at, waiting, oldest_waiting_at, given_up}]}; state is on,
    failing, or off with the reason: "off (person)", "off (gone)", "off (failing)".
    """
    with open_ledger() as ledger:
        listed = [
            _row_of(status) for status in backoffice.list_endpoints(ledger, now=datetime.now(UTC))
        ]
    if as_json:
        print_json({"endpoints": listed})
        return
    rows = [
        {**row, "events": _names(row["events"]), "accounts": _names(row["accounts"])}
        for row in listed
    ]
    print_rows(rows, _COLUMNS, empty="No endpoints. Add one: orders-sync endpoints add URL")


@endpoints.command("show")
@_ID
@limit
@as_json
def show_endpoint(*, endpoint_id: str, limit: int, as_json: bool) -> None:
    """Show an endpoint, and the latest events for it with every try.

    --json: what list shows of it, and {sent: [{event_id, type, at, account, order_id, state,
    due_at, attempts: [{at, seconds, answer}]}]}; state is waiting, taken or given up, answer a
    status or what was wrong.
    """
    with open_ledger() as ledger:
        row = _row_of(endpoint_status(ledger, endpoint_id, now=datetime.now(UTC)))
        sent = ledger.outbox_log.sent_to(endpoint_id, limit=limit)
    if as_json:
        print_json({**row, "sent": [_event(event) for event in sent]})
        return
    for name in ("url", "state", "failing_since", "succeeded_at", "waiting", "given_up"):
        echo(f"{name.replace('_', ' '):>13}  {'' if row[name] is None else row[name]}")
    rows = [{**_event(event), "tries": _tries(event.attempts)} for event in sent]
    print_rows(rows, _SENT_COLUMNS, empty="Nothing was sent to it yet.")


@endpoints.command("remove")
@_ID
@as_json
def remove_endpoint(*, endpoint_id: str, as_json: bool) -> None:
    """Forget an endpoint, and all that waits for it.

    --json: {id}.
    """
    with open_ledger() as ledger:
        _known(ledger, endpoint_id)
        ledger.endpoints.remove(endpoint_id, act_now(None))
    print_outcome({"id": endpoint_id}, f"Endpoint {endpoint_id} is removed.", as_json=as_json)


@endpoints.command("enable")
@_ID
@as_json
def enable_endpoint(*, endpoint_id: str, as_json: bool) -> None:
    """Send to an endpoint again that is off, beginning with what waits.

    What happened while it was off: orders-sync endpoints replay ENDPOINT --since 2d.

    --json: {id}.
    """
    with open_ledger() as ledger:
        _known(ledger, endpoint_id)
        ledger.endpoints.enable(endpoint_id, act_now(None))
    print_outcome({"id": endpoint_id}, f"Endpoint {endpoint_id} is on.", as_json=as_json)


@endpoints.command("disable")
@_ID
@as_json
def disable_endpoint(*, endpoint_id: str, as_json: bool) -> None:
    """Send nothing more to an endpoint; what waits is kept.

    --json: {id}.
    """
    with open_ledger() as ledger:
        _known(ledger, endpoint_id)
        ledger.endpoints.disable(endpoint_id, act_now(None))
    print_outcome({"id": endpoint_id}, f"Endpoint {endpoint_id} is off.", as_json=as_json)


@endpoints.command("rotate")
@_ID
@click.option(
    "--overlap",
    type=DURATION,
    default="24h",
    show_default=True,
    help="How long the old secret signs too.",
)
@as_json
def rotate_secret(*, endpoint_id: str, overlap: timedelta, as_json: bool) -> None:
    """Sign with a new secret, shown once, and for a while with the old one too.

    --json: {id, secret, old_until}.
    """
    with open_ledger() as ledger:
        secret, old_until = backoffice.rotate_secret(ledger, endpoint_id, overlap, act_now(None))
    if as_json:
        print_json({"id": endpoint_id, "secret": secret, "old_until": old_until})
        return
    echo(secret)
    echo(
        f"It is not shown again. The old one signs too until {old_until:%Y-%m-%d %H:%M} UTC.",
        err=True,
    )


@endpoints.command("replay")
@_ID
@click.option("--event-id", help="This event, as evt_0a1b...")
@click.option("--last", type=DURATION, help="All of so long ago and later: 2d.")
@click.option("--since", type=Instant(), help="All from this day or instant on.")
@click.option("--until", type=Instant(is_end=True), help="And up to this one.")
@as_json
def replay_events(
    *,
    endpoint_id: str,
    event_id: str | None,
    last: timedelta | None,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> None:
    """Send events anew, taken or not: one, or all of a span of time that the endpoint wants.

    --json: {id, events}, how many are sent.
    """
    if (event_id, last, since).count(None) != 2:
        raise click.UsageError("Say one of --event-id, --last and --since.")
    act = act_now(None)
    with open_ledger() as ledger:
        _known(ledger, endpoint_id)
        number = ledger.outbox_log.replay(
            endpoint_id,
            event_id=event_id,
            since=act.at - last if last else since,
            until=until,
            act=act,
        )
    if event_id and not number:
        raise click.ClickException(
            f"There is no event {event_id} that {endpoint_id} wants. See: orders-sync endpoints "
            f"show {endpoint_id}"
        )
    says = f"{number} events are sent to {endpoint_id} again."
    print_outcome({"id": endpoint_id, "events": number}, says, as_json=as_json)


@endpoints.command("test")
@_ID
@as_json
def test_endpoint(*, endpoint_id: str, as_json: bool) -> None:
    """Send an event of the type endpoint.test right now, from here, and say what was answered.

    --json: {id, answer, is_taken}; exit status 1 where it was not taken.
    """
    now = datetime.now(UTC)
    with open_ledger() as ledger:
        endpoint = _known(ledger, endpoint_id)
    answer, is_taken = backoffice.send_test(endpoint, load_current().endpoints, now=now)
    says = f"{endpoint_id}: {'taken' if is_taken else 'not taken'} ({answer})"
    outcome = {"id": endpoint_id, "answer": str(answer), "is_taken": is_taken}
    print_outcome(outcome, says, as_json=as_json)
    sys.exit(0 if is_taken else 1)


def _known(ledger: Ledger, endpoint_id: str) -> Endpoint:
    return endpoint_status(ledger, endpoint_id, now=datetime.now(UTC)).endpoint


def _row_of(status: EndpointStatus) -> dict[str, Any]:
    """Return what is shown of an endpoint, which its secrets are no part of."""
    endpoint, backlog = status.endpoint, status.backlog
    return {
        "id": endpoint.id,
        "url": status.url,
        "events": None if endpoint.events is None else sorted(endpoint.events),
        "accounts": None if endpoint.accounts is None else sorted(endpoint.accounts),
        "state": f"off ({endpoint.off_why})" if status.state == "off" else status.state,
        "created_at": endpoint.created_at,
        "off_at": endpoint.off_at,
        "failures": endpoint.failures,
        "failing_since": endpoint.failing_since,
        "rests_until": endpoint.rests_until,
        "succeeded_at": endpoint.succeeded_at,
        "waiting": backlog.waiting,
        "oldest_waiting_at": backlog.since,
        "given_up": backlog.given_up,
    }


def _names(names: list[str] | None) -> str:
    return "all" if names is None else " ".join(names)


def _event(sent: Sent) -> dict[str, Any]:
    return {
        "event_id": sent.event_id,
        "type": sent.event_type,
        "at": sent.at,
        "account": sent.account or None,
        "order_id": sent.order_id or None,
        "state": sent.state,
        "due_at": sent.due_at,
        "attempts": [asdict(attempt) for attempt in sent.attempts],
    }


def _tries(attempts: Sequence[Attempt]) -> str:
    if not attempts:
        return ""
    return f"{len(attempts)}, the last at {attempts[-1].at:%H:%M:%S}: {attempts[-1].answer}"
