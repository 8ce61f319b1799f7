from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from orders_sync.redis_client import broker_options, broker_tls, broker_url, sentinel_options
from orders_sync.redis_url import read_sentinel_url
from orders_sync.settings import Settings
from orders_sync.settings_parts import SentinelSettings

TWO = (("one", 26379), ("two", 26380))


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("sentinel://me:p%40ss@one,two:26380/3", id="short"),
        pytest.param("sentinel://me:p%40ss@one:26379;sentinel://two:26380/3", id="as kombu has it"),
        pytest.param("sentinel://me:p%40ss@one/3;sentinel://me:p%40ss@two:26380/3", id="repeated"),
    ],
)
def test_a_sentinel_url_names_all_sentinels_and_the_password_of_redis(url: str) -> None:
    address = read_sentinel_url(url)

    assert address.sentinels == TWO
    assert (address.username, address.password, address.database) == ("me", "p@ss", 3)
    assert "p@ss" not in repr(address)


def test_kombu_is_given_the_password_with_each_sentinel() -> None:
    address = read_sentinel_url("sentinel://:p%40ss@one,two:26380/3")

    assert address.for_kombu() == ("sentinel://:p%40ss@one:26379/3;sentinel://:p%40ss@two:26380/3")


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("sentinel://", id="no host"),
        pytest.param("sentinel://one:26379,/0", id="half a list"),
        pytest.param("sentinel://one:port/0", id="a port that is none"),
        pytest.param("sentinel://one/mymaster", id="a name for a database"),
        pytest.param("sentinel://one/0?master_name=m", id="options"),
    ],
)
def test_a_wrong_sentinel_url_is_a_wrong_setting(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        Settings(home=tmp_path, broker_url=url)


@pytest.mark.parametrize(
    ("tls", "of_redis", "of_sentinels"),
    [
        ("none", False, False),
        ("redis", True, False),
        ("sentinels", False, True),
        ("both", True, True),
    ],
)
def test_tls_is_spoken_with_whom_it_is_set_for(
    tls: str, of_redis: bool, of_sentinels: bool, tmp_path: Path
) -> None:
    authority = tmp_path / "ca.pem"
    authority.touch()
    sentinel = SentinelSettings.model_validate({"tls": tls, "ca_file": authority})
    settings = Settings(home=tmp_path, broker_url="sentinel://one/0", sentinel=sentinel)

    redis, sentinels = broker_tls(settings) or {}, sentinel_options(sentinel)

    assert (redis.get("ssl_ca_certs") == str(authority)) is of_redis
    assert (sentinels.get("ssl") is True) is of_sentinels
    assert (sentinels.get("ssl_ca_certs") == str(authority)) is of_sentinels


def test_a_broker_without_sentinels_has_none_of_their_options(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, broker_url="redis://one/0")

    assert broker_url(settings) == "redis://one/0"
    assert broker_options(settings) == {}
