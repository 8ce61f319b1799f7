"""The calls about the order hook, and what is to be posted to it, when.

https://developers.vtex.com/docs/guides/orders-feed
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import Any, Final

from orders_sync.sandbox import bodies
from orders_sync.sandbox.dials import Dials
from orders_sync.sandbox.envelopes import plain
from orders_sync.sandbox.feed import Filter, parse_filter
from orders_sync.sandbox.oms import OmsEvent
from orders_sync.sandbox.wire import (
    Asked,
    CallRefused,
    Done,
    Operation,
    Response,
    json_response,
    to_json,
)

_IDLE_SECONDS: Final = 3 * 24 * 3600.0
_MOST_TRIES: Final = 100
_LONGEST_PAUSE_SECONDS: Final = 3600.0
_HELD_BACK_SECONDS: Final = 2.0
_LOOPBACK: Final = ("http://127.0.0.1:", "http://127.0.0.1/")


@dataclass(frozen=True, slots=True)
class QueuedPost:
    """One try to post something to a hook."""

    app_key: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    tries: int = 0


@dataclass(slots=True)
class HookCounts:
    """Posts that were answered 200, tries that were not, changes not posted, and what waits."""

    taken: int = 0
    refused: int = 0
    dropped: int = 0
    waiting: int = 0


@dataclass(slots=True)
class _Hook:
    config: dict[str, Any]
    filter: Filter
    told_at: float

    def is_expired(self, now: float) -> bool:
        """Check whether VTEX removed it, because there was nothing to post for three days."""
        return now - self.told_at > _IDLE_SECONDS


class HookOperations:
    """Get, set and delete the hook's configuration, one an app key, and keep what it is told.

    `send` posts one thing, and tells whether it was answered 200 in time; until it is set, every
    ping is.
    """

    def __init__(self, account: str, dials: Dials, random: Random) -> None:
        self.send: Callable[[QueuedPost], bool] = lambda _: True
        self.counts = HookCounts()
        self._account = account
        self._dials = dials
        self._random = random
        self._hooks: dict[str, _Hook] = {}
        self._due: list[tuple[float, int, QueuedPost]] = []
        self._number = count()

    def table(self) -> dict[str, Operation]:
        """Name the operations as the routes do."""
        return {
            "hook_config_get": self.get_config,
            "hook_config_set": self.set_config,
            "hook_config_delete": self.delete_config,
        }

    @property
    def are_configured(self) -> bool:
        """Whether anything may have to be posted."""
        return bool(self._hooks or self._due)

    def publish(self, event: OmsEvent, now: float) -> None:
        """Queue an event for every hook whose filter lets it pass."""
        for app_key, hook in list(self._hooks.items()):
            if hook.is_expired(now):
                del self._hooks[app_key]
            elif event.stray or hook.filter.takes(event.state):
                hook.told_at = now
                self._tell(app_key, hook, event, now)

    def take(self, now: float) -> Sequence[QueuedPost]:
        """Take what is to be posted by now; what becomes of it is told to `posted`."""
        taken = []
        while self._due and self._due[0][0] <= now:
            taken.append(heapq.heappop(self._due)[2])
        return taken

    def posted(self, post: QueuedPost, now: float, *, is_taken: bool) -> None:
        """Record how a post was answered, and repeat it where it was not taken."""
        self.counts.waiting -= 1
        if is_taken:
            self.counts.taken += 1
            return
        self.counts.refused += 1
        if post.tries + 1 < _MOST_TRIES and post.app_key in self._hooks:
            pause = min(self._dials.hook_pause_seconds * 2**post.tries, _LONGEST_PAUSE_SECONDS)
            self._add(now + pause, replace(post, tries=post.tries + 1))

    def get_config(self, asked: Asked) -> Done:
        """Show the configuration."""
        return Done(json_response(200, self._require(asked).config))

    def set_config(self, asked: Asked) -> Done:
        """Take a configuration whose address answers a ping with 200."""
        data = bodies.read_object(asked.request)
        hook = data.get("hook")
        if not isinstance(data.get("filter"), dict) or not isinstance(hook, dict):
            raise bodies.bad_body("The fields filter and hook are required")
        url = bodies.text(hook, "url")
        if not url.startswith("https://") and not self._is_let_be(url):
            raise CallRefused(plain(400, "Only https scheme is accepted"))
        event_filter = parse_filter(data["filter"])
        if isinstance(event_filter, Response):
            raise CallRefused(event_filter)
        ping = QueuedPost(asked.app_key, url, _headers(hook), to_json({"hookConfig": "ping"}))
        if not self.send(ping):
            raise CallRefused(plain(400, "Unable to check address"))
        config = {"filter": data["filter"], "hook": hook}
        self._hooks[asked.app_key] = _Hook(config, event_filter, asked.now)
        return Done(Response(200), effect=True)

    def delete_config(self, asked: Asked) -> Done:
        """Remove the configuration."""
        self._require(asked)
        del self._hooks[asked.app_key]
        return Done(Response(200), effect=True)

    def _require(self, asked: Asked) -> _Hook:
        hook = self._hooks.get(asked.app_key)
        if hook is None or hook.is_expired(asked.now):
            self._hooks.pop(asked.app_key, None)
            raise CallRefused(plain(404, "Hook configuration not found"))
        return hook

    def _is_let_be(self, url: str) -> bool:
        return self._dials.hook_loopback and url.startswith(_LOOPBACK)

    def _tell(self, app_key: str, hook: _Hook, event: OmsEvent, now: float) -> None:
        if self._happens(self._dials.hook_drops):
            self.counts.dropped += 1
            return
        where = hook.config["hook"]
        body = _body(event, {"Account": self._account, "Key": app_key})
        post = QueuedPost(app_key, where["url"], _headers(where), body)
        for _ in range(2 if self._happens(self._dials.hook_duplicates) else 1):
            held_back = self._happens(self._dials.hook_disorder)
            self._add(now + (self._random.random() * _HELD_BACK_SECONDS if held_back else 0), post)

    def _add(self, at: float, post: QueuedPost) -> None:
        self.counts.waiting += 1
        heapq.heappush(self._due, (at, next(self._number), post))

    def _happens(self, chance: float) -> bool:
        return bool(chance) and self._random.random() < chance


def _headers(hook: Mapping[str, Any]) -> Mapping[str, str]:
    headers = hook.get("headers")
    named = headers.items() if isinstance(headers, dict) else ()
    return {name: str(value) for name, value in named}


def _body(event: OmsEvent, origin: Mapping[str, str]) -> bytes:
    """Word an event as the hook does: in PascalCase, and without an id."""
    item = {name[0].upper() + name[1:]: value for name, value in event.item.items()}
    item.pop("EventId", None)
    return to_json({**item, "Origin": origin})
