"""Orders and their commands: search, an order's report, a command's body as a form, decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from orders_sync.backoffice.accounts import NotKnown
from orders_sync.backoffice.order_report import (
    CommandStatus,
    Story,
    command_counts,
    situation_of,
    story_of,
)
from orders_sync.backoffice.parked import Parked, hindrance_of, read_again
from orders_sync.commands import NAMED
from orders_sync.commands.acceptance import NotAcceptedError
from orders_sync.domain.order import Order
from orders_sync.errors import Unreadable
from orders_sync.gateway.desk.forms import body_in, fields_of, filled
from orders_sync.gateway.desk.needs import decide
from orders_sync.gateway.desk.visit import Visit
from orders_sync.gateway.rights import Scope
from orders_sync.ledger.decisions import REFUSED_KEY, DecisionRefused
from orders_sync.outbound.decide import body_of, edit
from orders_sync.vtex.translate import order as read_order

_MOST_HITS: Final = 50
_ADMIN: Final = "https://{account}.myvtex.com/admin/orders/{order_id}"
_PREFIX: Final = "body."


def search(visit: Visit) -> Response:
    """Find orders by any of their names; redirect to the order where only one is found."""
    text = visit.query("q")
    hits = visit.here.ledger.inquiries.find_named(text, visit.who.rights.accounts, limit=_MOST_HITS)
    if len(hits) == 1:
        return visit.go("/desk/order", account=hits[0].account, id=hits[0].order_id)
    return visit.page("search.html", text=text, hits=hits)


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """An entry of an order's timeline; `kind` is event, step, command or act."""

    at: datetime
    kind: str
    what: str
    note: str | None = None
    seconds: float | None = None
    attempt: int | None = None
    step: str | None = None
    who: str | None = None


def show_order(visit: Visit) -> Response:
    """Return the report of an order; with persons only for a visitor who may see them."""
    account, order_id = visit.query("account"), visit.query("id")
    visit.who.rights.require(Scope.READ, account)
    story = story_of(visit.here.ledger, account, order_id, now=visit.now)
    if story is None:
        raise NotKnown(f"The ledger knows nothing of order {order_id}.")
    order = story.order
    return visit.page(
        "order.html",
        account=account,
        order_id=order_id,
        story=story,
        situation=situation_of(order.model_dump(), now=visit.now) if order else None,
        counts=command_counts([command.model_dump() for command in story.commands]),
        moments=sorted(_moments(story), key=lambda moment: moment.at),
        persons=_persons(visit, account, order_id) if visit.who.sees_persons else None,
        admin_url=_fill_url(_ADMIN, account=account, order_id=order_id),
        erp_url=_erp_url(visit, story, account, order_id),
        done=visit.query("done"),
    )


def decide_order(visit: Visit) -> Response:
    """Retry or discard a parked order, or request a new read of any order."""
    account, order_id = visit.form.get("account", ""), visit.form.get("id", "")
    visit.who.rights.require(Scope.DECIDE, account)
    did = visit.form.get("did", "")
    if did == "read":
        ledger = visit.here.ledger
        if story_of(ledger, account, order_id, now=visit.now) is None:
            raise NotKnown(f"The ledger knows nothing of order {order_id}.")
        visit.here.dispatch(read_again(ledger, account, order_id, visit.act()))
    else:
        decide(visit, Parked(account, order_id), did)
    return visit.go("/desk/order", account=account, id=order_id, done=did)


def _moments(story: Story) -> Iterator[TimelineEntry]:
    for event in story.events:
        change = " → ".join(filter(None, (event.last_state, event.state)))
        yield TimelineEntry(event.changed_at, "event", change or event.problem or "", event.domain)
    for entry in story.journal:
        yield TimelineEntry(
            entry.at, "step", entry.what, entry.note, entry.seconds, entry.attempt, entry.step
        )
    for command in story.commands:
        yield TimelineEntry(command.created_at, "command", command.kind, command.vtex_number)
    for act in story.acts:
        yield TimelineEntry(act.at, "act", act.did, act.why, who=act.who)


