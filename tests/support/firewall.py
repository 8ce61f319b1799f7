"""A port that leads to a server's socket, and may forget its connections without a word."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CHUNK = 65_536


class Firewall:
    """Passes bytes between a loopback port and a server until it is told to forget.

    What it has forgotten stays silent for good: nothing is passed on and nothing is closed. While
    it is `shut`, new connections are silent too.
    """

    def __init__(self, server: Path) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = [self._listener]
        self._live: set[threading.Event] = set()
        self.shut = False
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def forget(self) -> int:
        """Forget all connections; return how many there were."""
        with self._lock:
            count = sum(not silent.is_set() for silent in self._live)
            for silent in self._live:
                silent.set()
            return count

    def close(self) -> None:
        """Close everything."""
        with self._lock:
            for each in self._sockets:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._server))
            silent = threading.Event()
            with self._lock:
                self._sockets += [client, server]
                self._live.add(silent)
                if self.shut:
                    silent.set()
            for ends in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(*ends, silent), daemon=True).start()

    def _pass_on(
        self, source: socket.socket, target: socket.socket, silent: threading.Event
    ) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                if not silent.is_set():
                    target.sendall(data)
        if not silent.is_set():
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)
            with self._lock:
                self._live.discard(silent)


@contextmanager
def firewall_before(server: Path) -> Iterator[Firewall]:
    """Run a firewall before a server's socket."""
    firewall = Firewall(server)
    try:
        yield firewall
    finally:
        firewall.close()
