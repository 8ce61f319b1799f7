"""Serves a process's metrics over HTTP: `/metrics`, and nothing else."""

from __future__ import annotations

import errno
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from orders_sync.errors import ConfigurationError

#: Processes of one machine share the first port: each takes the first free one of so many.
PORTS_TRIED: Final = 20


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
