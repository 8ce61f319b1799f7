"""A command: how far it is, its body as a form, and what can be decided about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from orders_sync.backoffice.accounts import NotKnown
from orders_sync.backoffice.parked import Parked, hindrance_of
from orders_sync.backoffice.story import CommandStatus
from orders_sync.commands import NAMED
from orders_sync.commands.acceptance import NotAcceptedError
from orders_sync.gateway.desk.forms import body_in, fields_of, filled
from orders_sync.gateway.desk.needs import decide
from orders_sync.gateway.desk.visit import Visit
from orders_sync.gateway.rights import Scope
from orders_sync.ledger.decisions import REFUSED_KEY, DecisionRefused
from orders_sync.outbound.decide import body_of, edit

_PREFIX = "body."


def show_command(visit: Visit) -> Response:
    """Return a command, with the form of its body where it waits for a person."""
    return _page(visit, _row(visit, visit.query("id"), Scope.READ))


def decide_command(visit: Visit) -> Response:
    """Retry a parked command, or give it up."""
    row = _row(visit, visit.form.get("id", ""), Scope.DECIDE)
    did = visit.form.get("did", "")
    decide(visit, Parked(row["account"], row["order_id"], row["id"], row["kind"]), did)
    return visit.go("/desk/command", id=row["id"], done=did)


def edit_command(visit: Visit) -> Response:
    """Give a parked command the body that the form makes, and have it sent."""
    row = _row(visit, visit.form.get("id", ""), Scope.DECIDE)
    kind = NAMED.get(row["kind"])
    if kind is None:
        raise DecisionRefused(visit.words("Nothing of its kind is sent: give it up."))
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
        return _page(visit, row, typed=typed, problems=problems or {"body": str(error.__cause__)})
    for step in following:
        visit.here.dispatch(step)
    return visit.go("/desk/command", id=row["id"], done="edit")


def _page(
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


def _row(visit: Visit, command_id: str, scope: Scope) -> Mapping[str, Any]:
    row = visit.here.ledger.inquiries.command(command_id)
    if row is None:
        raise NotKnown(f"There is no command {command_id}.")
    visit.who.rights.require(scope, row["account"])
    return row
