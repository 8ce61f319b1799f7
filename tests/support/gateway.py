"""The gateway over real HTTP, on a ledger of its own, with no broker and no workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import requests
import uvicorn
from support.office import STORE, Office
from support.waiting import until

from orders_sync.backoffice.parked import PutBack
from orders_sync.gateway.app import GuardedApp, create_app
from orders_sync.gateway.rights import digest_of, new_token, token_id
from orders_sync.gateway.server import behind
from orders_sync.ledger.access import Caller
from orders_sync.ledger.journal import Act
from orders_sync.listening import listen, url_of
from orders_sync.metrics.tracing import NO_TRACING, Tracing
from orders_sync.roster import Roster
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings, GatewaySettings

#: Longer than any call may take here.
_SECONDS = 60


class Gateway:
    """A running gateway, the office whose ledger it has, and what strays were put back."""

    def __init__(self, office: Office, url: str, put_back: list[tuple[str, bytes]]) -> None:
        self.office = office
        self.url = url
        self.put_back = put_back

    def token(
        self,
        *scopes: str,
        accounts: AbstractSet[str] | None = frozenset({STORE}),
        name: str | None = None,
        lasts: timedelta | None = None,
    ) -> str:
        """Make a token, for the office's account unless others are named; None: for all."""
        token, now = new_token(), self.office.clock()
        caller = Caller(
            id=token_id(token) or "",
            name=name or f"service {token_id(token)}",
            digest=digest_of(token),
            scopes=frozenset(scopes),
            accounts=None if accounts is None else frozenset(accounts),
            created_at=now,
            expires_at=now + lasts if lasts else None,
        )
        assert self.office.ledger.callers.add(caller, Act(now, "ana"))
        return token

    def call(
        self,
        method: str,
        path: str,
        token: str | None,
        *,
        headers: Mapping[str, str] | None = None,
        **request: Any,
    ) -> requests.Response:
        """Call the API; `path` is what follows /api/v1."""
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.request(
            method,
            f"{self.url}/api/v1{path}",
            headers={**bearer, **(headers or {})},
            timeout=_SECONDS,
            **request,
        )


@contextmanager
def serving_gateway(
    office: Office,
    *,
    max_bytes: int = 10_000,
    requests_per_minute: int = 60_000,
    tracing: Tracing = NO_TRACING,
    put_back: PutBack | None = None,
    **more: Any,
) -> Iterator[Gateway]:
    """Serve the gateway from a thread, for as long as the block lasts.

    `more` are settings of the office's account.
    """
    account: Any = {"app_key": "key", "app_token": "token"}
    settings = Settings(
        accounts={STORE: AccountSettings(**account, **more), "other": AccountSettings(**account)},
        ledger_url=office.ledger.database.engine.url.render_as_string(hide_password=False),
        max_command_bytes=max_bytes,
        gateway=GatewaySettings(requests_per_minute=requests_per_minute),
    )
    strays: list[tuple[str, bytes]] = []
    app = create_app(
        Roster(settings, office.ledger.kept_accounts),
        office.ledger,
        clock=office.clock,
        dispatch=office.dispatched.extend,
        put_back=put_back or (lambda queue, message: strays.append((queue, message))),
        tracing=tracing,
    )
    with serving(app) as url:
        yield Gateway(office, url, strays)


@contextmanager
def serving(app: GuardedApp, proxies: str | None = None) -> Iterator[str]:
    """Serve an app from a thread, for as long as the block lasts; gives its URL."""
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(
        uvicorn.Config(
            behind(app, proxies),
            lifespan="off",
            access_log=False,
            log_level="error",
            proxy_headers=False,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        until(lambda: server.started, "the gateway answers")
        yield url_of(listener)
    finally:
        app.close()
        server.should_exit = True
        thread.join()
