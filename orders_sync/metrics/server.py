"""Serves a process's metrics over HTTP, of readings that are not repeated for each scrape."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from time import monotonic
from typing import Any, Final, Generic, TypeVar

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from orders_sync.errors import ConfigurationError

log = structlog.get_logger(__name__)

#: Processes of one machine share the first port: each takes the first free one of so many.
PORTS_TRIED: Final = 20

#: However many Prometheus servers scrape, the ledger and the broker are asked no more often.
CACHE_SECONDS: Final = 10.0

T = TypeVar("T")


class MetricsServer(ThreadingHTTPServer):
    """Answers scrapes from threads of its own; bound once it is made."""

    daemon_threads = True

    def __init__(self, registry: CollectorRegistry, address: str, port: int) -> None:
        self.registry = registry
        super().__init__((address, port), _MetricsRequest)
        threading.Thread(target=self.serve_forever, name="metrics", daemon=True).start()

    def server_bind(self) -> None:
        """Bind without asking the name service for this machine's name, as HTTPServer does."""
        TCPServer.server_bind(self)

    @property
    def port(self) -> int:
        """The port that was taken."""
        port: int = self.server_address[1]
        return port

    def close(self) -> None:
        """Stop answering."""
        self.shutdown()
        self.server_close()


def serve_metrics(
    registry: CollectorRegistry, *, address: str, first_port: int
) -> MetricsServer | None:
    """Serve on the first free port from `first_port`; None where none of them is free.

    Raises:
        ConfigurationError: this machine cannot listen on the address.
    """
    for port in range(first_port, min(first_port + PORTS_TRIED, 65_536)):
        try:
            return MetricsServer(registry, address, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise ConfigurationError(
                    f"ORDERS_SYNC_METRICS_ADDRESS={address} with ORDERS_SYNC_METRICS_PORT="
                    f"{first_port} cannot be listened on ({error.strerror}). A right value: "
                    "ORDERS_SYNC_METRICS_ADDRESS=127.0.0.1"
                ) from None
    return None


class _MetricsRequest(BaseHTTPRequestHandler):
    server: MetricsServer
    server_version = "orders_sync"
    sys_version = ""
    timeout = 10

    def do_GET(self) -> None:
        """Answer with the metrics."""
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404)
            return
        body = generate_latest(self.server.registry)
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE_LATEST)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep scrapes out of the log."""


class CachedReading(Generic[T]):
    """Returns a reading that is at most `seconds` old, or None where it cannot be had.

    A failure is kept as long, so that a database in trouble is not asked by every scrape.
    """

    def __init__(
        self,
        read: Callable[[], T],
        *,
        failures: type[Exception] | tuple[type[Exception], ...],
        seconds: float = CACHE_SECONDS,
        timer: Callable[[], float] = monotonic,
    ) -> None:
        self._read = read
        self._failures = failures
        self._seconds = seconds
        self._timer = timer
        self._lock = threading.Lock()
        self._value: T | None = None
        self._expires_at: float | None = None

    def __call__(self) -> T | None:
        """Return the reading."""
        with self._lock:
            if self._expires_at is None or self._timer() >= self._expires_at:
                self._value = self._try()
                self._expires_at = self._timer() + self._seconds
            return self._value

    def _try(self) -> T | None:
        try:
            return self._read()
        except self._failures as error:
            log.warning("metrics.not_read", cause=type(error).__name__)
            return None
