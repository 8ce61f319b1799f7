"""What people may do at the desk: a role, accounts, and whether they may see persons. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from orders_sync.gateway.rights import Rights, Scope


class Role(StrEnum):
    """What somebody may do, beside seeing persons, which is a right of its own."""

    VIEWER = "viewer"  # Look.
    OPERATOR = "operator"  # Retry, edit and discard what is parked.
    ADMIN = "admin"  # See who may use the desk, and shut people out.


_SCOPES: Final[Mapping[Role, frozenset[Scope]]] = {
    Role.VIEWER: frozenset({Scope.READ}),
    Role.OPERATOR: frozenset({Scope.READ, Scope.DECIDE}),
    Role.ADMIN: frozenset({Scope.READ, Scope.DECIDE}),
}


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in; `is_local` by a password of ours.

    Whom a proxy names has no session that could be ended here.
    """

    role: Role
    rights: Rights
    language: str | None = None
    is_local: bool = False
    has_session: bool = False

    @property
    def name(self) -> str:
        """The name that the operator's log has."""
        return self.rights.name

    @property
    def sees_persons(self) -> bool:
        """Whether it may see names, documents and addresses."""
        return Scope.PERSONS in self.rights.scopes

    @property
    def decides(self) -> bool:
        """Whether it may retry, edit and discard."""
        return Scope.DECIDE in self.rights.scopes


def visitor_of(
    name: str,
    role: str,
    accounts: Collection[str] | None,
    *,
    sees_persons: bool,
    language: str | None = None,
    is_local: bool = False,
) -> Visitor:
    """Return what somebody of a role may do; a role that is none of ours is a viewer's."""
    known = Role(role) if role in set(Role) else Role.VIEWER
    scopes = _SCOPES[known] | ({Scope.PERSONS} if sees_persons else frozenset())
    return Visitor(known, Rights(name, scopes, accounts), language, is_local)


def role_by_groups(
    groups: Collection[str], by_group: Mapping[str, str], default: str | None
) -> tuple[str, bool] | None:
    """Return the highest role of somebody's groups, and whether any lets it see persons.

    None where it has none, not even by default.
    """
    granted = [by_group[group].split() for group in groups if group in by_group]
    if not granted and default is not None:
        granted = [default.split()]
    if not granted:
        return None
    order = list(Role)
    role = max((Role(words[0]) for words in granted), key=order.index)
    return role, any("persons" in words for words in granted)
