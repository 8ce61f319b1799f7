from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import requests

from orders_sync.errors import ConfigurationError
from orders_sync.metrics import Metrics
from orders_sync.metrics.server import PORTS_TRIED, MetricsServer, serve_metrics

HERE = "127.0.0.1"


@pytest.fixture
def servers() -> Iterator[list[MetricsServer | None]]:
    opened: list[MetricsServer | None] = []
    yield opened
    for server in opened:
        if server is not None:
            server.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        port: int = probe.getsockname()[1]
        return min(port, 65_000)


def serve(
    servers: list[MetricsServer | None], metrics: Metrics, first_port: int
) -> MetricsServer | None:
    servers.append(serve_metrics(metrics.registry, address=HERE, first_port=first_port))
    return servers[-1]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/metrics", 200, id="the metrics"),
        pytest.param("/metrics?name[]=x", 200, id="with a query"),
        pytest.param("/", 404, id="the root"),
        pytest.param("/metrics/x", 404, id="anything else"),
    ],
)
def test_only_the_metrics_are_served(
    servers: list[MetricsServer | None], metrics: Metrics, path: str, status: int
) -> None:
    metrics.step_ended("orders.fetch", "done", 0.1)
    server = serve(servers, metrics, free_port())
    assert server is not None

    answer = requests.get(f"http://{HERE}:{server.port}{path}", timeout=30)

    assert answer.status_code == status
    assert ("orders_sync_step_seconds" in answer.text) is (status == 200)


def test_processes_of_one_machine_take_one_port_after_the_other(
    servers: list[MetricsServer | None], metrics: Metrics
) -> None:
    first = serve(servers, metrics, free_port())
    assert first is not None

    second = serve(servers, Metrics(), first.port)

    assert second is not None
    assert first.port < second.port < first.port + PORTS_TRIED


def test_where_no_port_is_free_nothing_is_served(
    servers: list[MetricsServer | None], metrics: Metrics
) -> None:
    with socket.socket() as last:
        last.bind((HERE, 65_535))
        last.listen()

        assert serve(servers, metrics, 65_535) is None


def test_an_address_of_another_machine_is_a_wrong_setting(metrics: Metrics) -> None:
    with pytest.raises(ConfigurationError, match=r"ORDERS_SYNC_METRICS_ADDRESS=192\.0\.2\.1 "):
        serve_metrics(metrics.registry, address="192.0.2.1", first_port=free_port())
