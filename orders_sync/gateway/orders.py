"""The routes of orders: where each is, its story, and its document."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from orders_sync.backoffice.accounts import NotKnown, require_known
from orders_sync.backoffice.story import OrderStatus, Story, story_of
from orders_sync.domain.rules import Standing
from orders_sync.gateway.context import AccountName, Caller, Here, OrderId
from orders_sync.gateway.pages import Cursor, Limit, Page, read_cursor
from orders_sync.gateway.rights import Scope
from orders_sync.ledger.searches import OrderSearch, latest_orders


def order_routes() -> APIRouter:
    """Return the routes."""
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
        after = read_cursor(cursor)
        rows = latest_orders(here.ledger.database, search, limit=limit, after=after)
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
        return Response(kept[0], media_type="application/json")

    # The last of an order's routes, since an id may have slashes in it.
    @routes.get("/accounts/{account}/orders/{order_id:path}", summary="Where an order is, and why.")
    def show(here: Here, caller: Caller, account: AccountName, order_id: OrderId) -> Story:
        caller.require(Scope.READ, account)
        story = story_of(here.ledger, account, order_id, now=here.clock())
        if story is None:
            raise NotKnown(f"The ledger knows nothing of order {order_id}: ask for a read of it.")
        return story

    return routes
