"""What `feed` and `hook` share: each account's configuration at VTEX, of which a key has one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from orders_sync.cli.output import echo, print_json
from orders_sync.settings import load_settings, require_accounts

if TYPE_CHECKING:
    from orders_sync.bootstrap import Services

#: What became of an account's configuration, and how it differed from what is wanted.
Configured = tuple[str, Sequence[str]]


@contextmanager
def open_services() -> Iterator[Services]:
    """Wire the services of the configured accounts for the length of a command."""
    from orders_sync.bootstrap import build  # noqa: PLC0415 - requests is slow to import.

    settings = load_settings()
    services = build(settings)
    try:
        require_accounts(services.settings)
        yield services
    finally:
        services.close()


def only_one(accounts: Sequence[str]) -> str:
    """Return the account that is meant.

    Raises:
        click.UsageError: it may be one of several.
    """
    if len(accounts) > 1:
        raise click.UsageError(f"Name the account: --account {' | '.join(accounts)}")
    return accounts[0]


def check_replace(what: str, accounts: Sequence[str], *, replace: bool) -> None:
    """Refuse to replace more configurations than may be meant.

    Raises:
        click.UsageError: several accounts are meant.
    """
    if replace and len(accounts) > 1:
        raise click.UsageError(
            f"--replace needs the account whose {what} is meant: --account {accounts[0]}"
        )


def configure_each(
    what: str,
    accounts: Sequence[str],
    configure: Callable[[str], Configured],
    *,
    again: str,
    news: str,
    as_json: bool,
) -> None:
    """Configure each account's feed or hook (`what`), and tell the outcome.

    `news` says what a created one brings; `again` is the command that was given.

    Raises:
        click.ClickException: one was left alone, since somebody else may use it.
    """
    words = {
        "created": f"the {what} is configured; {news} from now on.",
        "unchanged": f"the {what} is configured so already.",
        "replaced": f"the {what} is configured anew.",
        "refused": f"the {what} is configured otherwise.",
    }
    done = [(account, *configure(account)) for account in accounts]
    if as_json:
        names = ("account", "outcome", "differences")
        print_json([dict(zip(names, row, strict=True)) for row in done])
    else:
        for account, outcome, differences in done:
            echo(f"{account}: {words[outcome]}")
            for difference in differences:
                echo(f"  {difference}")
    refused = [account for account, outcome, _ in done if outcome == "refused"]
    if refused:
        raise click.ClickException(
            f"Left alone, somebody may use it: {', '.join(refused)}. To have it as wanted: "
            f"{again} --replace --account {refused[0]}"
        )
