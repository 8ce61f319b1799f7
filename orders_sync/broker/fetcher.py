"""Fetches messages from the broker: settled ones go, new ones come, and nothing blocks."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, Final, NamedTuple

import structlog
from redis.exceptions import ConnectionError as BrokerGone
from redis.exceptions import ResponseError

from orders_sync.broker.scripts import SETTLE_AND_TAKE

log = structlog.get_logger(__name__)

#: By what name kombu's poller knows the connection.
FETCHER_KIND: Final = "FETCH"

#: At most so many messages are taken at once, so that broadcasts and timers get their turn.
_LOT: Final = 50

#: Seconds after which empty queues are looked at again, should the broker's word have got lost.
_LOOK_AGAIN_SECONDS: Final = 5.0

#: The same where the broker cannot send word.
_POLL_SECONDS: Final = 0.5

#: Seconds of silence after which a consumer that has no room for more asks for nothing: that it is
#: answered shows that it will hear of messages once it has room.
_SIGN_SECONDS: Final = 5.0

_WORD: Final = object()


class _Sent(NamedTuple):
    """What an outstanding answer belongs to; a look takes nothing and settles nothing."""

    queues: list[str]
    number: int
    settled: list[str]
    is_look: bool


class Fetcher:
    """Takes messages for a channel, over one connection that never waits for an answer.

    One script settles what is done and takes as much as there is room for. Queues that are empty
    are looked at once with tracking on: the broker then sends word as soon as one of them changes.
    https://valkey.io/topics/client-side-caching/
    """

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._sent: deque[_Sent] = deque()
        self._arrived: deque[tuple[str, str, bytes]] = deque()
        self._number = 0
        self._all_empty = False
        self._was_short = True
        self._looked_at = 0.0
        self._moved_at = time.monotonic()
        self._look_again = _LOOK_AGAIN_SECONDS
        self._sha = ""

    def step(self) -> None:
        """Send what is due, unless an answer is still outstanding."""
        channel = self._channel
        if self._sent:
            if channel._in_poll:  # noqa: SLF001 - kombu's mark that an answer is outstanding.
                return
            self._forget()
        number = self._room()
        if not number and not channel.qos.settled and not self._owes_a_sign():
            return
        connection = self._connection()
        settled, channel.qos.settled = channel.qos.settled, []
        if settled:
            self._moved_at = time.monotonic()
        self._send(connection, channel.queues if number else [], number, settled)

    def read(self) -> int:
        """Read what has arrived and hand it to the consumers; return how many messages."""
        channel = self._channel
        connection = channel.client.connection
        self._take_in(connection)
        while _has_unread(connection):
            self._take_in(connection)
        if not self._sent:
            channel._in_poll = None  # noqa: SLF001 - kombu's mark that an answer is outstanding.
        number = len(self._arrived)
        while self._arrived:
            channel.receive(*self._arrived.popleft())
        return number

    def finish(self) -> None:
        """Wait for the outstanding answers; what they bring is remembered and not delivered."""
        channel = self._channel
        while self._sent and channel._in_poll:  # noqa: SLF001 - as above.
            self._take_in(channel.client.connection)
        channel._in_poll = None  # noqa: SLF001 - as above.
        for _, tag, _ in self._arrived:
            channel.qos.remember(tag)
        self._arrived.clear()

    def _room(self) -> int:
        channel = self._channel
        is_due = not self._all_empty or time.monotonic() - self._looked_at > self._look_again
        if not is_due or not channel.has_queues or not channel.qos.can_consume():
            return 0
        room: int | None = channel.qos.can_consume_max_estimate()
        return _LOT if room is None else min(room - len(self._arrived), _LOT)

    def _owes_a_sign(self) -> bool:
        """Check whether to ask for nothing, because all that is in hand keeps the worker busy.

        It is busy for as long as messages come and go. One that has had the same messages for
        longer than they are its own is stuck, and falls silent.
        """
        channel = self._channel
        if channel.connection.pulse.silent_seconds < _SIGN_SECONDS:
            return False
        is_full = channel.has_queues and not channel.qos.can_consume()
        return is_full and time.monotonic() - self._moved_at < channel.visibility_timeout

    def _connection(self) -> Any:
        channel = self._channel
        cycle, client = channel.connection.cycle, channel.client
        if not cycle._client_registered(channel, client, FETCHER_KIND):  # noqa: SLF001 - kombu's poller.
            cycle._register(channel, client, FETCHER_KIND)  # noqa: SLF001 - as above.
            self._begin(client.connection)
        return client.connection

    def _begin(self, connection: Any) -> None:
        self._forget()
        connection._parser.set_invalidation_push_handler(self._on_word)  # noqa: SLF001 - redis-py has no public way.
        connection.send_command("SCRIPT", "LOAD", SETTLE_AND_TAKE)
        self._sha = connection.read_response().decode()
        try:
            connection.send_command("CLIENT", "TRACKING", "ON", "NOLOOP")
            connection.read_response()
        except ResponseError as error:
            log.warning("broker.sends_no_word", reason=str(error), looks_every=_POLL_SECONDS)
            self._look_again = _POLL_SECONDS
        self._channel.heartbeat.start()

    def _on_word(self, _: Any) -> object:
        self._all_empty = False
        return _WORD

    def _forget(self) -> None:
        """Start again after a lost connection; what it settled is settled once more."""
        for sent in self._sent:
            self._channel.qos.settled.extend(sent.settled)
        self._sent.clear()
        self._all_empty, self._was_short = False, True

    def _send(self, connection: Any, queues: list[str], number: int, settled: list[str]) -> None:
        channel = self._channel
        names = channel.fetch_keys(queues)
        prefix = len(channel.global_keyprefix)
        take = ("EVALSHA", self._sha, len(names), *names, channel.consumer, number, prefix)
        commands = [(*take, self._number, *settled)]
        self._number += number
        self._sent.append(_Sent(queues, number, settled, is_look=False))
        # Taking from a queue may end the broker's promise of word about it; only a look renews it.
        self._all_empty = self._all_empty and not number
        if number and self._was_short:
            commands.append(self._look(queues))
        self._transmit(connection, commands)

    def _look(self, queues: list[str]) -> tuple[str, ...]:
        self._sent.append(_Sent(queues, 0, [], is_look=True))
        return ("EXISTS", *map(self._channel.key, queues))

    def _transmit(self, connection: Any, commands: list[tuple[Any, ...]]) -> None:
        channel = self._channel
        channel._in_poll, channel._brpop_sent_at = connection, time.monotonic()  # noqa: SLF001 - kombu's health check.
        connection.send_packed_command(connection.pack_commands(commands))

    def _take_in(self, connection: Any) -> None:
        try:
            answer = connection.read_response(push_request=True)
            self._channel.connection.pulse.answered()
            self._channel.is_silent = False
        except ResponseError as error:
            self._channel.connection.pulse.tried()
            # As an error of the connection it may say why in the log.
            connection.disconnect()
            raise BrokerGone(f"The broker refuses to give messages: {error}") from error
        if answer is _WORD or answer is None:
            return
        sent = self._sent.popleft()
        if sent.is_look:
            self._all_empty, self._looked_at = answer == 0, time.monotonic()
            return
        for place in range(0, len(answer), 3):
            queue, tag, raw = answer[place : place + 3]
            self._arrived.append((sent.queues[queue], tag.decode(), raw))
        if answer:
            self._moved_at = time.monotonic()
        if sent.number:
            was_looked = bool(self._sent)
            self._was_short = len(answer) < 3 * sent.number
            if self._was_short and not was_looked:
                self._transmit(connection, [self._look(sent.queues)])


def _has_unread(connection: Any) -> bool:
    """Check whether more came than was read; what is still in the socket wakes the event loop.

    To look there as well, as redis-py's public way does, costs three calls to the system.
    """
    buffer = getattr(connection._parser, "_buffer", None)  # noqa: SLF001 - as above.
    unread = getattr(buffer, "unread_bytes", None)
    # The parser of hiredis has no such buffer.
    return bool(connection.can_read(timeout=0) if unread is None else unread())
