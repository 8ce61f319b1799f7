"""The Redis that all processes share: scripts that it runs in one step, and what if it is away.

A call never stalls on Redis: time-outs are short, and after a failure this process leaves Redis
alone for a while; then one thread looks whether it answers again.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from importlib.resources import files
from time import monotonic
from typing import Any, Final

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from orders_sync.redis_client import open_redis
from orders_sync.settings_parts import SentinelSettings

log = structlog.get_logger(__name__)

_PREFIX: Final = "orders_sync:traffic"
_SOCKET_SECONDS: Final = 0.25
_AWAY_SECONDS: Final = 1.0


#: What each script begins with: an empty instant is the server's, in whole microseconds.
_NOW: Final = """local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
"""


class LuaScript:
    """A Lua script of this room; Redis keeps it by its digest."""

    def __init__(self, name: str) -> None:
        self.text = _NOW + files(__package__).joinpath(name).read_text(encoding="utf-8")
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


#: A script, or the name of a command; its key; its arguments.
Command = tuple[LuaScript | str, *tuple[str | int, ...]]


def connect(
    url: str,
    *,
    seconds: float = _SOCKET_SECONDS,
    sentinel: SentinelSettings | None = None,
) -> redis.Redis:
    """Open a client whose waits end within so many seconds, whatever happens to Redis."""
    # A connection that broke while it was idle is replaced at once; nothing else is repeated.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return open_redis(url, sentinel, seconds=seconds, retry=retry, decode_responses=True)


def key(account: str, name: str) -> str:
    """Return the key of an account's part."""
    return f"{_PREFIX}:{account}:{name}"


class Shared:
    """Runs scripts in Redis; returns None while it is away.

    `clock` counts seconds in this process; `server_micros` stands in for the server's clock.
    """

    def __init__(
        self,
        client: redis.Redis,
        *,
        clock: Callable[[], float] = monotonic,
        server_micros: Callable[[], int] | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._server_micros = server_micros
        self._away_until: float | None = None
        self._looking = threading.Lock()

    def run(self, script: LuaScript, at: str, *args: str | int) -> Any | None:
        """Run a script on one key; the instant is its first argument. None while Redis is away."""
        now = self._instant()
        return self._call(lambda client: _run(client, script, at, now, *args))

    def ask(self, commands: Sequence[Command]) -> tuple[float, list[Any]] | None:
        """Send commands in one round trip.

        Return the server's seconds since 1970 and a reply to each; None while Redis is away.
        """
        now = self._instant()
        replies = self._call(lambda client: _send_all(client, now, commands))
        if replies is None:
            return None
        (seconds, micros), *rest = replies
        return seconds + micros / 1e6 if now == "" else int(now) / 1e6, rest

    def close(self) -> None:
        """Return the connections."""
        self._client.close()

    def _instant(self) -> str | int:
        return "" if self._server_micros is None else self._server_micros()

    def _call(self, question: Callable[[redis.Redis], Any]) -> Any | None:
        away_until = self._away_until
        if away_until is None:
            return self._try(question)
        if self._clock() < away_until or not self._looking.acquire(blocking=False):
            return None
        try:
            return self._try(question)
        finally:
            self._looking.release()

    def _try(self, question: Callable[[redis.Redis], Any]) -> Any | None:
        try:
            reply = question(self._client)
        except redis.RedisError as error:
            if self._away_until is None:
                log.warning("traffic.redis_away", error=type(error).__name__)
            self._away_until = self._clock() + _AWAY_SECONDS
            return None
        if self._away_until is not None:
            self._away_until = None
            log.info("traffic.redis_back")
        return reply


def _run(client: redis.Redis, script: LuaScript, *args: str | int) -> Any:
    try:
        return client.evalsha(script.digest, 1, *args)
    except redis.exceptions.NoScriptError:
        return client.eval(script.text, 1, *args)


def _send_all(client: redis.Redis, now: str | int, commands: Sequence[Command]) -> list[Any]:
    try:
        return _send(client, now, commands)
    except redis.exceptions.NoScriptError:
        for script in {name for name, *_ in commands if isinstance(name, LuaScript)}:
            client.script_load(script.text)
        return _send(client, now, commands)


def _send(client: redis.Redis, now: str | int, commands: Sequence[Command]) -> list[Any]:
    pipe: Any = client.pipeline(transaction=False)
    pipe.time()
    for name, *args in commands:
        if isinstance(name, LuaScript):
            pipe.evalsha(name.digest, 1, args[0], now, *args[1:])
        else:
            pipe.execute_command(name, *args)
    replies: list[Any] = pipe.execute()
    return replies
