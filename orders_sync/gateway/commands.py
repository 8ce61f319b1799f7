"""The routes of orders and their commands: ask for a command, wait for it, see how far it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from orders_sync.backoffice.accounts import NotKnown, require_configured, require_known
from orders_sync.backoffice.order_report import CommandStatus, OrderStatus, Story, story_of
from orders_sync.commands import KINDS
from orders_sync.commands.acceptance import NotAcceptedError
from orders_sync.commands.kind import Kind
from orders_sync.domain.commands import Command
from orders_sync.domain.rules import OPEN, Standing
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
    read_cursor,
)
from orders_sync.gateway.problems import described
from orders_sync.gateway.rights import Rights, Scope
from orders_sync.ledger.searches import CommandSearch, OrderSearch, PageEnd
from orders_sync.outbound.accept import Accepted, Source, accept_or_refuse

#: A call waits for an outcome so long at most: proxies cut a silent connection after a minute.
_LONGEST_WAIT_SECONDS: Final = 50
_WAIT: Final = re.compile(r"(?:^|[,;\s])wait=(\d{1,6})(?:$|[,;\s])")


class CommandAccepted(CommandStatus):
    """A command that is in the ledger; `is_new` unless it was there before under its key."""

    is_new: bool


class CommandBody(BaseModel):
    """A command's body, as JSON text, as it was asked for or edited; it may name people."""

    body: str


def command_routes() -> APIRouter:
    """Return the routes of commands."""
    routes = APIRouter(tags=["commands"])
    for kind in KINDS:
        _add_kind(routes, kind)

    @routes.get("/accounts/{account}/commands/{command_id}", summary="How far a command is.")
    def show(
        here: Here, caller: Caller, account: AccountName, command_id: CommandId
    ) -> CommandStatus:
        row = _row(here, account, command_id)
        if row is None or not caller.allows(Scope.SEND, account, row["kind"]):
            caller.require(Scope.READ, account)
        return CommandStatus.model_validate(_existing(row, command_id))

    @routes.get(
        "/accounts/{account}/commands/{command_id}/body", summary="What was asked for, in full."
    )
    def body(
        here: Here, caller: Caller, account: AccountName, command_id: CommandId
    ) -> CommandBody:
        caller.require(Scope.PERSONS, account)
        return CommandBody(body=command_row(here, account, command_id)["body"])

    @routes.get("/accounts/{account}/commands", summary="Commands, the latest changed first.")
    def index(
        here: Here,
        caller: Caller,
        account: AccountName,
        *,
        order_id: Annotated[str | None, Query(description="Only of this order.")] = None,
        kind: Annotated[str | None, Query(description="Only of this kind.")] = None,
        standing: Standing | None = None,
        cause: str | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[CommandStatus]:
        caller.require(Scope.READ, account)
        require_known(here.ledger, here.settings, account)
        search = CommandSearch(
            account=account, order_id=order_id, kind=kind, standing=standing, cause=cause
        )
        after = read_cursor(cursor, PageEnd.from_text)
        rows = here.ledger.searches.latest_commands(search, limit=limit, after=after)
        return Page[CommandStatus].of(rows, CommandStatus, limit, "id")

    return routes


def order_routes() -> APIRouter:
    """Return the routes of orders: each one's status, story and document."""
    routes = APIRouter(tags=["orders"])

    @routes.get("/accounts/{account}/orders", summary="Orders, the latest changed first.")
    def index(
        here: Here,
        caller: Caller,
        account: AccountName,
        *,
        standing: Standing | None = None,
        status: Annotated[str | None, Query(description="VTEX's, when it was last read.")] = None,
        cause: str | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[OrderStatus]:
        caller.require(Scope.READ, account)
        require_known(here.ledger, here.settings, account)
        search = OrderSearch(account=account, standing=standing, status=status, cause=cause)
        after = read_cursor(cursor, PageEnd.from_text)
        rows = here.ledger.searches.latest_orders(search, limit=limit, after=after)
        return Page[OrderStatus].of(rows, OrderStatus, limit, "order_id")

    @routes.get(
        "/accounts/{account}/orders/{order_id:path}/document",
        summary="The order as VTEX sent it when it was last read, byte for byte; it names people.",
        response_class=Response,
        responses={200: {"content": {"application/json": {}}}},
    )
    def document(here: Here, caller: Caller, account: AccountName, order_id: OrderId) -> Response:
        caller.require(Scope.PERSONS, account)
        kept = here.ledger.orders.document(account, order_id)
        if kept is None:
            raise NotKnown(f"The ledger has no document of order {order_id}.")
        return Response(kept.body, media_type="application/json")

    # The last of an order's routes, since an id may have slashes in it.
    @routes.get("/accounts/{account}/orders/{order_id:path}", summary="Where an order is, and why.")
    def show(here: Here, caller: Caller, account: AccountName, order_id: OrderId) -> Story:
        caller.require(Scope.READ, account)
        story = story_of(here.ledger, account, order_id, now=here.clock())
        if story is None:
            raise NotKnown(f"The ledger knows nothing of order {order_id}: ask for a read of it.")
        return story

    return routes


def _add_kind(routes: APIRouter, kind: Kind) -> None:
    async def send(
        here: Here,
        caller: Caller,
        request: Request,
        response: Response,
        account: AccountName,
        order_id: OrderId,
        idempotency_key: Annotated[
            str | None,
            Header(description="Makes a repeat harmless; made from the content if left out."),
        ] = None,
        prefer: Annotated[
            str | None, Header(description="wait=10 waits so many seconds for the outcome.")
        ] = None,
    ) -> CommandAccepted:
        caller.require(Scope.SEND, account, kind.name)
        command = Command(kind.name, order_id, await _object(request), _unquoted(idempotency_key))
        accepted = await run_in_threadpool(
            _accept, here, caller, account, command, request.headers.get("traceparent")
        )
        response.headers["Location"] = f"/api/v1/accounts/{account}/commands/{accepted.command_id}"
        seconds = _seconds_to_wait(prefer) if here.outcomes.has_room else 0
        if seconds:
            response.headers["Preference-Applied"] = f"wait={seconds}"
        row = await here.outcomes.wait(accepted.command_id, seconds=seconds)
        status = CommandStatus.model_validate(_existing(row, accepted.command_id))
        if status.standing not in OPEN:
            response.status_code = 200
        return CommandAccepted(**status.model_dump(), is_new=accepted.is_new)

    routes.add_api_route(
        f"/accounts/{{account}}/orders/{{order_id:path}}/{kind.collection}",
        send,
        methods=["POST"],
        status_code=202,
        name=f"{kind.name}_order",
        summary=kind.summary,
        responses={
            200: {"model": CommandAccepted, "description": "It is at its end, or parked."},
            **described(409),
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {"$ref": f"#/components/schemas/{kind.body.__name__}"},
                        "example": dict(kind.example),
                    }
                },
            }
        },
    )


