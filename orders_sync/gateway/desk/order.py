"""An order: found by any of its names, its story, what happens next, and who it is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from starlette.responses import Response

from orders_sync.backoffice.accounts import NotKnown
from orders_sync.backoffice.parked import Parked, read_again
from orders_sync.backoffice.story import Story, story_of
from orders_sync.backoffice.whereabouts import counted, situation_of
from orders_sync.domain.order import Order
from orders_sync.errors import Unreadable
from orders_sync.gateway.desk.needs import decide
from orders_sync.gateway.desk.visit import Visit
from orders_sync.gateway.rights import Scope
from orders_sync.ledger.lookups import find_named
from orders_sync.vtex.translate import order as read_order

_MOST_HITS: Final = 50
_ADMIN: Final = "https://{account}.myvtex.com/admin/orders/{order_id}"


def search(visit: Visit) -> Response:
    """Find orders by any of their names; one that is found alone is gone to at once."""
    text = visit.query("q")
    hits = find_named(visit.here.ledger.database, text, visit.who.rights.accounts, limit=_MOST_HITS)
    if len(hits) == 1:
        return visit.go("/desk/order", account=hits[0].account, id=hits[0].order_id)
    return visit.page("search.html", text=text, hits=hits)


@dataclass(frozen=True, slots=True)
class Moment:
    """A line of an order's timeline; `kind` is event, step, command or act."""

    at: datetime
    kind: str
    what: str
    note: str | None = None
    seconds: float | None = None
    attempt: int | None = None
    step: str | None = None


def show_order(visit: Visit) -> Response:
    """Return the whole story of an order; its persons only to whoever may see them."""
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
        counts=counted([command.model_dump() for command in story.commands]),
        moments=sorted(_moments(story), key=lambda moment: moment.at),
        persons=_persons(visit, account, order_id) if visit.who.sees_persons else None,
        admin_url=_filled(_ADMIN, account=account, order_id=order_id),
        erp_url=_erp_url(visit, story, account, order_id),
        done=visit.query("done"),
    )


def decide_order(visit: Visit) -> Response:
    """Retry or discard a parked order, or have any order read afresh."""
    account, order_id = visit.form.get("account", ""), visit.form.get("id", "")
    visit.who.rights.require(Scope.DECIDE, account)
    did = visit.form.get("did", "")
    if did == "read":
        ledger = visit.here.ledger
        if story_of(ledger, account, order_id, now=visit.now) is None:
            raise NotKnown(f"The ledger knows nothing of order {order_id}.")
        for step in read_again(ledger, account, order_id, visit.act()):
            visit.here.dispatch(step)
    else:
        decide(visit, Parked(account, order_id), did)
    return visit.go("/desk/order", account=account, id=order_id, done=did)


def _moments(story: Story) -> Iterator[Moment]:
    for event in story.events:
        change = " → ".join(filter(None, (event.last_state, event.state)))
        yield Moment(event.changed_at, "event", change or event.problem or "", event.domain)
    for entry in story.journal:
        yield Moment(
            entry.at, "step", entry.what, entry.note, entry.seconds, entry.attempt, entry.step
        )
    for command in story.commands:
        yield Moment(command.created_at, "command", command.kind, command.vtex_number)
    for act in story.acts:
        yield Moment(act.at, "act", f"{act.who}: {act.did}", act.why)


def _erp_url(visit: Visit, story: Story, account: str, order_id: str) -> str | None:
    template = visit.here.settings.desk.erp_url
    reference = story.order.erp_reference if story.order else None
    if template is None or (reference is None and "{reference}" in template):
        return None
    return _filled(template, account=account, order_id=order_id, reference=reference or "")


def _filled(template: str, **values: str) -> str:
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template


def _persons(visit: Visit, account: str, order_id: str) -> Order | None:
    kept = visit.here.ledger.orders.document(account, order_id)
    try:
        return read_order(account, kept[0]) if kept else None
    except Unreadable:
        return None
