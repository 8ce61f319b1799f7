"""The Redis user that docker-compose.yml makes for other services may hand in commands, no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from celery import Celery
from redis.exceptions import NoPermissionError, RedisError
from support.redis_server import running_redis

from orders_sync.producer import NotSentError, Producer

ROOT = Path(__file__).parents[2]
PASSWORDS = {"REDIS_PASSWORD": "ours", "PRODUCER_PASSWORD": "theirs"}
ORDER = {"account": "mystore", "order_id": "1172452900704-01"}


def arguments() -> list[str]:
    """Return the server's arguments as the compose file has them."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    _, *given = compose["services"]["redis"]["command"]
    return [re.sub(r"\$\{(\w+):[^}]*\}", lambda m: PASSWORDS[m[1]], each) for each in given]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running_redis(tmp_path_factory.mktemp("redis"), *arguments()) as port:
        yield port


def client(port: int, user: str) -> Any:
    password = PASSWORDS["PRODUCER_PASSWORD" if user == "producer" else "REDIS_PASSWORD"]
    return redis.Redis(port=port, username=user, password=password)


@pytest.fixture
def broker(port: int) -> Any:
    ours = client(port, "default")
    ours.flushall()
    return ours


@pytest.fixture
def url(port: int) -> str:
    return f"redis://producer:theirs@127.0.0.1:{port}/0"


def test_a_service_hands_in_commands_with_celery_alone(broker: Any, url: str) -> None:
    app = Celery(broker=url, set_as_current=False)

    for _ in range(2):
        app.send_task("orders_sync.cancel", kwargs={**ORDER, "reason": "Fraude"})

    assert broker.llen("celery") == 2
    app.close()


def test_a_service_hands_in_commands_with_the_producer(broker: Any, url: str) -> None:
    with Producer(url, queue="celery") as producer:
        producer.cancel(**ORDER, reason="Fraude")

        with pytest.raises(NotSentError):
            Producer(url).cancel(**ORDER, reason="Fraude")

    assert broker.llen("celery") == 1
    assert not broker.exists("cancel")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("LRANGE celery 0 -1", id="read what others sent"),
        pytest.param("RPOP celery", id="take it"),
        pytest.param("SADD celery x", id="make another thing of the queue"),
        pytest.param("DEL celery", id="delete it"),
        pytest.param("LPUSH invoice x", id="reach another queue"),
        pytest.param("LPUSH _kombu.binding.celery x", id="spoil the routing"),
        pytest.param("SADD _kombu.binding.orders_sync x", id="route our own work elsewhere"),
        pytest.param("PUBLISH /0.celery.pidbox x", id="tell workers what to do"),
        pytest.param("HGETALL unacked", id="read what is in hand"),
        pytest.param("HDEL unacked x", id="drop it"),
        pytest.param("LRANGE orders_sync.strays 0 -1", id="read strays"),
        pytest.param("KEYS *", id="look around"),
        pytest.param("FLUSHALL", id="delete everything"),
        pytest.param("CONFIG GET *", id="read the configuration"),
        pytest.param("CLIENT LIST", id="see who is there"),
        pytest.param("EVAL return(1) 0", id="run a script"),
        pytest.param("ACL SETUSER producer allcommands", id="allow itself more"),
    ],
)
def test_it_may_do_nothing_else(broker: Any, port: int, command: str) -> None:
    broker.rpush("celery", "theirs")

    with pytest.raises(NoPermissionError):
        client(port, "producer").execute_command(*command.split())

    assert broker.lrange("celery", 0, -1) == [b"theirs"]


def test_without_the_password_it_may_do_nothing(port: int) -> None:
    with pytest.raises(RedisError):
        redis.Redis(port=port).ping()
    with pytest.raises(RedisError):
        redis.Redis(port=port, username="producer", password="wrong").ping()


def test_the_operations_page_shows_the_same_rules() -> None:
    given = arguments()
    begin = given.index("--user")
    rules = " ".join(given[begin + 3 :]).removeprefix(">theirs ")

    assert f">change-me {rules}" in (ROOT / "docs" / "operations.md").read_text()
