"""A gap in the feed: while its configuration was gone, VTEX told nothing of what happened."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import structlog

from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger
from orders_sync.ledger.accounts import Chore
from orders_sync.ledger.cursors import Cursors
from orders_sync.ledger.pulse import last_runs
from orders_sync.ledger.reconciliation import Reconciliation
from orders_sync.upkeep.watch_feed import FeedConfigurations
from orders_sync.vtex.feed import FeedConfiguration

log = structlog.get_logger(__name__)

#: The cursor that holds since when the feed may have told nothing, until that is reconciled.
GAP: Final = "feed.gap"


class GapKeeper:
    """The configurations of a feed, and a note of the gap before a new one is made.

    The note comes first, so that a crash in between loses nothing: a gap that was none costs a
    few reads of VTEX's list.
    """

    def __init__(
        self, account: str, configurations: FeedConfigurations, ledger: Ledger, clock: Clock
    ) -> None:
        self._account = account
        self._configurations = configurations
        self._ledger = ledger
        self._clock = clock

    def get_feed_configuration(self) -> FeedConfiguration | None:
        """Read the configuration of the account's key."""
        return self._configurations.get_feed_configuration()

    def set_feed_configuration(self, configuration: FeedConfiguration) -> None:
        """Note the gap, then make the configuration."""
        note_gap(self._account, ledger=self._ledger, now=self._clock())
        self._configurations.set_feed_configuration(configuration)


def note_gap(account: str, *, ledger: Ledger, now: datetime) -> None:
    """Note that the feed may have told nothing since its last successful poll.

    Polls of a feed that is not configured fail, and so do those with a key that is refused. Where
    no poll ever succeeded, the last event is the last moment at which the feed is known to have
    worked. Without one, all is to be looked at. A gap that is noted already began earlier, and
    stays.
    """
    cursors = Cursors(ledger.database)
    if cursors.read(account, GAP) is not None:
        return
    polled = last_runs(ledger.database, Chore.POLL).get(account)
    since = polled.succeeded_at if polled else None
    if since is None:
        since = Reconciliation(ledger.database, ledger.windows).last_event_at(account)
    cursors.move(account, GAP, since.isoformat() if since else "", now=now)
    log.warning("feed.gap", account=account, since=since.isoformat() if since else None)
