"""A channel of kombu's Redis transport that takes and records a message in one step."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import structlog
from kombu.transport import redis, virtual
from kombu.utils.json import dumps, loads
from redis import Redis
from redis.exceptions import ConnectionError as BrokerGone

from orders_sync.broker import scripts
from orders_sync.broker.envelope import NEVER_ENDED, BadEnvelope, count_take, parse, without_takes
from orders_sync.broker.fetcher import Fetcher
from orders_sync.broker.liveness import ConsumerHeartbeat

log = structlog.get_logger(__name__)


class QoS(redis.QoS):
    """Keeps the records of taken messages, which the broker made when it gave them.

    `settled` are tags whose removal travels with the next exchange.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settled: list[str] = []
        self._taken_at: dict[str, float] = {}

    @property
    def held_seconds(self) -> list[int]:
        """For how long each message has been in hand, the oldest first; any thread may ask."""
        now = time.monotonic()
        return sorted((int(now - at) for at in list(self._taken_at.values())), reverse=True)

    def append(self, message: Any, delivery_tag: str) -> None:
        """Remember a message; the broker has its record already, unless the channel makes none."""
        self._taken_at[delivery_tag] = time.monotonic()
        if self.channel.is_recording:
            virtual.QoS.append(self, message, delivery_tag)
        else:
            super().append(message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Settle a message, with the next exchange where there will be one."""
        self.forget(delivery_tag)
        if not self.channel.is_connected:
            # Celery acknowledges late what ran on while its connection was lost.
            log.warning("message.acknowledged_too_late", tag=delivery_tag)
            return
        self.settled.append(delivery_tag)
        if not self.channel.will_fetch:
            self.settle()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's signature.
        """Drop a message, or put it back as the last of its queue."""
        if not requeue or not self.channel.is_connected:
            self.ack(delivery_tag)
            return
        waits = getattr(self._delivered.get(delivery_tag), "waits", False)
        self._put_back(delivery_tag, "LPUSH", counts=not waits)
        self.forget(delivery_tag)

    def remember(self, delivery_tag: str) -> None:
        """Remember a message that no consumer will see, so that it is put back."""
        self._quick_append(delivery_tag, None)

    def give_back(self, tags: Collection[str]) -> int:
        """Put back those of the tags, and all that no consumer saw; return how many."""
        self._flush()
        taken = self._delivered.items()
        going = [tag for tag, message in taken if tag in tags or message is None]
        for tag in reversed(going):
            self._put_back(tag, "RPUSH", counts=False)
            self.forget(tag)
        return len(going)

    def forget(self, delivery_tag: str) -> None:
        """Drop a message, which makes room for another."""
        self._quick_ack(delivery_tag)
        self._taken_at.pop(delivery_tag, None)

    def abandon(self) -> None:
        """Forget what was taken; others put it back."""
        self.settled.clear()
        self._delivered.clear()
        self._taken_at.clear()
        self._on_collect.cancel()

    def restore_visible(self, *args: Any, **options: Any) -> Any:
        """Put back what was taken longer ago than the visibility timeout; a timer calls this."""
        with self.channel.recording_absence():
            return super().restore_visible(*args, **options)

    def settle(self) -> None:
        """Remove the records of settled messages now."""
        if self.settled:
            tags, self.settled = self.settled, []
            self.channel.settle(tags)

    def restore_unacked(self, client: Any = None) -> None:  # noqa: ARG002 - kombu's signature.
        """Put back what was taken, so that the oldest is the next again."""
        self.settle()
        self._flush()
        for tag in reversed(self._delivered):
            self.restore_by_tag(tag)
        self._delivered.clear()

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - kombu's signature.
        """Put back a message that did not end, as the next of its queue, or `leftmost` the last."""
        self._put_back(tag, "LPUSH" if leftmost else "RPUSH", counts=True)

    def _put_back(self, tag: str, order: str, *, counts: bool) -> None:
        record = self.channel.record_of(tag)
        queues, message = self._read(record, counts=counts) if record else ([], "")
        if record and not queues:
            self.channel.set_aside(tag, queue="", reason="no-queue", raw=message or record)
        else:
            self.channel.restore(tag, record, queues, order, message)

    def _read(self, record: bytes, *, counts: bool) -> tuple[list[str], str]:
        """Return where a recorded message goes, and what it is when it goes there again."""
        try:
            message, exchange, routing_key = loads(record)
            text = dumps(count_take(message, counts=counts))
            queues = self.channel._lookup(exchange, routing_key)  # noqa: SLF001 - kombu's routing.
        except self.channel.connection_errors:
            raise
        except Exception:  # noqa: BLE001 - whatever was recorded, it must not end the worker.
            return [], ""
        return [queue for queue in queues if queue], text


class Channel(redis.Channel):
    """Takes messages by `Fetcher`; publishes and broadcasts as kombu does.

    A channel that consumes without acknowledgements (the replies to `celery inspect`) makes no
    records and is kombu's own.
    """

    QoS = QoS

    #: Seconds between two signs of life of a consumer.
    consumer_beat = 5.0
    #: Seconds after which the messages of a silent consumer go back to their queues.
    consumer_silence = 20.0

    from_transport_options: Any = (
        *redis.Channel.from_transport_options,
        "consumer_beat",
        "consumer_silence",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.consumer = uuid4().hex
        self._scripts: dict[str, Any] = {}
        self._receivers: dict[str, Any] = {}
        self._is_unrecorded = False
        self.is_silent = False
        self._ours: Redis | None = None
        self._kombus: Any = None
        super().__init__(*args, **kwargs)
        self.fetcher = Fetcher(self)
        self.heartbeat = ConsumerHeartbeat(self)

    @property
    def is_recording(self) -> bool:
        """Whether messages are taken with a record."""
        return not self._is_unrecorded

    @property
    def has_queues(self) -> bool:
        """Whether there is a queue to take from with a record."""
        return bool(self._receivers) and not self._is_unrecorded

    @property
    def is_connected(self) -> bool:
        """Whether the connection that the messages came from is still in use."""
        transport = self.connection
        return not self.closed and transport is not None and transport.client is not None

    @property
    def will_fetch(self) -> bool:
        """Whether the event loop will exchange soon, so that a settled message can wait for it."""
        return self.has_queues and bool(self.connection.in_event_loop)

    def basic_consume(
        self,
        queue: str,
        no_ack: bool,  # noqa: FBT001 - kombu's signature.
        callback: Any,
        consumer_tag: str,
        **kwargs: Any,
    ) -> Any:
        """Consume a queue; its messages come by `receive`."""
        answer = super().basic_consume(queue, no_ack, callback, consumer_tag, **kwargs)
        if queue in self._fanout_queues:
            return answer
        if no_ack:
            self._is_unrecorded = True
        else:
            self._receivers[queue] = callback
        return answer

    def _basic_cancel(self, consumer_tag: str) -> Any:
        self._receivers.pop(self._tag_to_queue.get(consumer_tag, ""), None)
        answer = super()._basic_cancel(consumer_tag)
        if not self._receivers and self.is_connected:
            self.qos.settle()
        return answer

    @property
    def queues(self) -> list[str]:
        """The queues to take from; the one that gave last is the last."""
        taken: list[str] = self._queue_cycle.consume(len(self._receivers))
        return taken

    def receive(self, queue: str, tag: str, raw: bytes) -> None:
        """Hand a taken message to its consumer once it was checked; set a bad one aside."""
        self._queue_cycle.rotate(queue)
        try:
            message = self._read(queue, tag, raw)
        except BadEnvelope as error:
            log.warning("message.refused", queue=queue, problem=str(error), name=error.name)
            kept = raw if error.reason != NEVER_ENDED else dumps(without_takes(parse(raw)))
            self.set_aside(tag, queue=queue, reason=error.reason, raw=kept, name=error.name)
            return
        self.qos.append(message, tag)
        receiver = self._receivers.get(queue)
        if receiver is None:
            self.basic_reject(tag, requeue=True)
        else:
            receiver(message)

    def _read(self, queue: str, tag: str, raw: bytes) -> Any:
        """Make a message of what was taken.

        Raises:
            BadEnvelope: no consumer can take it.
        """
        payload = parse(raw)
        try:
            message: Any = self.Message(self.connection.check(payload, queue, tag), channel=self)
        except BadEnvelope:
            raise
        except Exception as error:  # noqa: BLE001 - kombu reads it too, and trusts its sender.
            raise BadEnvelope(f"It cannot be read: {type(error).__name__}.") from None
        message.delivery_tag, message.taken_from, message.raw = tag, queue, raw
        return message

    def set_aside(
        self, tag: str, *, queue: str, reason: str, raw: bytes | str, name: str = ""
    ) -> None:
        """Move a taken message to the strays; only its queue, reason and task name are logged."""
        strays = [scripts.STRAYS, scripts.STRAY_IDS, scripts.STRAYS_DROPPED]
        self.run(
            scripts.SET_ASIDE,
            [*self.record_keys, *map(self.key, strays)],
            [tag, queue, reason, name, raw],
        )
        log.warning("message.set_aside", queue=queue, reason=reason, name=name)

    def set_aside_message(self, message: Any, *, reason: str, name: str = "") -> None:
        """Move a message to the strays instead of acknowledging it."""
        tag, queue, raw = message.delivery_tag, message.taken_from, message.raw
        self.set_aside(tag, queue=queue, reason=reason, raw=raw, name=name)
        self.qos.forget(tag)

    def settle(self, tags: list[str]) -> None:
        """Remove the records of messages at once."""
        self.run(scripts.SETTLE_AND_TAKE, self.fetch_keys([]), [self.consumer, 0, 0, 0, *tags])

    def record_of(self, tag: str) -> bytes:
        """Read the record of an unacknowledged message; empty where there is none."""
        broker: Any = self._broker()
        record: bytes | None = broker.hget(self.key(self.unacked_key), tag)
        return record or b""

    def restore(self, tag: str, record: bytes, queues: list[str], order: str, message: str) -> None:
        """Put an unacknowledged message back, unless somebody else did since `record` was read."""
        self.run(
            scripts.RESTORE,
            [*self.record_keys, *map(self.key, queues)],
            [tag, record, order, message],
        )

    def give_back(self, tags: Collection[str]) -> int:
        """Put back messages that nobody has begun, also those on their way; return how many."""
        self.fetcher.finish()
        number: int = self.qos.give_back(tags)
        return number

    def vanish(self) -> None:
        """Be no consumer any more, so that others put back at once what this one has.

        For a signal handler: it takes no lock and no connection that is in use.
        """
        options = {**self.pool.connection_kwargs, "socket_timeout": 1, "socket_connect_timeout": 1}
        connection = self.pool.connection_class(**options)
        connection.connect()
        connection.send_command("ZREM", self.key(scripts.CONSUMERS), self.consumer)
        connection.read_response()

    def run(self, script: str, names: list[str], arguments: list[Any]) -> Any:
        """Run a script on a connection of its own, and wait for its answer."""
        broker = self._broker()
        if script not in self._scripts:
            self._scripts[script] = broker.register_script(script)
        return self._scripts[script](keys=names, args=arguments, client=broker)

    def key(self, name: str) -> str:
        """Return the key of a name, as kombu does."""
        return f"{self.global_keyprefix}{name}"

    @property
    def record_keys(self) -> list[str]:
        """The keys that an unacknowledged message is recorded in."""
        return [
            self.key(name) for name in (self.unacked_index_key, self.unacked_key, scripts.OWNERS)
        ]

    def fetch_keys(self, queues: list[str]) -> list[str]:
        """The keys of the script that exchanges settled messages for new ones."""
        return [*self.record_keys, *map(self.key, [scripts.CONSUMERS, *queues])]

    def _deliver_fanout_message(self, message: Any, exchange: str) -> Any:
        """Deliver a broadcast; one that is none costs nobody anything."""
        try:
            return super()._deliver_fanout_message(message, exchange)
        except self.connection_errors:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a stranger publishes, the worker goes on.
            log.warning("broadcast.refused", exchange=exchange, cause=type(error).__name__)
            return False

    @contextmanager
    def recording_absence(self) -> Iterator[None]:
        """Record that the broker was away, for the pulse and to leave without a goodbye.

        kombu's timers run in the event loop, and hold it up while a broker hangs.
        """
        try:
            yield
        except self.connection_errors:
            self.is_silent = True
            if self.connection is not None:
                self.connection.pulse.tried()
            raise

    def maybe_refresh_binding_expiry(self) -> Any:
        """Keep the bindings of queues, now and then; kombu calls this every second."""
        with self.recording_absence():
            return super().maybe_refresh_binding_expiry()

    def close(self) -> None:
        """Put back what was taken, and leave; where the broker is gone, others put it back."""
        self.heartbeat.stop()
        try:
            if self.heartbeat.was_shown and self.is_connected and not self.is_silent:
                self.fetcher.finish()
                self.qos.restore_unacked_once()
                self._broker().zrem(self.key(scripts.CONSUMERS), self.consumer)
                self._broker().hdel(self.key(scripts.CONSUMING), self.consumer)
            super().close()
        except self.connection_errors as error:
            log.info("broker.left_without_goodbye", cause=type(error).__name__)
            self._abandon()

    def _abandon(self) -> None:
        """Close without the broker: what was taken stays recorded there."""
        self._receivers.clear()
        if self._qos is not None:
            self._qos.abandon()
        super(redis.Channel, self).close()

    def _connparams(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - kombu's signature.
        if self.connection is None or self.connection.client is None:
            # kombu would read the address from nothing, and its error would end the worker.
            raise BrokerGone("The connection to the broker was closed.")
        return super()._connparams(asynchronous=asynchronous)

    @contextmanager
    def conn_or_acquire(self, client: Any = None) -> Iterator[Any]:
        """Yield a client for one command; kombu makes a new one each time, which is slow."""
        if client is None:
            if self._kombus is None or self._kombus.connection_pool is not self.pool:
                self._kombus = self._create_client()
            client = self._kombus
        yield client

    def _broker(self) -> Redis:
        if self._ours is None or self._ours.connection_pool is not self.pool:
            self._ours = Redis(connection_pool=self.pool)
        return self._ours
