"""Accounts with their tables in one database share its connections; few wait open over all."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url
from unit.erp.erp_sql import MakeStaging

from orders_sync.erp.staging import StagingErp
from orders_sync.erp.staging_database import SharedEngines, close_engine, open_engine
from orders_sync.errors import ConfigurationError


def idle(engine: Engine) -> int:
    return engine.pool.checkedin()  # type: ignore[attr-defined,no-any-return] # of a QueuePool


def test_accounts_with_one_url_share_an_engine(make_staging: MakeStaging) -> None:
    first, second, other = make_staging("a"), make_staging("b"), make_staging("c", connections=2)

    assert first._engine is second._engine
    assert other._engine is not first._engine


def test_an_account_that_is_closed_leaves_the_others_their_connections(
    make_staging: MakeStaging,
) -> None:
    first, second = make_staging("a"), make_staging("b")
    first.pull(None)
    first.close()
    first.close()

    kept = idle(second._engine)
    second.close()

    assert kept == 1
    assert idle(second._engine) == 0


def test_an_engine_that_all_have_closed_is_made_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'erp.sqlite3'}"
    first = open_engine(url)
    close_engine(first)
    second = open_engine(url)
    close_engine(second)

    assert second is not first


def test_no_more_connections_than_the_option_says_are_open_at_once(
    make_staging: MakeStaging,
) -> None:
    engine = make_staging(connections=3)._engine

    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(engine.connect())
        most = engine.pool.checkedout()  # type: ignore[attr-defined] # of a QueuePool
        assert engine.pool.overflow() == engine.pool._max_overflow  # type: ignore[attr-defined]

    assert most == 3
    assert idle(engine) == 2


@pytest.mark.parametrize("connections", [0, -1, "many", 2.5, True])
def test_a_number_of_connections_that_is_none_is_refused(
    tmp_path: Path, connections: object
) -> None:
    with pytest.raises(ConfigurationError, match="connections must be a whole number"):
        StagingErp("mystore", {"connections": connections}, tmp_path)


def test_the_engine_that_was_not_used_for_longest_gives_its_connections_back(
    tmp_path: Path,
) -> None:
    shared = SharedEngines(idle=2)
    engines = [
        open_engine_in(shared, f"sqlite:///{tmp_path / f'{number}.sqlite3'}") for number in range(3)
    ]

    for number in (0, 1, 0, 2):
        engines[number].connect().close()

    assert [idle(engine) for engine in engines] == [1, 0, 1]
    for engine in engines:
        shared.close(engine)
    assert [idle(engine) for engine in engines] == [0, 0, 0]


def open_engine_in(shared: SharedEngines, url: str) -> Engine:
    return shared.open(make_url(url), 5, lambda name, _: create_engine(name))
