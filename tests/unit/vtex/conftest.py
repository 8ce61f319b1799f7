from __future__ import annotations

from collections.abc import Callable, Iterator

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
