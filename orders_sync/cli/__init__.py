"""The command line, `orders-sync`.

Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 something must be configured first,
130 ended by Ctrl-C.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

from orders_sync import __version__
from orders_sync.errors import ConfigurationError, OrdersSyncError
from orders_sync.private_files import owner_only
from orders_sync.terminal import LINES, legible

FAILED: Final = 1
UNCONFIGURED: Final = 3
INTERRUPTED: Final = 130

#: name: (where the command is, what `--help` says about it). Only the one that is run is imported.
COMMANDS: Final = {
    "demo": ("orders_sync.cli.demo:demo", "See it run: a sandbox, workers, orders, promises."),
    "up": ("orders_sync.cli.serve:up", "Run everything for the configured accounts."),
    "serve": ("orders_sync.cli.serve:serve", "Serve the HTTP API, and the order desk."),
    "accounts": (
        "orders_sync.cli.accounts:accounts",
        "Add, change and disable accounts while all runs.",
    ),
    "endpoints": ("orders_sync.cli.endpoints:endpoints", "Send events to URLs."),
    "tokens": ("orders_sync.cli.access:tokens", "Who may call the HTTP API, and for what."),
    "users": ("orders_sync.cli.access:users", "Who may use the order desk."),
    "orders": ("orders_sync.cli.orders:orders", "Where an order is and why; read it afresh."),
    "commands": (
        "orders_sync.cli.commands:commands",
        "What VTEX shall be told: how far it is, and why it waits.",
    ),
    "invoice": ("orders_sync.cli.send:invoice", "Send an invoice to VTEX."),
    "track": ("orders_sync.cli.send:track", "Tell VTEX how a package travels."),
    "cancel": ("orders_sync.cli.send:cancel", "Cancel an order in VTEX."),
    "change": ("orders_sync.cli.send:change", "Change an order's items or price in VTEX."),
    "deny": ("orders_sync.cli.send:deny", "Deny a cancellation that was requested."),
    "note": ("orders_sync.cli.send:note", "Add a line to an order's timeline in VTEX."),
    "parked": ("orders_sync.cli.parked:parked", "What waits for a person; retry, edit, discard."),
    "status": ("orders_sync.cli.status:status", "How every account stands; what needs a person."),
    "watch": ("orders_sync.cli.watch:watch", "Tell people when something needs one."),
    "feed": ("orders_sync.cli.feed:feed", "Look at the accounts' feeds; configure them."),
    "hook": ("orders_sync.cli.hook:hook", "Have VTEX post changes to us at once; see how it is."),
    "doctor": ("orders_sync.cli.status:doctor", "What works, and what to do about the rest."),
    "config": ("orders_sync.cli.config:config", "The settings in force, and where they come from."),
    "broker": ("orders_sync.cli.config:broker", "The broker's URL, for other services."),
    "db": ("orders_sync.cli.db:db", "Create or upgrade the ledger's tables."),
    "adapter": ("orders_sync.cli.adapter:adapter", "Begin an ERP adapter of your own."),
    "completion": ("orders_sync.cli.completion:completion", "Completion for your shell."),
    "sandbox": ("orders_sync.cli.sandbox:sandbox", "Serve a VTEX in a box over HTTP."),
}


class LazyGroup(click.Group):
    """Imports a command when it is run, so that `--help` and completion are quick.

    Errors of orders_sync become one line on standard error and an exit status.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 # click's signature
        """Return the names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; its errors are spelt out, and Ctrl-C ends it without a word."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except click.ClickException as error:
            # Final for type checkers; click reads it when it prints the error.
            error.message = legible(error.message, keep=LINES)  # type: ignore[misc]
            raise

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Run, and end the process with the status that the outcome has."""
        try:
            with owner_only():
                return super().main(args, **extra)
        except ConfigurationError as error:
            _print_error(error)
            sys.exit(UNCONFIGURED)
        except OrdersSyncError as error:
            _print_error(error)
            sys.exit(FAILED)
        except OSError as error:
            # Click has dealt with a closed pipe by now; what is left is a file or a folder.
            _print_error(f"{error.filename or 'The system'}: {error.strerror or error}.")
            sys.exit(FAILED)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="orders-sync")
def main() -> None:
    """Keep orders in step between VTEX and a store's ERP."""


def _print_error(error: object) -> None:
    click.echo(f"orders-sync: {legible(str(error), keep=LINES)}", err=True)
