from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from unit.vtex.loopback import Loopback


@pytest.fixture
def loopback() -> Iterator[Callable[..., Loopback]]:
    peers: list[Loopback] = []

    def start(*answers: bytes | None, keeps_alive: bool = False) -> Loopback:
        peers.append(Loopback(list(answers), keeps_alive=keeps_alive))
        return peers[-1]

    yield start
    for peer in peers:
        peer.close()


@pytest.fixture
def stand_still_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], None]:
    """An hour passes by the clock of calls once a method of a class has returned."""
    read, passed = time.clock_gettime, 0.0
    monkeypatch.setattr(time, "clock_gettime", lambda clock: read(clock) + passed)

    def stand_still(owner: Any, name: str) -> None:
        method = getattr(owner, name)

        def slowly(*arguments: Any, **named: Any) -> Any:
            nonlocal passed
            value = method(*arguments, **named)
            passed = 3600.0
            return value

        monkeypatch.setattr(owner, name, slowly)

    return stand_still
