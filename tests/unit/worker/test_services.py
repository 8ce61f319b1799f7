"""How the services of a worker are wired to what says who may call now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orders_sync.bootstrap import Services, build, connect_traffic
from orders_sync.errors import ConfigurationError
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings
from orders_sync.traffic.waits import Lane

STORE = "mystore"
NOWHERE = "redis://127.0.0.1:1/0"


def settings(home: Path, **changes: Any) -> Settings:
    account = AccountSettings(app_key="key", app_token="token", base_url="http://127.0.0.1:1")
    facts: dict[str, Any] = {"accounts": {STORE: account}, "home": home, "broker_url": NOWHERE}
    return Settings(**{**facts, **changes})


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    known = settings(tmp_path)
    services = build(known, traffic=connect_traffic(known))
    yield services
    services.close()


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("redis+socket:///run/redis.sock", id="Celery's name of a socket"),
    ],
)
def test_a_broker_that_cannot_keep_the_budget_asks_for_a_redis_in_one_line(
    url: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        connect_traffic(settings(tmp_path, broker_url=url))

    assert "Set ORDERS_SYNC_REDIS_URL=redis://localhost:6379/0" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_redis_of_its_own_keeps_the_budget_beside_any_broker(tmp_path: Path) -> None:
    traffic = connect_traffic(
        settings(tmp_path, broker_url="redis+socket:///run/redis.sock", redis_url=NOWHERE)
    )

    assert traffic.usage(STORE).used is None
    traffic.close()


def test_while_redis_is_away_calls_are_made_and_erps_are_asked(services: Services) -> None:
    assert services.erp_rests(STORE) is None
    assert list(services.erp(STORE).pull(None).rows) == []


def test_the_clients_of_all_lanes_share_their_connections(services: Services) -> None:
    cancelling, reading = services.vtex(STORE, Lane.CANCEL), services.vtex(STORE)

    assert cancelling is not reading
    assert cancelling._transport is reading._transport


def test_without_traffic_nobody_is_asked(tmp_path: Path) -> None:
    services = build(settings(tmp_path, broker_url=None))

    assert services.erp_rests(STORE) is None
    services.close()
