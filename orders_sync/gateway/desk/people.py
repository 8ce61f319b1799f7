"""Who may use the desk, for an admin: see them, and shut them out."""

from __future__ import annotations

from starlette.responses import Response

from orders_sync.backoffice.accounts import NotKnown
from orders_sync.gateway.desk.roles import Role
from orders_sync.gateway.desk.visit import Visit
from orders_sync.gateway.rights import NotAllowedError
from orders_sync.ledger.decisions import DecisionRefused


def show_people(visit: Visit) -> Response:
    """Return the desk's users, without anybody's password or session."""
    _require_admin(visit)
    return visit.page("people.html", people=visit.here.ledger.users.all(), done=visit.query("done"))


def decide_person(visit: Visit) -> Response:
    """Shut somebody out at once, or let them in again."""
    _require_admin(visit)
    name, did = visit.form.get("name", ""), visit.form.get("did", "")
    if name == visit.who.name:
        raise DecisionRefused(visit.words("Nobody shuts themselves out."))
    users = visit.here.ledger.users
    change = users.disable if did == "disable" else users.enable
    if not change(name, visit.act()):
        raise NotKnown(f"There is no user {name}.")
    return visit.go("/desk/people", done=did)


def _require_admin(visit: Visit) -> None:
    """Refuse whoever is no admin for all accounts.

    Raises:
        NotAllowedError: it is not.
    """
    if visit.who.role is not Role.ADMIN or visit.who.rights.accounts is not None:
        raise NotAllowedError(f"{visit.who.name} is no admin for all accounts.")