def _accept(
    here: Context, caller: Rights, account: str, command: Command, traceparent: str | None
) -> Accepted:
    require_configured(here.settings, account)
    intake = replace(here.intake, traceparent=traceparent)
    source: Source = "erp" if caller.allows(Scope.ERP, account) else "http"
    return accept_or_refuse(
        command, account=account, source=source, caller=caller.name, intake=intake
    )


async def _object(request: Request) -> Any:
    """Return the JSON of a request's body.

    Raises:
        NotAcceptedError: it is none.
    """
    try:
        return json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError):
        raise NotAcceptedError("command.invalid", "body: is not JSON in UTF-8") from None


def _unquoted(key: str | None) -> str | None:
    """Return a key without the double quotes that the header's draft asks for, and few send.

    https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
    """
    if key and len(key) > 2 and key[0] == key[-1] == '"':
        return key[1:-1]
    return key


def _seconds_to_wait(prefer: str | None) -> int:
    """Return for how long a caller prefers to wait, as RFC 7240 has it."""
    match = _WAIT.search(prefer or "")
    return min(int(match[1]), _LONGEST_WAIT_SECONDS) if match else 0


def command_row(here: Context, account: str, command_id: str) -> Mapping[str, Any]:
    """Return a command of an account.

    Raises:
        NotKnown: it has none of that id.
    """
    return _existing(_row(here, account, command_id), command_id)


def _row(here: Context, account: str, command_id: str) -> Mapping[str, Any] | None:
    row = here.ledger.inquiries.command(command_id)
    return row if row and row["account"] == account else None


def _existing(row: Mapping[str, Any] | None, command_id: str) -> Mapping[str, Any]:
    if row is None:
        raise NotKnown(f"There is no command {command_id} in this account.")
    return row
