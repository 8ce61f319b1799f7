"""What may be said of a feed's configuration, checked before VTEX is asked."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any, TypeVar

import click

from orders_sync.cli.output import echo
from orders_sync.domain.rules import (
    BEFORE_HANDLING,
    CANCELLATION_REQUESTED,
    CANCELLED,
    CANCELLING,
    IN_HANDLING,
    INVOICED,
    READY_FOR_HANDLING,
)
from orders_sync.settings_parts import FeedSettings
from orders_sync.upkeep.watch_feed import wanted_configuration
from orders_sync.vtex.feed import (
    MAX_RETENTION_SECONDS,
    MAX_VISIBILITY_SECONDS,
    MIN_RETENTION_SECONDS,
    FeedConfiguration,
)

F = TypeVar("F", bound=Callable[..., Any])

_MIN_VISIBILITY_SECONDS = 30
_KNOWN = sorted(
    BEFORE_HANDLING
    | IN_HANDLING
    | CANCELLING
    | CANCELLED
    | {READY_FOR_HANDLING, CANCELLATION_REQUESTED, INVOICED}
)


def configuration_options(function: F) -> F:
    """Add --status, --visibility-seconds and --retention-seconds."""
    for decorate in (
        click.option(
            "--retention-seconds",
            type=click.IntRange(MIN_RETENTION_SECONDS, MAX_RETENTION_SECONDS),
            help="How long the feed keeps an event.",
        ),
        click.option(
            "--visibility-seconds",
            type=click.IntRange(_MIN_VISIBILITY_SECONDS, MAX_VISIBILITY_SECONDS),
            help="How long an event that was read is hidden.",
        ),
        click.option(
            "--status",
            "statuses",
            multiple=True,
            help="A status whose orders become events; give it for each.",
        ),
    ):
        function = decorate(function)
    return function


def as_configured(
    settings: FeedSettings,
    statuses: tuple[str, ...] = (),
    visibility_seconds: int | None = None,
    retention_seconds: int | None = None,
) -> FeedConfiguration:
    """Word the settings, with what was said on top, as VTEX's configuration.

    A status that is not known is told about and taken: VTEX has more than its list, and does not
    check them.
    """
    for status in sorted(set(statuses) - set(_KNOWN)):
        close = difflib.get_close_matches(status, _KNOWN, n=1)
        advice = f" Did you mean {close[0]}?" if close else ""
        echo(f"VTEX's list has no status {status}, so no event may come.{advice}", err=True)
    said = {
        "statuses": statuses,
        "visibility_seconds": visibility_seconds,
        "retention_seconds": retention_seconds,
    }
    changes = {name: value for name, value in said.items() if value}
    return wanted_configuration(settings.model_copy(update=changes))
