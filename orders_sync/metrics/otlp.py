"""Traces that go to a collector by OTLP over HTTP, as OpenTelemetry's own variables say.

A full queue drops spans and a thread of its own sends them, so that a collector that is away or
silent costs no worker anything.
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import time_ns
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from orders_sync import __version__
from orders_sync.errors import WaitError
from orders_sync.metrics.labels import cause_label
from orders_sync.metrics.tracing import About, BatchSpan, Facts, Span, Tracing

_CLOSE_SECONDS: Final = 2.0
_UNNAMED: Final = "unknown_service"


class _DerivedIds(RandomIdGenerator):
    """Assigns a trace the id that was derived for it."""

    def __init__(self) -> None:
        self.wanted: ContextVar[int | None] = ContextVar("wanted", default=None)

    def generate_trace_id(self) -> int:
        return self.wanted.get() or super().generate_trace_id()

    def is_trace_id_random(self) -> bool:
        return False


class _OtlpSpan(Span):
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def note(self, facts: Facts) -> None:
        self._span.set_attributes(facts)


class _OtlpBatchSpan(BatchSpan):
    def __init__(self) -> None:
        self.members: list[About] = []

    def add_all(self, members: Iterable[About]) -> None:
        self.members += members


class OtlpTracing(Tracing):
    """Traces what a process does; `process` is its name in leases."""

    def __init__(self, process: str) -> None:
        self._ids = _DerivedIds()
        self._provider = TracerProvider(
            resource=_resource(process), id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("orders_sync", __version__)

    @contextmanager
    def step(self, name: str, about: About, facts: Facts) -> Iterator[Span]:
        """Trace a step as a span of its own right in the trace of what it is about."""
        with _noted(self._root(name, about, facts)) as span:
            yield span

    @contextmanager
    def call(self, name: str, facts: Facts) -> Iterator[Span]:
        """Trace a call below the step that makes it; one that is made by none is not traced."""
        if not trace.get_current_span().is_recording():
            yield Span()
            return
        client = trace.SpanKind.CLIENT
        with _noted(self._tracer.start_span(name, kind=client, attributes=facts)) as span:
            yield span

    @contextmanager
    def lot(self, name: str, *, caller: str | None = None) -> Iterator[BatchSpan]:
        """Trace a call in the trace of each thing that it was about."""
        lot, began = _OtlpBatchSpan(), time_ns()
        yield lot
        links = _links(caller)
        for about in lot.members:
            self._root(name, about, {}, start_time=began, links=links).end()

    def close(self) -> None:
        """Send what is left; a collector that does not answer is left alone after two seconds."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(_CLOSE_SECONDS)

    def _root(self, name: str, about: About, facts: Facts, **options: Any) -> trace.Span:
        token = self._ids.wanted.set(about.trace_id)
        try:
            attributes = {**about.facts(), **facts}
            return self._tracer.start_span(name, Context(), attributes=attributes, **options)
        finally:
            self._ids.wanted.reset(token)


@contextmanager
def _noted(span: trace.Span) -> Iterator[_OtlpSpan]:
    """Make a span the current one, and note the kind and cause of an error, never its text."""
    with trace.use_span(
        span, end_on_exit=True, record_exception=False, set_status_on_exception=False
    ):
        try:
            yield _OtlpSpan(span)
        except Exception as error:
            span.set_attribute("error.type", type(error).__name__)
            cause = getattr(error, "cause", None)
            if isinstance(cause, str):
                span.set_attribute("orders_sync.cause", cause_label(cause))
            if not isinstance(error, WaitError):
                span.set_status(trace.StatusCode.ERROR)
            raise


def _links(caller: str | None) -> list[trace.Link]:
    if caller is None:
        return []
    parent = TraceContextTextMapPropagator().extract({"traceparent": caller}, Context())
    context = trace.get_current_span(parent).get_span_context()
    return [trace.Link(context)] if context.is_valid else []


def _resource(process: str) -> Resource:
    """Return who speaks: as the environment names it, or orders-sync."""
    given = Resource.create({"service.version": __version__, "service.instance.id": process})
    name = str(given.attributes.get(SERVICE_NAME, _UNNAMED))
    return given.merge(Resource({SERVICE_NAME: "orders-sync"})) if _UNNAMED in name else given
