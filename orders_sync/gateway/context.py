"""What the routes work with, and who calls them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import unquote

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from orders_sync.backoffice.parked import PutBack
from orders_sync.backoffice.waiting import Outcomes
from orders_sync.commands.acceptance import LONGEST
from orders_sync.domain.steps import Dispatch
from orders_sync.domain.time import Clock
from orders_sync.gateway.callers import CALLER, Allowance
from orders_sync.gateway.problems import ProblemError
from orders_sync.gateway.rights import Rights
from orders_sync.ledger import Ledger
from orders_sync.ledger.acts import Act
from orders_sync.metrics.tracing import NO_TRACING, Tracing
from orders_sync.outbound.accept import Desk
from orders_sync.roster import Roster
from orders_sync.settings import Settings

_bearer: Final = HTTPBearer(auto_error=False, description="A token of `orders-sync tokens create`.")


@dataclass(frozen=True, slots=True)
class Context:
    """The process's parts; `dispatch` never waits, and `put_back` sends a stray again."""

    roster: Roster
    ledger: Ledger
    clock: Clock
    outcomes: Outcomes
    allowance: Allowance
    dispatch: Callable[[Dispatch], None]
    put_back: PutBack
    tracing: Tracing = NO_TRACING

    @property
    def settings(self) -> Settings:
        """The settings with the accounts that are in force now."""
        return self.roster.settings

    @property
    def desk(self) -> Desk:
        """What accepting a command uses."""
        return Desk(
            ledger=self.ledger,
            clock=self.clock,
            new_id=lambda: uuid.uuid4().hex,
            dispatch=self.dispatch,
            max_bytes=self.settings.max_command_bytes,
            tracing=self.tracing,
        )

    def act(self, who: Rights, why: str | None) -> Act:
        """Say who decides something now."""
        return Act(self.clock(), who.name, why)


def _context(request: Request) -> Context:
    # PostgreSQL keeps no null character, and cannot be asked for one.
    if "\0" in f"{request.url.path}{unquote(request.url.query)}":
        raise ProblemError(422, "request.invalid", "The path or the query has a null character.")
    context: Context = request.app.state.context
    return context


Here = Annotated[Context, Depends(_context)]


def _caller(
    request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Rights:
    # The token was asked for before the body was read; here it is described.
    rights: Rights = request.scope[CALLER]
    return rights


Caller = Annotated[Rights, Depends(_caller)]
AccountName = Annotated[str, Path(description="The VTEX account.", max_length=LONGEST["account"])]
OrderId = Annotated[
    str, Path(description="VTEX's id of the order.", max_length=LONGEST["order_id"])
]
CommandId = Annotated[str, Path(description="The command's id.", max_length=32)]
