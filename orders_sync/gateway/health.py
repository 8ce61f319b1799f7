"""Whether this process lives, and whether it can accept commands now."""

from __future__ import annotations

from fastapi import APIRouter, Response

from orders_sync.errors import ConfigurationError, LedgerUnavailable
from orders_sync.gateway.context import Here
from orders_sync.ledger.versions import require_current


def health_routes() -> APIRouter:
    """Return the routes, which need no token and tell nothing of the work."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/livez")
    async def lives() -> Response:
        return Response("ok\n", media_type="text/plain")

    @routes.get("/readyz")
    def is_ready(here: Here) -> Response:
        try:
            require_current(here.ledger.database)
        except (ConfigurationError, LedgerUnavailable):
            text = "the ledger does not answer, or must be upgraded: orders-sync doctor\n"
            return Response(text, 503, media_type="text/plain")
        return Response("ok\n", media_type="text/plain")

    return routes
