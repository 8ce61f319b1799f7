from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.busy_desk import BusyDesk, busy_desk
from support.desk_site import Desk, serving_desk, settings_of
from support.office import Office

from orders_sync.gateway.desk.live import LiveFigures
from orders_sync.testing.clock import SettableClock


@pytest.fixture
def make_desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    with ExitStack() as served:

        def make(*, live: LiveFigures | None = None, **settings: Any) -> Desk:
            return served.enter_context(serving_desk(settings_of(tmp_path, **settings), live=live))

        yield make


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


@pytest.fixture
def office(desk: Desk, clock: SettableClock) -> Office:
    return Office(desk.ledger, clock)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusyDesk]:
    """A desk with everything on it, which the tests of a file only look at."""
    with busy_desk(tmp_path_factory.mktemp("busy"), SettableClock()) as busy:
        yield busy
