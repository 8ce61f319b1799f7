from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.plant import Plant, running_plant


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with running_plant(tmp_path) as plant:
        yield plant
