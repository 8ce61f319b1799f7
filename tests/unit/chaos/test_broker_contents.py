from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from chaos.broker_contents import BrokerContents

from orders_sync.demo.evidence import files_with_leaks
from orders_sync.embedded.broker import EmbeddedBroker

NAME = "Maria Souza"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(tmp_path, persistent=False)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def client(broker: EmbeddedBroker) -> Iterator[Any]:
    with redis.Redis.from_url(broker.url or "") as client:
        yield client


@pytest.fixture
def contents(broker: EmbeddedBroker, tmp_path: Path) -> Iterator[BrokerContents]:
    contents = BrokerContents(broker.url or "", tmp_path / "keys.dump")
    yield contents
    contents.close()


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("SET", "a", NAME), id="string"),
        pytest.param(("RPUSH", "a", "1", NAME), id="list"),
        pytest.param(("HSET", "a", "field", NAME), id="hash"),
        pytest.param(("HSET", "a", NAME, "value"), id="field of a hash"),
        pytest.param(("SADD", "a", NAME), id="set"),
        pytest.param(("ZADD", "a", "1", NAME), id="sorted set"),
        pytest.param(("XADD", "a", "*", "field", NAME), id="stream"),
        pytest.param(("SET", NAME, "1"), id="key"),
    ],
)
def test_what_is_personal_is_found_wherever_it_lies(
    contents: BrokerContents, client: Any, command: tuple[str, ...]
) -> None:
    contents.write_down()
    assert files_with_leaks([contents.path], [NAME]) == []

    client.execute_command(*command)
    contents.write_down()

    assert files_with_leaks([contents.path], [NAME]) == [contents.path]


def test_a_broker_that_was_emptied_has_nothing(contents: BrokerContents, client: Any) -> None:
    client.set("a", NAME)

    contents.empty()

    assert client.dbsize() == 0


def test_a_broker_that_refuses_takes_nothing_until_it_is_over(
    contents: BrokerContents, client: Any
) -> None:
    with contents.refusing():
        with pytest.raises(redis.ResponseError, match="NOREPLICAS"):
            client.set("a", "1")
        client.get("a")

    client.set("a", "1")


def test_a_broker_that_is_away_is_nothing_to_complain_about(
    broker: EmbeddedBroker, contents: BrokerContents
) -> None:
    broker.stop()

    contents.empty()
    contents.write_down()

    assert contents.path.read_text() == ""


def test_a_broker_that_is_volatile_forgets_when_it_is_restarted(
    broker: EmbeddedBroker, client: Any
) -> None:
    client.set("a", "1")

    broker.stop()
    broker.start()

    with redis.Redis.from_url(broker.url or "") as again:
        assert again.dbsize() == 0


def test_messages_are_counted_in_the_workers_own_queues_alone(
    contents: BrokerContents, client: Any
) -> None:
    client.rpush("invoice", "1", "2")
    client.rpush("tracking", "1")
    for other in ("celery", "orders_sync.strays", "0a1b.reply.celery.pidbox"):
        client.rpush(other, "1")

    contents.measure()
    client.delete("invoice")
    contents.measure()

    assert contents.most_messages == 3


def test_a_poisoned_intake_has_what_is_no_message_of_a_command(
    contents: BrokerContents, client: Any
) -> None:
    contents.poison()

    assert client.llen("celery") == 8
