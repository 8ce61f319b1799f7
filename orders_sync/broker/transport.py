"""The transport that Celery and kombu use for Redis and Valkey once `install` was called."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from queue import Empty
from typing import Any, Final

from kombu import transport
from kombu.transport import redis
from redis.exceptions import ResponseError

from orders_sync.broker.channel import Channel
from orders_sync.broker.fetcher import FETCHER_KIND
from orders_sync.broker.liveness import pulse_of
from orders_sync.errors import ConfigurationError

#: From this version on, and below that one. A later one belongs in here, and in `pyproject.toml`,
#: once `tests/worker/test_message_loss.py` passes with it.
TESTED_KOMBU: Final = ("5.7", "5.8")

#: The private names of `kombu.transport.redis` that are overridden or used, by class.
PRIVATE_NAMES: Final = {
    "Channel": (
        "_active_queues",
        "_basic_cancel",
        "_brpop_sent_at",
        "_connparams",
        "_create_client",
        "_fanout_queues",
        "_in_poll",
        "_lookup",
        "_queue_cycle",
        "_tag_to_queue",
    ),
    "MultiChannelPoller": (
        "_channels",
        "_client_registered",
        "_fd_to_chan",
        "_register",
        "_register_BRPOP",
    ),
    "QoS": ("_delivered", "_flush", "_on_collect", "_quick_ack", "_quick_append"),
}

#: A consumer without an event loop looks at least so often whether something is to be restored.
_LONGEST_POLL_SECONDS: Final = 1.0


class Poller(redis.MultiChannelPoller):
    """Waits for what comes on the connections of all channels."""

    def on_poll_start(self) -> None:
        """Send what is due, before the loop waits."""
        super().on_poll_start()
        for channel in self._channels:
            channel.fetcher.step()

    def on_readable(self, fileno: int) -> Any:
        """Read from the connection that has something to tell."""
        channel, kind = self._fd_to_chan.get(fileno, (None, None))
        if channel is None or kind != FETCHER_KIND:
            return super().on_readable(fileno)
        if not channel.fetcher.read():
            raise Empty
        return None

    def get(self, callback: Any, timeout: float | None = None) -> Any:
        """Wait for one event."""
        longest = _LONGEST_POLL_SECONDS if timeout is None else min(timeout, _LONGEST_POLL_SECONDS)
        return super().get(callback, longest)

    def _register_BRPOP(self, channel: Channel) -> None:  # noqa: N802 - kombu's name.
        if not channel.has_queues:
            super()._register_BRPOP(channel)


class Transport(redis.Transport):
    """kombu's Redis transport with a safe consumption.

    The transport option `node` names the worker that consumes; its pulse is in the folder that the
    option `pulse_folder` names.
    """

    Channel = Channel

    #: A broker that refuses, such as one without room on its disk or without enough replicas, is
    #: away like one that cannot be reached. Celery would end the worker for it.
    connection_errors: Any = (*redis.Transport.connection_errors, ResponseError)

    #: Returns what a message is made of, of what was taken, its queue and its tag; raises
    #: BadEnvelope. A worker's consumer puts its own in its place.
    check: Callable[[Any, str, str], Any] = staticmethod(lambda payload, *_: payload)

    #: Whether Celery's event loop asks for messages, or somebody who calls `drain_events`.
    in_event_loop = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cycle: Any = Poller()
        client: Any = self.client
        self.pulse = pulse_of(client.transport_options)

    def establish_connection(self) -> Any:
        """Connect to the broker."""
        try:
            return super().establish_connection()
        except Exception:
            self.pulse.tried()
            raise

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Make the event loop of a worker ask for messages."""
        self.in_event_loop = True
        super().register_with_event_loop(connection, loop)


class SentinelChannel(Channel, redis.SentinelChannel):
    """The channel for a Redis that sentinels watch over; each new connection asks them for it."""

    from_transport_options: Any = (
        *redis.SentinelChannel.from_transport_options,
        "consumer_beat",
        "consumer_silence",
    )


class SentinelTransport(Transport):
    """The transport for a Redis that sentinels watch over."""

    default_port: Any = redis.SentinelTransport.default_port
    Channel = SentinelChannel


def install() -> None:
    """Use this transport in the whole process, for every URL that kombu's Redis transport takes.

    Publishing stays kombu's own, so that producers may use either.
    """
    ours = {
        "redis": f"{__name__}:Transport",
        "rediss": f"{__name__}:Transport",
        "sentinel": f"{__name__}:SentinelTransport",
    }
    transport.TRANSPORT_ALIASES.update(ours)
    for scheme in ours:
        transport._transport_cache.pop(scheme, None)  # noqa: SLF001 - kombu keeps what it once found.


def check_kombu(installed: str | None = None) -> None:
    """Check that kombu is of the versions with which this transport loses no message.

    Raises:
        ConfigurationError: it is another.
    """
    installed = installed or version("kombu")
    first, beyond = map(_numbers, TESTED_KOMBU)
    if not first <= _numbers(installed) < beyond:
        raise ConfigurationError(
            f"kombu {installed} is installed, and taking messages was not tested with it, so some "
            "might be lost. A right version: "
            f"pip install 'kombu>={TESTED_KOMBU[0]},<{TESTED_KOMBU[1]}'"
        )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])
