"""A real Redis primary, its replica, and the sentinels that watch over them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis, RedisError
from support.waiting import until

from orders_sync.embedded.broker import find_server, free_port

MASTER = "orders"
REDIS_PASSWORD = "of-redis"
SENTINEL_PASSWORD = "of-sentinels"

_SERVER = """\
port {port}
bind 127.0.0.1
dir "{folder}"
requirepass {password}
masterauth {password}
appendonly yes
save ""
repl-diskless-sync-delay 0
{more}
"""

_SENTINEL = """\
port {port}
bind 127.0.0.1
dir "{folder}"
requirepass {own}
sentinel sentinel-pass {own}
sentinel monitor {master} 127.0.0.1 {primary} 2
sentinel auth-pass {master} {password}
sentinel down-after-milliseconds {master} 1500
sentinel failover-timeout {master} 5000
"""


class Sentinels:
    """Two servers and three sentinels; the first server is the primary."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self.primary, self.replica = free_port(), free_port()
        self._serve(self.primary)
        self._serve(self.replica, f"replicaof 127.0.0.1 {self.primary}")
        self.ports = [self._watch() for _ in range(3)]
        until(self._is_complete, "the sentinels know the replica and each other")

    @property
    def url(self) -> str:
        """The broker's URL."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"sentinel://:{REDIS_PASSWORD}@{hosts}/0"

    @property
    def environment(self) -> dict[str, str]:
        """The settings that lead to the primary."""
        return {
            "ORDERS_SYNC_BROKER_URL": self.url,
            "ORDERS_SYNC_SENTINEL__MASTER": MASTER,
            "ORDERS_SYNC_SENTINEL__PASSWORD": SENTINEL_PASSWORD,
        }

    def server(self, port: int) -> Any:
        """Open a client of a server."""
        return Redis(port=port, password=REDIS_PASSWORD, socket_timeout=5)

    def sentinel(self, port: int) -> Any:
        """Open a client of a sentinel."""
        return Redis(port=port, password=SENTINEL_PASSWORD, socket_timeout=5)

    def kill(self, port: int) -> None:
        """Kill a server or a sentinel, which closes its connections."""
        self._processes[port].kill()
        self._processes[port].wait()

    def freeze(self, port: int) -> None:
        """Freeze a server: its connections stay open and nothing is answered."""
        os.kill(self._processes[port].pid, signal.SIGSTOP)

    def thaw(self, port: int) -> None:
        """Wake a server that was frozen."""
        os.kill(self._processes[port].pid, signal.SIGCONT)

    def is_failed_over(self) -> bool:
        """Check whether all sentinels lead to the replica."""
        return all(
            self.sentinel(port).sentinel_get_master_addr_by_name(MASTER)[1] == self.replica
            and self.server(self.replica).info("replication")["role"] == "master"
            for port in self.ports
        )

    def close(self) -> None:
        """End everything."""
        for process in self._processes.values():
            process.kill()
            process.wait()

    def _serve(self, port: int, more: str = "") -> None:
        values = {"port": port, "password": REDIS_PASSWORD, "more": more}
        self._start(port, _SERVER, values)
        until(lambda: _answers(self.server(port)), "the server answers")

    def _watch(self) -> int:
        port = free_port()
        values = {
            "port": port,
            "own": SENTINEL_PASSWORD,
            "master": MASTER,
            "primary": self.primary,
            "password": REDIS_PASSWORD,
        }
        self._start(port, _SENTINEL, values, "--sentinel")
        until(lambda: _answers(self.sentinel(port)), "the sentinel answers")
        return port

    def _start(self, port: int, text: str, values: dict[str, Any], *arguments: str) -> None:
        folder = self._home / f"redis-{port}"
        folder.mkdir()
        config = folder / "server.conf"
        config.write_text(text.format(folder=folder, **values))
        with (folder / "log").open("wb") as log:
            self._processes[port] = subprocess.Popen(
                [find_server(), config, *arguments], stdout=log, stderr=log
            )

    def _is_complete(self) -> bool:
        link = self.server(self.replica).info("replication").get("master_link_status")
        states = [self.sentinel(port).sentinel_masters()[MASTER] for port in self.ports]
        return link == "up" and all(
            state["num-slaves"] == 1 and state["num-other-sentinels"] == 2 for state in states
        )


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


@contextmanager
def running_sentinels(home: Path) -> Iterator[Sentinels]:
    """Run servers and sentinels for a while."""
    home.mkdir(parents=True, exist_ok=True)
    them = Sentinels(home)
    try:
        yield them
    finally:
        them.close()
