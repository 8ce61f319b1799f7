"""Watches the feed's configuration: made where it is absent, reported where it differs."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import structlog

from orders_sync.settings_parts import FeedSettings
from orders_sync.vtex.feed import FeedConfiguration

log = structlog.get_logger(__name__)


class FeedConfigurations(Protocol):
    """What of the VTEX client seeing to the configuration needs."""

    def get_feed_configuration(self) -> FeedConfiguration | None:
        """Read the configuration of the account's key."""
        ...

    def set_feed_configuration(self, configuration: FeedConfiguration) -> None:
        """Make a configuration."""
        ...


class FeedState(StrEnum):
    """How the feed's configuration was found."""

    CREATED = "created"
    AS_WANTED = "as wanted"
    DIFFERENT = "different"


def wanted_configuration(settings: FeedSettings) -> FeedConfiguration:
    """Word the settings as VTEX's configuration."""
    return FeedConfiguration.from_workflow(
        statuses=settings.statuses,
        visibility_seconds=settings.visibility_seconds,
        retention_seconds=settings.retention_seconds,
    )


def ensure_feed(
    account: str, *, vtex: FeedConfigurations, wanted: FeedSettings
) -> tuple[FeedState, Sequence[str]]:
    """Create the configuration where there is none; say how another one differs.

    One that differs is left alone: a person or another tool may have meant it so. VTEX deletes a
    configuration by itself after a retention time without events.
    """
    target = wanted_configuration(wanted)
    found = vtex.get_feed_configuration()
    if found is None:
        vtex.set_feed_configuration(target)
        log.warning("feed.configured", account=account)
        return FeedState.CREATED, ()
    differences = found.difference(target)
    if differences:
        log.warning("feed.differs", account=account, differences=differences)
        return FeedState.DIFFERENT, differences
    return FeedState.AS_WANTED, ()
