"""One order on a screen: where it is, what to do, what happened; or why it is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from orders_sync.backoffice.accounts import NotKnown, account_of
from orders_sync.backoffice.order_report import EventSeen, story_of
from orders_sync.cli.context import load_current
from orders_sync.cli.output import echo, print_fields, print_rows
from orders_sync.domain.rules import Standing
from orders_sync.domain.words import at
from orders_sync.errors import NotFound, OrdersSyncError
from orders_sync.ledger import Ledger
from orders_sync.settings import Settings
from orders_sync.terminal import legible, order_command

_CALL_SECONDS = 5.0
_TIME = "%Y-%m-%d %H:%M:%S"
_PARTS = (
    ("lines", "lines"),
    ("services", "services"),
    ("freight", "freight"),
    ("discounts of it", "discounts"),
    ("taxes", "tax"),
    ("changes", "changes"),
    ("other", "other"),
)
_ORDER_FIELDS = (
    "status latest_status progress standing next_step attempts failing_since due_at erp_reference "
    "revision erp_revision cause reason hint first_seen_at updated_at"
)


def find_story(
    ledger: Ledger, order_id: str, account: str | None, *, now: datetime
) -> dict[str, Any]:
    """Return the story of an order; `account` may be left out where only one has it.

    Raises:
        NotKnown: the ledger knows nothing of the order, and VTEX was asked about it; or more than
            one account has it.
    """
    settings = load_current()
    if account is None and not ledger.inquiries.accounts_of(order_id):
        commands = ledger.inquiries.list_commands(order_id=order_id, limit=1)
        if not commands and settings.accounts:
            accounts = sorted(settings.accounts)
            raise NotKnown(_describe_missing(ledger, settings, accounts, order_id))
        account = commands[0]["account"] if commands else None
    account = account_of(ledger, settings, order_id, account)
    story = story_of(ledger, account, order_id, now=now)
    if story is None:
        raise NotKnown(_describe_missing(ledger, settings, [account], order_id))
    return story.model_dump()


def print_story(story: Mapping[str, Any]) -> None:
    """Print the story; all times are UTC."""
    order = story["order"]
    if order is not None:
        _print_order(order, story["whereabouts"], story["document_read_at"])
        if story["reckoning"] is not None:
            echo(f"{'reckoning':>14}: {describe_reckoning(story['reckoning'])}")
    _print_part("Events", map(_event_line, story["events"]), "None came.")
    _print_part("Commands", map(_command_lines, story["commands"]), "Nothing was asked for.")
    journal = story["journal"]
    began = journal[0]["at"] if journal else None
    lines = [_entry_line(entry, began) for entry in journal]
    _print_part("Steps", lines, "Nothing happened yet.")
    if story["acts"]:
        echo()
        echo("By hand")
        print_rows(story["acts"], ("at", "who", "did", "why"), empty="")


def describe_reckoning(reckoning: Mapping[str, Any]) -> str:
    """Return on one line how the order's parts add up to its value, in the currency's unit."""
    parts = [
        f"{words} {cents / 100:.2f}"
        for words, name in _PARTS
        if (cents := reckoning[f"{name}_cents"]) or name == "lines"
    ]
    value = f"{reckoning['value_cents'] / 100:.2f} {reckoning['currency'] or ''}".rstrip()
    if not reckoning["difference_cents"]:
        return f"{' + '.join(parts)} = {value}"
    difference = f"{reckoning['difference_cents'] / 100:+.2f}"
    return f"{' + '.join(parts)}, and {difference} to {value} (likely: {reckoning['reason']})"


def _print_order(
    order: Mapping[str, Any], where: Mapping[str, Any], read_at: datetime | None
) -> None:
    echo(legible(f"Order {order['order_id']} of {order['account']}"), bold=True)
    echo(where["sentence"])
    for command in where["do"]:
        echo(f"  {command}")
    echo()
    shown = dict(order)
    if order["latest_status"] == order["status"]:
        shown["latest_status"] = None
    if order["revision"] == 1:
        shown |= {"revision": None, "erp_revision": None}
    print_fields(shown, _ORDER_FIELDS)
    if read_at is not None:
        echo(f"{'read from VTEX':>14}: {at(read_at)}")


def _print_part(title: str, lines: Any, nothing: str) -> None:
    echo()
    echo(f"{title}")
    shown = list(lines)
    for line in shown or [nothing]:
        echo(f"  {line}", of_lines=True)


def _event_line(event: Mapping[str, Any]) -> str:
    seen = "not acknowledged"
    if event["acknowledged_at"] is not None:
        seen = f"acknowledged {event['acknowledged_at']:{_TIME}}"
    change = f"{event['last_state']} -> {event['state']}"
    what = event["problem"] or f"{event['domain']} {change}"
    deliveries = f"deliveries {event['deliveries']}"
    first = f"first seen {event['first_seen_at']:{_TIME}}"
    when = EventSeen.model_validate(event).changed_at.astimezone(UTC)
    return legible(f"{when:{_TIME}}  {what}, {first}, {deliveries}, {seen}")


def _entry_line(entry: Mapping[str, Any], began: datetime | None) -> str:
    words = [entry["what"] if entry["step"] is None else f"{entry['step']} {entry['what']}"]
    if entry["attempt"] is not None:
        words.append(f"try {entry['attempt']}")
    if entry["seconds"] is not None:
        words.append(f"took {entry['seconds']:.2f} s")
    note = f": {entry['note']}" if entry["note"] else ""
    since = (entry["at"] - (began or entry["at"])).total_seconds()
    return legible(f"{entry['at']:{_TIME}}  +{since:.1f} s  {', '.join(words)}{note}")


def _command_lines(command: Mapping[str, Any]) -> str:
    """Return a command as a few lines, which a narrow screen takes better than a wide table."""
    name = " ".join(filter(None, (command["kind"], command["vtex_number"])))
    cause = f": {command['cause']}" if command["cause"] else ""
    key = f" under {command['asked_key']}" if command["asked_key"] else ""
    lines = [
        legible(f"{command['created_at']:{_TIME}}  {name}  {command['standing']}{cause}"),
        legible(f"command {command['id']}, asked for by {command['source']}{key}"),
    ]
    is_parked = command["standing"] == Standing.PARKED
    due = command["due_at"]
    for words, value in (
        ("receipt", command["receipt"]),
        ("failed tries", command["attempts"] or None),
        ("next try", at(due) if due else None),
        ("told the ERP", command["told"]),
        ("why", command["reason"]),
        ("hint", command["hint"]),
        ("retry", f"orders-sync parked retry {command['id']}" if is_parked else None),
    ):
        if value is not None:
            lines.append(legible(f"{words}: {value}"))
    return "\n    ".join(lines)


def _describe_missing(
    ledger: Ledger, settings: Settings, accounts: Sequence[str], named: str
) -> str:
    """Return in one line what can be done about an order, after a look for `named` at VTEX."""
    split = ledger.inquiries.suborders(accounts, named)
    if split:
        account, order_id = split[0]
        ids = ", ".join(legible(order_id) for _, order_id in split)
        return (
            f"{legible(named)} is a purchase; its orders in the ledger are {ids}. "
            f"See: {order_command('orders show', order_id, account)}"
        )
    said = f"Order {legible(named)} is not in the ledger"
    for account in accounts:
        if account not in settings.accounts:
            continue
        command = order_command("orders sync", named, account)
        try:
            _read(settings, account, named)
        except NotFound:
            continue
        except OrdersSyncError as error:
            return f"{said}, and VTEX could not be asked ({_short(error)}). Fetch it: {command}"
        return f"{said}, and VTEX has it in {account}. Fetch it: {command}"
    where = ", ".join(accounts)
    return (
        f"{said}, and VTEX has none by that id in {where}. Check the id (a marketplace's is not "
        "its seller's); if VTEX shows it later: "
        f"{order_command('orders sync', named, accounts[0])}"
    )


def _read(settings: Settings, account: str, order_id: str) -> None:
    from orders_sync.bootstrap import build  # noqa: PLC0415 - requests is slow to import.

    bounds = settings.vtex.model_copy(
        update={"read_seconds": _CALL_SECONDS, "total_seconds": _CALL_SECONDS}
    )
    services = build(settings.model_copy(update={"vtex": bounds}))
    try:
        services.vtex(account).get_order(order_id)
    finally:
        services.close()


def _short(error: OrdersSyncError) -> str:
    return str(error).rstrip(".")
