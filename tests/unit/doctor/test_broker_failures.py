"""What `doctor` says of real servers that cannot be the broker or keep the budget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import OutOfMemoryError, ResponseError
from support.redis_server import Authority, running_redis, tls_before

from orders_sync.doctor.broker import examine_broker
from orders_sync.doctor.findings import Finding, State
from orders_sync.doctor.readings import PartAway, read_broker
from orders_sync.doctor.traffic import examine_traffic
from orders_sync.embedded.broker import free_port
from orders_sync.errors import ConfigurationError
from orders_sync.metrics.shared import BrokerState, broker_reader
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings
from orders_sync.worker.safety import check_broker
from orders_sync.worker.startup import create_app


def settings(home: Path, url: str, **changes: Any) -> Settings:
    key = SecretStr("key")
    account = AccountSettings(app_key=key, app_token=key)
    return Settings(accounts={"mystore": account}, home=home, broker_url=url, **changes)


def examine(home: Path, url: str) -> dict[str, Finding]:
    findings = examine_broker(settings(home, url), clock=lambda: datetime.now(UTC))
    return {each.check: each for each in findings if each.subject == "broker"}


def fill(port: int) -> None:
    client: Any = Redis(port=port)
    with suppress(OutOfMemoryError):
        while True:
            client.rpush("filler", "x" * 10_000)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def tls_port(tmp_path: Path, authority: Authority) -> Iterator[int]:
    with running_redis(tmp_path / "redis") as port, tls_before(port, authority) as ours:
        yield ours


def test_a_cluster_is_refused_by_name(tmp_path: Path) -> None:
    # By default the port of a cluster's bus is the server's and 10000, which may be none.
    cluster = ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
    with running_redis(tmp_path / "redis", *cluster) as port:
        url = f"redis://127.0.0.1:{port}/0"
        found = examine(tmp_path, url)
        own = list(examine_traffic(settings(tmp_path, "redis://127.0.0.1:9/0", redis_url=url)))
        with pytest.raises(ConfigurationError, match="Redis Cluster") as raised:
            check_broker(create_app(settings(tmp_path, url), include=()))

    assert found["role"].state is State.UNCONFIGURED
    assert "Redis Cluster" in found["role"].says
    assert "ORDERS_SYNC_BROKER_URL" in (found["role"].do or "")
    assert "ORDERS_SYNC_BROKER_URL" in str(raised.value)
    assert [(each.check, each.state) for each in own] == [("role", State.UNCONFIGURED)]
    assert "ORDERS_SYNC_REDIS_URL" in (own[0].do or "")


def test_a_server_that_takes_nothing_is_told_with_its_reason(tmp_path: Path) -> None:
    with running_redis(tmp_path / "redis", "--min-replicas-to-write", "1") as port:
        url = f"redis://127.0.0.1:{port}/0"
        found = examine(tmp_path, url)
        own = list(examine_traffic(settings(tmp_path, "redis://127.0.0.1:9/0", redis_url=url)))

    assert found["writes"].state is State.FAILED
    assert "too few replicas" in found["writes"].says
    assert [(each.check, each.state, each.says) for each in own] == [
        ("writes", State.FAILED, found["writes"].says)
    ]


def test_a_broker_that_takes_nothing_is_not_there_for_whoever_reads_it(tmp_path: Path) -> None:
    with running_redis(tmp_path / "redis") as port:
        url = f"redis://127.0.0.1:{port}/0"
        for_metrics = broker_reader(url, ["feed"])
        before = (for_metrics(), read_broker(settings(tmp_path, url))[0].unacknowledged)
        server: Any = Redis(port=port)
        server.config_set("min-replicas-to-write", 1)

        with pytest.raises(ResponseError, match="NOREPLICAS"):
            for_metrics()
        with pytest.raises(PartAway, match="too few replicas"):
            read_broker(settings(tmp_path, url))

    assert before == (BrokerState({"feed": 0}, 0, 0), 0)


def test_a_server_that_takes_what_it_is_given_is_not_told_to_refuse(tmp_path: Path) -> None:
    with running_redis(tmp_path / "redis") as port:
        found = examine(tmp_path, f"redis://127.0.0.1:{port}/0")

    assert "writes" not in found


def test_a_broker_that_is_away_or_right_does_not_keep_a_worker_from_starting(
    tmp_path: Path,
) -> None:
    check_broker(create_app(settings(tmp_path, "redis://127.0.0.1:9/0"), include=()))
    with running_redis(tmp_path / "redis") as port:
        check_broker(create_app(settings(tmp_path, f"redis://127.0.0.1:{port}/0"), include=()))


def test_a_read_only_replica_is_named_with_its_primary(tmp_path: Path) -> None:
    with (
        running_redis(tmp_path / "primary") as primary,
        running_redis(tmp_path / "copy", "--replicaof", f"127.0.0.1 {primary}") as port,
    ):
        url = f"redis://127.0.0.1:{port}/0"
        found = examine(tmp_path, url)
        own = list(examine_traffic(settings(tmp_path, "redis://127.0.0.1:9/0", redis_url=url)))

    assert found["role"].state is State.FAILED
    assert found["role"].says == f"it is a read-only replica of 127.0.0.1:{primary}"
    assert [(each.check, each.state) for each in own] == [("role", State.FAILED)]


def test_a_full_server_is_named(tmp_path: Path) -> None:
    options = ("--maxmemory", "2mb", "--maxmemory-policy", "noeviction")
    with running_redis(tmp_path / "redis", *options) as port:
        fill(port)
        known = settings(tmp_path, f"redis://127.0.0.1:{port}/0")
        findings = list(examine_broker(known, clock=lambda: datetime.now(UTC)))

    found = {each.check: each for each in findings}
    assert found["memory"].state in {State.WARNING, State.FAILED}
    assert "it is full" in found["alive"].says
    assert "maxmemory" in (found["memory"].do or "")


def test_a_server_without_room_for_clients_is_named(tmp_path: Path) -> None:
    with running_redis(tmp_path / "redis", "--maxclients", "5") as port, ExitStack() as stack:
        for _ in range(5):
            client: Any = stack.enter_context(Redis(port=port, single_connection_client=True))
            client.ping()
        found = examine(tmp_path, f"redis://127.0.0.1:{port}/0")

    assert found["reachable"].state is State.FAILED
    assert "takes no more connections" in found["reachable"].says
    assert "maxclients" in (found["reachable"].do or "")


@pytest.mark.parametrize(
    ("credentials", "says"),
    [
        pytest.param("", "it wants a password", id="none given"),
        pytest.param(":wrong@", "it refuses the user or the password", id="a wrong one"),
    ],
)
def test_a_refused_password_is_named_and_not_shown(
    credentials: str, says: str, tmp_path: Path
) -> None:
    with running_redis(tmp_path / "redis", "--requirepass", "right") as port:
        found = examine(tmp_path, f"redis://{credentials}127.0.0.1:{port}/0")

    assert says in found["reachable"].says
    assert "wrong" not in repr(found)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("redis://127.0.0.1:9/0", "nothing listens there", id="a closed port"),
        pytest.param("redis://nobody.invalid:6379/0", "its host is not known", id="no such host"),
    ],
)
def test_what_is_not_there_is_named(url: str, says: str, tmp_path: Path) -> None:
    assert says in examine(tmp_path, url)["reachable"].says


def test_a_private_authority_is_named_in_the_url(
    tls_port: int, authority: Authority, tmp_path: Path
) -> None:
    url = f"rediss://127.0.0.1:{tls_port}/0?ssl_ca_certs={authority.file}"

    found = examine(tmp_path, url)
    own = list(examine_traffic(settings(tmp_path, "redis://127.0.0.1:9/0", redis_url=url)))

    assert found["reachable"].state is State.OK
    assert "certificate" not in found
    assert [each.state for each in own] == [State.OK]


def test_an_untrusted_certificate_is_named_as_such(tls_port: int, tmp_path: Path) -> None:
    found = examine(tmp_path, f"rediss://127.0.0.1:{tls_port}/0")

    assert found["reachable"].state is State.FAILED
    assert "its certificate is not trusted" in found["reachable"].says
    assert "ssl_ca_certs" in (found["reachable"].do or "")


def test_a_file_that_is_not_there_is_named_as_such(tls_port: int, tmp_path: Path) -> None:
    url = f"rediss://127.0.0.1:{tls_port}/0?ssl_ca_certs={tmp_path}/no.pem"

    assert "a file of certificates or keys" in examine(tmp_path, url)["reachable"].says


def test_a_certificate_for_another_name_is_named_as_such(
    tls_port: int, authority: Authority, tmp_path: Path
) -> None:
    url = f"rediss://localhost:{tls_port}/0?ssl_ca_certs={authority.file}"

    assert "its certificate is for another name" in examine(tmp_path, url)["reachable"].says


def test_that_nobody_checks_certificates_is_said_aloud(tls_port: int, tmp_path: Path) -> None:
    url = f"rediss://127.0.0.1:{tls_port}/0?ssl_cert_reqs=none"

    found = examine(tmp_path, url)

    assert found["reachable"].state is State.OK
    assert found["certificate"].state is State.WARNING
    assert "nobody checks who answers" in found["certificate"].says


def test_tls_and_none_are_not_mistaken_for_a_server_that_is_away(
    tls_port: int, tmp_path: Path
) -> None:
    with running_redis(tmp_path / "plain") as port:
        without = examine(tmp_path, f"rediss://127.0.0.1:{port}/0")
    tls = examine(tmp_path, f"redis://127.0.0.1:{tls_port}/0")

    assert "does the port speak TLS" in (without["reachable"].do or "")
    assert "it closes the connection at once" in tls["reachable"].says
