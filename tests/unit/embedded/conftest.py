from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orders_sync.embedded.processes import ProcessSpec
from orders_sync.embedded.supervisor import RestartDelays, Supervisor
from orders_sync.settings import child_environment
from orders_sync.testing.clock import SettableClock


@pytest.fixture
def said() -> list[str]:
    """Collect what a supervisor says."""
    return []


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., ProcessSpec]:
    """Make a process of a few lines of Python."""

    def make(name: str, code: str, *, vital: bool = False, stops_last: bool = False) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            argv=(sys.executable, "-c", code),
            log=tmp_path / "logs" / f"{name}.log",
            env=child_environment(),
            vital=vital,
            stops_last=stops_last,
        )

    return make


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str], clock: SettableClock) -> Iterator[Supervisor]:
    supervisor = Supervisor(
        tmp_path / "run",
        say=said.append,
        clock=clock.epoch,
        delays=RestartDelays(first=1, cap=4, calm=60),
        finish_seconds=1,
    )
    yield supervisor
    supervisor.stop()
