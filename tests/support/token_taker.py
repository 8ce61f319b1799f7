"""A process that asks for an account's access token again and again, as an adapter does.

    python tests/support/token_taker.py LEDGER_URL KEY OAUTH_URL PROCESS TIMES

Each token is used as if the ERP refused it, so each is renewed. Prints the tokens that it got, as
JSON; where there is a sixth argument, it ends at once after the server's answer, as if killed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime

from pydantic import SecretStr
from support.oauth_server import refresher

from orders_sync.encryption import Cipher
from orders_sync.erp.tokens import Tokens, TokensBusy
from orders_sync.ledger.account_settings import ErpTokens
from orders_sync.ledger.engine import Database
from orders_sync.token_store import LedgerTokenStore


def main() -> None:
    ledger_url, key, oauth_url, process, times, *killed = sys.argv[1:]
    database = Database(ledger_url)

    def now() -> datetime:
        return datetime.now(UTC)

    store = LedgerTokenStore(
        "mystore", ErpTokens(database), Cipher(SecretStr(key)), process=process, clock=now
    )
    refresh = refresher(oauth_url, now)

    def dying(tokens: Tokens) -> Tokens:
        refresh(tokens)
        os._exit(9)

    got: list[str] = []
    refused: str | None = None
    while len(got) < int(times):
        try:
            token = store.access_token(dying if killed else refresh, refused=refused)
        except TokensBusy:
            time.sleep(0.01)
            continue
        got.append(token)
        refused = token
    sys.stdout.write(f"{json.dumps(got)}\n")
    database.close()


if __name__ == "__main__":
    main()
