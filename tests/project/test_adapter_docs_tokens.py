"""The page's adapter renews tokens that change with each use, at a server that refuses old ones."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from project.adapter_page import blocks
from pydantic import SecretStr
from support.ledger_files import make_ledger
from support.oauth_server import OAuthServer, serving_oauth

from orders_sync.encryption import Cipher, new_key
from orders_sync.erp.console import ConsoleErp
from orders_sync.erp.tokens import Tokens
from orders_sync.errors import ErpUnavailable
from orders_sync.ledger.account_settings import ErpTokens
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import Act
from orders_sync.testing.clock import SettableClock
from orders_sync.token_store import LedgerTokenStore, seal_tokens, trouble_of

METHODS: dict[str, Any] = {}
exec(blocks("Tokens that change with each use")[0], METHODS)  # noqa: S102 - the page's own code.


class Answer:
    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


class AcmeErp(ConsoleErp):
    """Refuses the first access token."""

    known_options = frozenset({"token_url"})
    refresh, call = METHODS["refresh"], METHODS["call"]
    asked: tuple[str, ...] = ()

    def get(self, path: str, token: str) -> Answer:
        self.asked += (f"{path} {token}",)
        return Answer(401 if token == "access-1" else 200)


def test_the_pages_adapter_uses_no_refresh_token_twice(
    tmp_path: Path, clock: SettableClock
) -> None:
    server, cipher = OAuthServer(), Cipher(SecretStr(new_key()))
    url = make_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    with serving_oauth(server) as token_url, closing(Database(url)) as database:
        rows = ErpTokens(database)
        sealed = seal_tokens(Tokens("", "refresh-0", clock()), cipher)
        rows.give("mystore", sealed, Act(clock(), "ana"))
        acme = AcmeErp("mystore", {"token_url": token_url}, tmp_path)
        acme.tokens = LedgerTokenStore("mystore", rows, cipher, process="one", clock=clock)
        away = AcmeErp("mystore", {"token_url": "http://127.0.0.1:9/"}, tmp_path)
        away.tokens = LedgerTokenStore("mystore", rows, cipher, process="two", clock=clock)

        answer = acme.call("/orders")
        with pytest.raises(ErpUnavailable, match="takes no connection"):
            away.tokens.access_token(away.refresh, refused="access-2")
        kept = rows.find("mystore")

    assert answer.status_code == 200
    assert acme.asked == ("/orders access-1", "/orders access-2")
    assert server.reused == []
    assert kept is not None
    assert trouble_of(kept, now=clock()) is None
