from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.event_receiver import Receiver

from orders_sync.http_client import BadUrl
from orders_sync.webhooks.posting import (
    EndpointAnswer,
    EndpointClient,
    NoAnswer,
    is_public,
    read_url,
)

NOW = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - An address that is refused.
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:0a00:0001::",
        "no address",
    ],
)
def test_an_address_of_this_machine_or_of_a_network_is_private(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://shop.example.com/", "https://"),
        ("ftp://shop.example.com/", "https://"),
        ("https:///events", "name a host"),
        ("https://user:secret@shop.example.com/", "neither a user"),
        ("https://shop.example.com/#part", "fragment"),
        ("https://shop.example.com:port/", "no URL"),
        ("https://shop.example.com/a b", "quote"),
        ("https://shop.example.com/\r\nX: y", "quote"),
    ],
)
def test_a_url_that_events_are_not_sent_to_is_refused_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(BadUrl, match=why):
        read_url(url, private_allowed=False)


def test_a_url_leads_to_a_host_a_port_and_a_path() -> None:
    target = read_url("https://shop.example.com:8443/events?shop=1", private_allowed=False)

    assert (target.host, target.port, target.path) == ("shop.example.com", 8443, "/events?shop=1")
    assert target.authority == "shop.example.com:8443"


def post(url: str, *addresses: str, private_allowed: bool = False) -> EndpointAnswer | NoAnswer:
    with EndpointClient(
        url, seconds=1, private_allowed=private_allowed, resolve=lambda *_: addresses
    ) as way:
        return way.send("{}", {}, now=NOW)


@pytest.mark.parametrize("url", ["https://shop.example.com/", "https://127.0.0.1/"])
def test_nothing_is_sent_to_a_private_address(url: str) -> None:
    answer = post(url, "127.0.0.1")

    assert "its address is private" in str(answer)


def test_the_connection_goes_to_the_address_that_was_checked(receiver: Receiver) -> None:
    asked: list[str] = []

    def resolve(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["192.0.2.1"]

    url = f"http://shop.example.com:{receiver.port}/events"
    with EndpointClient(url, seconds=1, private_allowed=True, resolve=resolve) as way:
        answers = [way.send("{}", {}, now=NOW) for _ in range(2)]

    assert answers == [EndpointAnswer(200), EndpointAnswer(200)]
    assert asked == ["shop.example.com"]
    assert receiver.headers[0]["host"] == f"shop.example.com:{receiver.port}"


def test_of_a_names_addresses_the_private_ones_are_left_out(receiver: Receiver) -> None:
    url = f"https://shop.example.com:{receiver.port}/"

    answer = post(url, "127.0.0.1", "10.0.0.1")

    assert receiver.received == []
    assert isinstance(answer, NoAnswer)


def test_a_name_that_is_not_known_is_no_answer() -> None:
    def resolve(*_: object) -> list[str]:
        raise OSError

    with EndpointClient(
        "https://nowhere.example.com", seconds=1, private_allowed=False, resolve=resolve
    ) as way:
        answer = way.send("{}", {}, now=NOW)

    assert str(answer) == "its name is not known (OSError)"
