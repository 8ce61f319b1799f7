"""The routes of parked work: list it, retry, edit and discard it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field

from orders_sync.backoffice.accounts import require_known
from orders_sync.backoffice.order_report import CommandStatus, OrderStatus
from orders_sync.backoffice.parked import (
    Parked,
    ParkedEnd,
    discard,
    parked_causes,
    parked_page,
    retry,
)
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Dispatch
from orders_sync.gateway.commands import command_row
from orders_sync.gateway.context import (
    AccountName,
    Caller,
    CommandId,
    Context,
    Cursor,
    Here,
    Limit,
    OrderId,
    Page,
    cursor_of,
    read_cursor,
)
from orders_sync.gateway.problems import described
from orders_sync.gateway.rights import Rights, Scope
from orders_sync.ledger.searches import PageEnd
from orders_sync.outbound import decide

#: PostgreSQL keeps no null character.
_STORABLE: Final = r"^[^\x00]*$"


class ParkedList(BaseModel):
    """Some parked orders and commands, as a `Page`, and how much is parked in all, by cause.

    A page's `limit` holds for orders and commands together.
    """

    causes: Mapping[str, int]
    orders: list[OrderStatus]
    commands: list[CommandStatus]
    next_cursor: str | None


class StrayStatus(BaseModel):
    """A message that no task could take; its body is left out."""

    id: str
    arrived_at: datetime
    queue: str
    reason: str
    name: str
    size: int
    standing: Standing
    has_body: bool


class Decision(BaseModel):
    """Why somebody decides so; kept in the operator's log, so name nobody in it."""

    reason: str | None = Field(None, max_length=1000, pattern=_STORABLE)


class Discard(BaseModel):
    """Why something is given up; its ERP is told of it, so name nobody in it."""

    reason: str = Field(min_length=1, max_length=1000, pattern=_STORABLE)


class Edit(Decision):
    """A parked command's new body; order and key only of one that was never accepted."""

    body: dict[str, Any]
    order_id: str | None = Field(None, max_length=255)
    key: str | None = Field(None, max_length=500)


class Decided(BaseModel):
    """What was decided about."""

    account: str
    order_id: str
    command_id: str | None = None
    stray_id: str | None = None


def parked_routes() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["parked"], responses=described(409))

    @routes.get(
        "/accounts/{account}/parked", summary="What waits for a person, the latest changed first."
    )
    def index(
        here: Here,
        caller: Caller,
        account: AccountName,
        *,
        cause: str | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> ParkedList:
        caller.require(Scope.READ, account)
        require_known(here.ledger, here.settings, account)
        after = read_cursor(cursor, ParkedEnd.from_text) or ParkedEnd()
        page = parked_page(here.ledger, account, cause, limit=limit, after=after)
        return ParkedList(
            causes=parked_causes(here.ledger, account, cause),
            orders=[row for row in page.rows if isinstance(row, OrderStatus)],
            commands=[row for row in page.rows if isinstance(row, CommandStatus)],
            next_cursor=cursor_of(page.end),
        )

    _add_order_decisions(routes)
    _add_command_decisions(routes)
    _add_strays(routes)
    return routes


def _add_order_decisions(routes: APIRouter) -> None:
    at = "/accounts/{account}/orders/{order_id:path}"

    @routes.post(f"{at}/retry", summary="Go on with a parked order from what VTEX says now.")
    def retry_order(
        here: Here, caller: Caller, account: AccountName, order_id: OrderId, asked: Decision
    ) -> Decided:
        caller.require(Scope.DECIDE, account)
        return _retry(here, caller, Parked(account, order_id), asked)

    @routes.post(
        f"{at}/discard", summary="Give a parked order up, or a change that its ERP did not take."
    )
    def discard_order(
        here: Here, caller: Caller, account: AccountName, order_id: OrderId, asked: Discard
    ) -> Decided:
        caller.require(Scope.DECIDE, account)
        return _discard(here, caller, Parked(account, order_id), asked)


def _add_command_decisions(routes: APIRouter) -> None:
    at = "/accounts/{account}/commands/{command_id}"

    @routes.post(f"{at}/retry", summary="Have a parked command judged and sent.")
    def retry_command(
        here: Here, caller: Caller, account: AccountName, command_id: CommandId, asked: Decision
    ) -> Decided:
        caller.require(Scope.DECIDE, account)
        return _retry(here, caller, _command(here, account, command_id), asked)

    @routes.post(f"{at}/discard", summary="Give a parked command up.")
    def discard_command(
        here: Here, caller: Caller, account: AccountName, command_id: CommandId, asked: Discard
    ) -> Decided:
        caller.require(Scope.DECIDE, account)
        return _discard(here, caller, _command(here, account, command_id), asked)

    @routes.put(f"{at}/body", summary="Change a parked command, and have it sent.")
    def edit_command(
        here: Here, caller: Caller, account: AccountName, command_id: CommandId, asked: Edit
    ) -> Decided:
        caller.require(Scope.DECIDE, account)
        parked = _command(here, account, command_id)
        following = decide.edit(
            command_id,
            asked.body,
            order_id=asked.order_id,
            key=asked.key,
            ledger=here.ledger,
            max_bytes=here.settings.max_command_bytes,
            act=here.act(caller, asked.reason),
        )
        return _decided(here, parked, following)


def _add_strays(routes: APIRouter) -> None:
    @routes.get("/strays", summary="Messages that no task could take, of no account; latest first.")
    def strays(
        here: Here, caller: Caller, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[StrayStatus]:
        caller.require(Scope.READ, None)
        after = read_cursor(cursor, PageEnd.from_text)
        rows = here.ledger.strays.parked(limit=limit, after=after)
        return Page[StrayStatus].of(rows, StrayStatus, limit, "id", at="arrived_at")

    @routes.post("/strays/{stray_id}/retry", summary="Put a stray message back on its queue.")
    def retry_stray(here: Here, caller: Caller, stray_id: CommandId, asked: Decision) -> Decided:
        caller.require(Scope.DECIDE, None)
        return _retry(here, caller, Parked("", "", stray_id=stray_id), asked)

    @routes.post("/strays/{stray_id}/discard", summary="Erase a stray message.")
    def discard_stray(here: Here, caller: Caller, stray_id: CommandId, asked: Discard) -> Decided:
        caller.require(Scope.DECIDE, None)
        return _discard(here, caller, Parked("", "", stray_id=stray_id), asked)


def _command(here: Context, account: str, command_id: str) -> Parked:
    row = command_row(here, account, command_id)
    return Parked(account, row["order_id"], command_id, row["kind"])


def _retry(here: Context, caller: Rights, parked: Parked, asked: Decision) -> Decided:
    act = here.act(caller, asked.reason)
    return _decided(here, parked, retry(here.ledger, parked, act, put_back=here.put_back))


def _discard(here: Context, caller: Rights, parked: Parked, asked: Discard) -> Decided:
    act = here.act(caller, asked.reason)
    return _decided(here, parked, discard(here.ledger, parked, act))


def _decided(here: Context, parked: Parked, following: Sequence[Dispatch]) -> Decided:
    here.dispatch(following)
    return Decided(
        account=parked.account,
        order_id=parked.order_id,
        command_id=parked.command_id,
        stray_id=parked.stray_id,
    )
