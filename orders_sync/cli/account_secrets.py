"""`orders-sync accounts token`, `reencrypt` and `new-key`: the secrets of accounts."""

from __future__ import annotations

import json
import sys
from datetime import datetime

import click

from orders_sync.cli.context import act_now, open_ledger, require_account
from orders_sync.cli.output import as_json, print_outcome
from orders_sync.cli.parameters import ACCOUNT
from orders_sync.encryption import Cipher, new_key
from orders_sync.erp.tokens import Tokens
from orders_sync.settings import load_settings
from orders_sync.token_store import seal_tokens


@click.command("token")
@click.argument("name", type=ACCOUNT)
@click.option("--retry", is_flag=True, help="Have those tried that are kept; give none.")
@as_json
def give_tokens(*, name: str, retry: bool, as_json: bool) -> None:
    """Give the OAuth tokens of an account's ERP, on standard input: the first, or in place of lost.

    What is read is the server's answer, {"access_token", "refresh_token", "expires_in"}, or a line
    with a refresh token, which is used at once.

    --json: {account}.
    """
    settings = load_settings()
    cipher, act = Cipher(settings.secrets_key), act_now(None)
    with open_ledger() as ledger:
        require_account(ledger, settings, name)
        if not retry:
            tokens = _tokens(sys.stdin.read(), act.at)
            ledger.erp_tokens.give(name, seal_tokens(tokens, cipher), act)
        elif not ledger.erp_tokens.retry(name, act):
            raise click.ClickException(f"{name} has no tokens. Leave --retry out, and give some.")
    says = f"The tokens of {name} are kept. They are used with its next call."
    print_outcome({"account": name}, says, as_json=as_json)


@click.command("reencrypt")
@as_json
def encrypt_anew(*, as_json: bool) -> None:
    """Encrypt all secrets of the ledger anew, with the first key of ORDERS_SYNC_SECRETS_KEY.

    To change the key: put the new one before the old, restart the processes, run this, and take the
    old one out.

    --json: {accounts, tokens}.
    """
    cipher = Cipher(load_settings().secrets_key)
    with open_ledger() as ledger:
        number = ledger.kept_accounts.renew(cipher.renew, act_now(None))
        tokens = ledger.erp_tokens.renew(cipher.renew, act_now(None))
    says = f"Encrypted anew: the secrets of {number} accounts, and {tokens} tokens."
    print_outcome({"accounts": number, "tokens": tokens}, says, as_json=as_json)


@click.command("new-key")
@as_json
def make_key(*, as_json: bool) -> None:
    """Print a new key for ORDERS_SYNC_SECRETS_KEY; it is kept nowhere.

    --json: {key}.
    """
    key = new_key()
    print_outcome({"key": key}, key, as_json=as_json)


def ask_secret(label: str) -> str:
    """Return a secret, typed at a terminal or the next line of standard input."""
    if sys.stdin.isatty():
        text: str = click.prompt(label, hide_input=True, err=True)
    else:
        text = sys.stdin.readline()
    if not text.strip():
        raise click.UsageError(f"{label}: nothing came on standard input.")
    return text.strip()


def _tokens(text: str, now: datetime) -> Tokens:
    if not text.strip():
        raise click.UsageError("Nothing came on standard input.")
    try:
        answer = json.loads(text)
    except ValueError:
        return Tokens("", text.strip(), now)
    try:
        return Tokens.from_answer(answer if isinstance(answer, dict) else {}, now=now)
    except ValueError as error:
        raise click.UsageError(f"The answer cannot be used: {error}.") from None
