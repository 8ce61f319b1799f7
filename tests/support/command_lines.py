"""Command lines of files that nothing here can run, read as the programs themselves would."""

from __future__ import annotations

from collections.abc import Sequence

import click
from celery import Celery
from celery.bin.base import CLIContext
from celery.bin.celery import celery
from flower.options import options as flower_options

from orders_sync.cli import main


def understood(argv: Sequence[str]) -> click.Context:
    """Parse a command line without running it; fail where its program would refuse it."""
    program, *arguments = argv
    assert program in {"celery", "orders-sync"}, argv
    settings = CLIContext(Celery(set_as_current=False), no_color=True, workdir=None)
    context = _innermost(celery if program == "celery" else main, program, arguments, settings)
    if context.info_name == "flower":
        _check_flower(context.params["tornado_argv"])
    return context


def queues(argv: Sequence[str]) -> list[str]:
    """Name the queues that a worker takes from; none where it is no worker."""
    context = understood(argv)
    taken = context.params.get("queues") if context.info_name == "worker" else None
    return list(taken or ())


def _innermost(
    command: click.Command, name: str, arguments: list[str], settings: CLIContext
) -> click.Context:
    context: click.Context | None = None
    while isinstance(command, click.Group):
        context = click.Context(
            command, info_name=name, parent=context, obj=settings, **command.context_settings
        )
        rest = click.Command.parse_args(command, context, arguments)
        found_name, found, arguments = command.resolve_command(context, rest)
        assert found is not None, rest
        name, command = str(found_name), found
    return command.make_context(name, arguments, parent=context)


def _check_flower(arguments: Sequence[str]) -> None:
    for argument in arguments:
        name, _, value = argument.removeprefix("--").partition("=")
        assert name in flower_options, argument
        assert value, argument
