from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.flow import Flow

from orders_sync.testing.clock import SettableClock


@pytest.fixture
def make_flow(tmp_path: Path, clock: SettableClock) -> Iterator[Callable[..., Flow]]:
    made: list[Flow] = []

    def make(**changes: Any) -> Flow:
        made.append(Flow(tmp_path, clock, **changes))
        return made[-1]

    yield make
    for flow in made:
        flow.close()


@pytest.fixture
def flow(make_flow: Callable[..., Flow]) -> Flow:
    return make_flow()