def _erp_url(visit: Visit, story: Story, account: str, order_id: str) -> str | None:
    template = visit.here.settings.desk.erp_url
    reference = story.order.erp_reference if story.order else None
    if template is None or (reference is None and "{reference}" in template):
        return None
    return _fill_url(template, account=account, order_id=order_id, reference=reference or "")


def _fill_url(template: str, **values: str) -> str:
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template


def _persons(visit: Visit, account: str, order_id: str) -> Order | None:
    kept = visit.here.ledger.orders.document(account, order_id)
    try:
        return read_order(account, kept.body) if kept else None
    except Unreadable:
        return None


def show_command(visit: Visit) -> Response:
    """Return a command, with the form of its body where it is parked."""
    return _command_page(visit, _command_row(visit, visit.query("id"), Scope.READ))


def decide_command(visit: Visit) -> Response:
    """Retry or discard a parked command."""
    row = _command_row(visit, visit.form.get("id", ""), Scope.DECIDE)
    did = visit.form.get("did", "")
    decide(visit, Parked(row["account"], row["order_id"], row["id"], row["kind"]), did)
    return visit.go("/desk/command", id=row["id"], done=did)


def edit_command(visit: Visit) -> Response:
    """Replace the body of a parked command by the form's, and send it."""
    row = _command_row(visit, visit.form.get("id", ""), Scope.DECIDE)
    kind = NAMED.get(row["kind"])
    if kind is None:
        raise DecisionRefused("Nothing of its kind is sent: give it up.")
    typed = {
        name.removeprefix(_PREFIX): text
        for name, text in visit.form.items()
        if name.startswith(_PREFIX)
    }
    ledger = visit.here.ledger
    before, sees_persons = body_of(row["id"], ledger), visit.who.sees_persons
    try:
        following = edit(
            row["id"],
            body_in(kind.body, typed, before, sees_persons=sees_persons),
            order_id=visit.form.get("order_id", "").strip() or None,
            key=visit.form.get("key", "").strip() or None,
            ledger=ledger,
            max_bytes=visit.here.settings.max_command_bytes,
            act=visit.act(),
        )
    except DecisionRefused as error:
        if not isinstance(error.__cause__, NotAcceptedError):
            raise
        problems = {wrong.field: wrong.expected for wrong in error.__cause__.problems}
        return _command_page(
            visit, row, typed=typed, problems=problems or {"body": str(error.__cause__)}
        )
    visit.here.dispatch(following)
    return visit.go("/desk/command", id=row["id"], done="edit")


def _command_page(
    visit: Visit,
    row: Mapping[str, Any],
    *,
    typed: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> Response:
    kind = NAMED.get(row["kind"])
    body = body_of(row["id"], visit.here.ledger)
    fields = fields_of(kind.body, body, sees_persons=visit.who.sees_persons) if kind else []
    known = {info.alias or name for name, info in kind.body.model_fields.items()} if kind else set()
    return visit.page(
        "command.html",
        status=422 if problems else 200,
        command=CommandStatus.model_validate(row),
        fields=fields if typed is None else filled(fields, typed),
        prefix=_PREFIX,
        problems=problems or {},
        unknown_fields=len(set(body) - known) if isinstance(body, dict) else 0,
        was_accepted=not row["key"].startswith(REFUSED_KEY),
        hindrance=hindrance_of(row),
        may_decide=visit.who.rights.allows(Scope.DECIDE, row["account"]),
        done=visit.query("done"),
    )


def _command_row(visit: Visit, command_id: str, scope: Scope) -> Mapping[str, Any]:
    row = visit.here.ledger.inquiries.command(command_id)
    if row is None:
        raise NotKnown(f"There is no command {command_id}.")
    visit.who.rights.require(scope, row["account"])
    return row
