"""`orders-sync endpoints`: where events are sent to, how that goes, and what is sent again."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from orders_sync.cli.dates import Moment
from orders_sync.cli.output import as_json, echo, print_json, print_rows
from orders_sync.cli.parameters import ACCOUNT, DURATION, limit
from orders_sync.cli.workplace import act_now, chosen_accounts, load_current, open_ledger
from orders_sync.domain.announcements import TEST, Told, body_of
from orders_sync.http_client import BadUrl
from orders_sync.ledger import Ledger
from orders_sync.ledger.deliveries import Attempt
from orders_sync.ledger.endpoints import Endpoint
from orders_sync.ledger.outbox_log import Backlog, Sent
from orders_sync.settings import load_settings
from orders_sync.settings_shown import without_passwords
from orders_sync.signing import new_secret, sign
from orders_sync.webhooks.addresses import read_url
from orders_sync.webhooks.posting import Answer, Post

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
    type=click.Choice([told.value for told in Told]),
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
    settings = load_current()
    try:
        read_url(url, private_allowed=settings.endpoints.private_addresses)
    except BadUrl as error:
        raise click.UsageError(f"Events cannot be sent to this URL: {error}.") from None
    for account in accounts:
        chosen_accounts(settings, account)
    act = act_now(None)
    endpoint = Endpoint(
        id=f"ep_{secrets.token_hex(4)}",
        url=url,
        events=frozenset(events) or None,
        accounts=frozenset(accounts) or None,
        secret=new_secret(),
        created_at=act.at,
    )
    with open_ledger() as ledger:
        ledger.endpoints.add(endpoint, act)
    if as_json:
        told = _told(endpoint, Backlog())
        wanted = ("id", "url", "events", "accounts")
        print_json({name: told[name] for name in wanted} | {"secret": endpoint.secret})
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
        backlogs = ledger.outbox_log.backlogs(now=datetime.now(UTC))
        told = [_told(each, backlogs.get(each.id, Backlog())) for each in ledger.endpoints.all()]
    if as_json:
        print_json({"endpoints": told})
        return
    rows = [
        {**row, "events": _names(row["events"]), "accounts": _names(row["accounts"])}
        for row in told
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
        endpoint = _known(ledger, endpoint_id)
        backlog = ledger.outbox_log.backlogs(now=datetime.now(UTC)).get(endpoint_id, Backlog())
        sent = ledger.outbox_log.sent_to(endpoint_id, limit=limit)
    told = _told(endpoint, backlog)
    if as_json:
        print_json({**told, "sent": [_event(each) for each in sent]})
        return
    for name in ("url", "state", "failing_since", "succeeded_at", "waiting", "given_up"):
        echo(f"{name.replace('_', ' '):>13}  {'' if told[name] is None else told[name]}")
    rows = [{**_event(each), "tries": _tries(each.attempts)} for each in sent]
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
    _say(endpoint_id, "is removed", as_json=as_json)


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
    _say(endpoint_id, "is on", as_json=as_json)


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
    _say(endpoint_id, "is off", as_json=as_json)


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
    act, secret = act_now(None), new_secret()
    old_until = act.at + overlap
    with open_ledger() as ledger:
        _known(ledger, endpoint_id)
        ledger.endpoints.rotate(endpoint_id, secret, old_until=old_until, act=act)
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
@click.option("--since", type=Moment(), help="All from this day or instant on.")
@click.option("--until", type=Moment(is_end=True), help="And up to this one.")
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
    now = datetime.now(UTC)
    with open_ledger() as ledger:
        _known(ledger, endpoint_id)
        number = ledger.outbox_log.replay(
            endpoint_id,
            event_id=event_id,
            since=now - last if last else since,
            until=until,
            now=now,
        )
    if event_id and not number:
        raise click.ClickException(
            f"There is no event {event_id} that {endpoint_id} wants. See: orders-sync endpoints "
            f"show {endpoint_id}"
        )
    if as_json:
        print_json({"id": endpoint_id, "events": number})
    else:
        echo(f"{number} events are sent to {endpoint_id} again.")


@endpoints.command("test")
@_ID
@as_json
def test_endpoint(*, endpoint_id: str, as_json: bool) -> None:
    """Send an event of the type endpoint.test right now, from here, and say what was answered.

    --json: {id, answer, is_taken}; exit status 1 where it was not taken.
    """
    settings, now = load_settings().endpoints, datetime.now(UTC)
    with open_ledger() as ledger:
        endpoint = _known(ledger, endpoint_id)
    event_id = f"evt_{secrets.token_hex(13)}"
    body = body_of(TEST, now, {"endpoint": endpoint_id})
    with Post(
        endpoint.url, seconds=settings.seconds, private_allowed=settings.private_addresses
    ) as post:
        answer = post.send(body, sign(event_id, body, endpoint.secrets(now), at=now), now=now)
    is_taken = isinstance(answer, Answer) and 200 <= answer.status < 300
    if as_json:
        print_json({"id": endpoint_id, "answer": str(answer), "is_taken": is_taken})
    else:
        echo(f"{endpoint_id}: {'taken' if is_taken else 'not taken'} ({answer})")
    sys.exit(0 if is_taken else 1)


def _known(ledger: Ledger, endpoint_id: str) -> Endpoint:
    endpoint = ledger.endpoints.find(endpoint_id)
    if endpoint is None:
        raise click.ClickException(
            f"There is no endpoint {endpoint_id}. See: orders-sync endpoints list"
        )
    return endpoint


def _told(endpoint: Endpoint, backlog: Backlog) -> dict[str, Any]:
    """Return what is shown of an endpoint, which its secrets are no part of."""
    state = "on" if endpoint.failing_since is None else "failing"
    return {
        "id": endpoint.id,
        "url": without_passwords(endpoint.url),
        "events": None if endpoint.events is None else sorted(endpoint.events),
        "accounts": None if endpoint.accounts is None else sorted(endpoint.accounts),
        "state": state if endpoint.off_at is None else f"off ({endpoint.off_why})",
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
        "type": sent.told,
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


def _say(endpoint_id: str, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"id": endpoint_id})
    else:
        echo(f"Endpoint {endpoint_id} {what}.")
