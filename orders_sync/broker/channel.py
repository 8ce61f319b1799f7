"""A channel of kombu's Redis transport that takes and records a message in one step."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import structlog
from kombu.transport import redis
from kombu.utils.json import dumps
from redis import Redis
from redis.exceptions import ConnectionError as BrokerGone

from orders_sync.broker import keys
from orders_sync.broker.envelope import NEVER_ENDED, BadEnvelope, parse, without_takes
from orders_sync.broker.exchange import Exchange
from orders_sync.broker.presence import Presence
from orders_sync.broker.qos import QoS
from orders_sync.broker.scripts import EXCHANGE, RESTORE, SET_ASIDE

log = structlog.get_logger(__name__)


class Channel(redis.Channel):
    """Takes messages by `Exchange`; publishes and broadcasts as kombu does.

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
        self.scripts: dict[str, Any] = {}
        self._receivers: dict[str, Any] = {}
        self._is_unrecorded = False
        self._ours: Redis | None = None
        self._kombus: Any = None
        super().__init__(*args, **kwargs)
        self.exchange = Exchange(self)
        self.presence = Presence(self)

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
    def will_exchange(self) -> bool:
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
        """Hand a taken message to its consumer once it was checked; put a bad one aside."""
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
            BadEnvelope: it cannot be handed on.
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
        strays = [keys.STRAYS, keys.STRAY_IDS, keys.STRAYS_DROPPED]
        self.run(
            SET_ASIDE,
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
        self.run(EXCHANGE, self.exchange_keys([]), [self.consumer, 0, 0, 0, *tags])

    def record_of(self, tag: str) -> bytes:
        """Read the record of an unacknowledged message; empty where there is none."""
        broker: Any = self._broker()
        record: bytes | None = broker.hget(self.key(self.unacked_key), tag)
        return record or b""

    def restore(self, tag: str, record: bytes, queues: list[str], order: str, message: str) -> None:
        """Put an unacknowledged message back, unless somebody else did since `record` was read."""
        self.run(
            RESTORE, [*self.record_keys, *map(self.key, queues)], [tag, record, order, message]
        )

    def give_back(self, tags: Collection[str]) -> int:
        """Put back messages that nobody has begun, also those on their way here; give how many."""
        self.exchange.finish()
        number: int = self.qos.give_back(tags)
        return number

    def vanish(self) -> None:
        """Be no consumer any more, so that others put back at once what this one has.

        For a signal handler: it takes no lock and no connection that is in use.
        """
        options = {**self.pool.connection_kwargs, "socket_timeout": 1, "socket_connect_timeout": 1}
        connection = self.pool.connection_class(**options)
        connection.connect()
        connection.send_command("ZREM", self.key(keys.CONSUMERS), self.consumer)
        connection.read_response()

    def run(self, script: str, names: list[str], arguments: list[Any]) -> Any:
        """Run a script on a connection of its own, and wait for its answer."""
        broker = self._broker()
        if script not in self.scripts:
            self.scripts[script] = broker.register_script(script)
        return self.scripts[script](keys=names, args=arguments, client=broker)

    def key(self, name: str) -> str:
        """Give the key of a name, as kombu does."""
        return f"{self.global_keyprefix}{name}"

    @property
    def record_keys(self) -> list[str]:
        """The keys that an unacknowledged message is recorded in."""
        return [self.key(name) for name in (self.unacked_index_key, self.unacked_key, keys.OWNERS)]

    def exchange_keys(self, queues: list[str]) -> list[str]:
        """The keys of the script that exchanges settled messages for new ones."""
        return [*self.record_keys, *map(self.key, [keys.CONSUMERS, *queues])]

    def _deliver_fanout_message(self, message: Any, exchange: str) -> Any:
        """Hand on a broadcast; one that is none costs nobody anything."""
        try:
            return super()._deliver_fanout_message(message, exchange)
        except self.connection_errors:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a stranger publishes, the worker goes on.
            log.warning("broadcast.refused", exchange=exchange, cause=type(error).__name__)
            return False

    @contextmanager
    def noting_absence(self) -> Iterator[None]:
        """Note for the pulse that the broker was away, if it was.

        kombu's timers run in the event loop, and hold it up while a broker hangs.
        """
        try:
            yield
        except self.connection_errors:
            if self.connection is not None:
                self.connection.pulse.tried()
            raise

    def maybe_refresh_binding_expiry(self) -> Any:
        """Keep the bindings of queues, now and then; kombu calls this every second."""
        with self.noting_absence():
            return super().maybe_refresh_binding_expiry()

    def close(self) -> None:
        """Put back what was taken, and leave; where the broker is gone, others put it back."""
        self.presence.stop()
        try:
            if self.presence.was_shown and self.is_connected:
                self.exchange.finish()
                self.qos.restore_unacked_once()
                self._broker().zrem(self.key(keys.CONSUMERS), self.consumer)
                self._broker().hdel(self.key(keys.CONSUMING), self.consumer)
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
        """Give a client for one command; kombu makes a new one each time, which is dear."""
        if client is None:
            if self._kombus is None or self._kombus.connection_pool is not self.pool:
                self._kombus = self._create_client()
            client = self._kombus
        yield client

    def _broker(self) -> Redis:
        if self._ours is None or self._ours.connection_pool is not self.pool:
            self._ours = Redis(connection_pool=self.pool)
        return self._ours
