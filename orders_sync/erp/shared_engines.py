"""The engines of a process: one a database, however many accounts have their tables there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import URL, Engine, QueuePool, event


@dataclass(slots=True)
class _Share:
    engine: Engine
    users: int = 0


class SharedEngines:
    """Opens one engine for each key, and closes it when its last user has closed it.

    At most `idle` connections wait open over all engines together: of more than that, those of the
    engine that was not used for longest are closed.
    """

    def __init__(self, *, idle: int) -> None:
        self._idle = idle
        self._lock = threading.RLock()
        self._shares: dict[tuple[URL, int], _Share] = {}
        #: Those with idle connections, the one that was not used for longest first.
        self._by_use: dict[Engine, None] = {}

    def open(self, url: URL, connections: int, create: Callable[[URL, int], Engine]) -> Engine:
        """Return the engine for a URL and its most connections, which `create` makes if need be."""
        with self._lock:
            share = self._shares.get((url, connections))
            if share is None:
                share = _Share(create(url, connections))
                event.listen(share.engine, "checkin", partial(self._checked_in, share.engine))
                self._shares[url, connections] = share
            share.users += 1
            return share.engine

    def close(self, engine: Engine) -> None:
        """Close an engine for one of its users."""
        with self._lock:
            for key, share in self._shares.items():
                if share.engine is engine:
                    share.users -= 1
                    if not share.users:
                        del self._shares[key]
                        self._by_use.pop(engine, None)
                        engine.dispose()
                    return

    def _checked_in(self, engine: Engine, *_: object) -> None:
        """Make room for the connection that is about to wait in its engine's pool."""
        with self._lock:
            self._by_use.pop(engine, None)
            others = list(self._by_use)
            self._by_use[engine] = None
            idle = 1 + sum(map(_idle_connections, self._by_use))
            while idle > self._idle and others:
                oldest = others.pop(0)
                idle -= _idle_connections(oldest)
                del self._by_use[oldest]
                oldest.dispose()


def _idle_connections(engine: Engine) -> int:
    return engine.pool.checkedin() if isinstance(engine.pool, QueuePool) else 0
