"""Servers on the loopback that take what is exported: OTLP's traces, and Sentry's events."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support.waiting import until


@dataclass(frozen=True)
class SpanSeen:
    """A span as the collector got it."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    facts: dict[str, str | int]
    is_error: bool
    links: Sequence[str]
    process: str


class Ingest:
    """Keeps the bodies that were sent to it, by path."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, bytes]] = []
        self.url = ""

    def spans(self) -> list[SpanSeen]:
        """Return all spans that were sent."""
        requests = [
            ExportTraceServiceRequest.FromString(body)
            for path, body in tuple(self.bodies)
            if path == "/v1/traces"
        ]
        return [
            SpanSeen(
                span.name,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                {each.key: _value(each.value) for each in span.attributes},
                span.status.code == 2,
                [link.trace_id.hex() for link in span.links],
                str({e.key: _value(e.value) for e in resource.resource.attributes}),
            )
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def events(self) -> list[dict[str, Any]]:
        """Return all events that were sent as Sentry's envelopes are."""
        envelopes = [body for path, body in tuple(self.bodies) if path.endswith("/envelope/")]
        return [json.loads(body.splitlines()[2]) for body in envelopes]

    def text(self) -> str:
        """Return all that was sent, as it may be searched for personal data."""
        return "\n".join(body.decode(errors="replace") for _, body in self.bodies)


@contextmanager
def ingesting(*, status: int = 200) -> Iterator[Ingest]:
    """Serve for the length of a block."""
    ingest = Ingest()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            ingest.bodies.append((self.path, body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ingest.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield ingest
        # One that finds nobody any more goes on trying for seconds, and draws how long it pauses
        # from `random`, which hypothesis has for itself in a later test.
        until(lambda: not _exporters(), "all that was traced in this process is sent")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _exporters() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("OtelBatch")]


def _value(value: Any) -> str | int:
    kind = value.WhichOneof("value")
    found: str | int = getattr(value, kind)
    return found
