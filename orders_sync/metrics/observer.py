"""Counts and measures what happens in a process, calls to VTEX too, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, time
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from orders_sync import __version__
from orders_sync.domain.amounts import Reason
from orders_sync.errors import OrdersSyncError
from orders_sync.ledger.deliveries import DeliveryOutcome
from orders_sync.metrics.labels import OTHER, cause_label
from orders_sync.metrics.tracing import NO_TRACING, Tracing
from orders_sync.vtex.exchange import Request, Response, Transport

#: `failed` tries count as attempts and `waited` ones do not; both come again.
StepOutcome = Literal["done", "parked", "failed", "waited"]

#: What becomes of what reconciling found.
FindingOutcome = Literal["read", "parked"]

#: From an answer of the ledger alone to the longest that a step of several calls may take.
_STEP_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 90)
_CALL_BUCKETS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

#: Statuses that mean something by themselves; the others are shown by their class.
_TOLD_APART: Final = frozenset({401, 403, 404, 429})


class Metrics:
    """Counts and measures for one process; it may be shared by its threads.

    Each has a `registry` of its own, so that tests and processes do not meet in a global one.
    """

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._process = Info(
            "orders_sync_process", "What the process is: a worker, or beat.", registry=registry
        )
        self._steps = Histogram(
            "orders_sync_step_seconds",
            "How long steps of orders and commands took, by how they ended.",
            ["step", "outcome"],
            buckets=_STEP_BUCKETS,
            registry=registry,
        )
        self._setbacks = Counter(
            "orders_sync_step_setbacks",
            "Steps that did not get done, by cause; failed and waited ones are retried.",
            ["step", "outcome", "cause"],
            registry=registry,
        )
        self._task_failures = Counter(
            "orders_sync_task_failures",
            "Tasks that are no step and ended with an error of ours, such as a poll of the feed.",
            ["task", "error"],
            registry=registry,
        )
        self._postponed = Counter(
            "orders_sync_dispatches_postponed",
            "Steps that could not be put on their queue, and are due again soon.",
            ["step"],
            registry=registry,
        )
        self._calls = Counter(
            "orders_sync_vtex_calls",
            "Calls to VTEX, by status (401, 403, 404, 429 alone, the others by class) or error.",
            ["account", "endpoint", "outcome"],
            registry=registry,
        )
        self._call_seconds = Histogram(
            "orders_sync_vtex_call_seconds",
            "How long calls to VTEX took, until the last byte of the answer.",
            ["account", "endpoint"],
            buckets=_CALL_BUCKETS,
            registry=registry,
        )
        self._call_succeeded = Gauge(
            "orders_sync_vtex_last_success_timestamp_seconds",
            "When this process last had a call answered with a success.",
            ["account", "endpoint"],
            registry=registry,
        )
        self._findings = Counter(
            "orders_sync_reconcile_findings",
            "Disagreements of VTEX's list and the ledger: `read` had their order read again, which "
            "mends them, and `parked` ones wait for a person.",
            ["account", "kind", "outcome"],
            registry=registry,
        )
        self._differences = Counter(
            "orders_sync_order_differences",
            "Orders given to the ERP whose parts do not add up to their value, by likely reason.",
            ["account", "reason"],
            registry=registry,
        )
        self._short_invoices = Counter(
            "orders_sync_invoices_leaving_cents",
            "Invoices after which all pieces are invoiced and some of the order's value is not.",
            ["account"],
            registry=registry,
        )
        self._deliveries = Counter(
            "orders_sync_endpoint_deliveries",
            "Tries to send an event to an endpoint: taken, failed and tried again, or given up.",
            ["endpoint", "outcome"],
            registry=registry,
        )
        self._ticks = Counter(
            "orders_sync_beat_ticks", "Tasks that beat put on a queue.", ["task"], registry=registry
        )
        self._last_tick = Gauge(
            "orders_sync_beat_last_tick_timestamp_seconds",
            "When beat last put the task on its queue.",
            ["task"],
            registry=registry,
        )

    def process_started(self, role: Literal["worker", "beat"]) -> None:
        """Set what this process is."""
        self._process.info({"role": role, "version": __version__})

    def step_ended(
        self, step: str, outcome: StepOutcome, seconds: float, cause: str | None = None
    ) -> None:
        """Observe a step that a worker ran; `cause` says why it was not done."""
        self._steps.labels(step, outcome).observe(seconds)
        if outcome != "done":
            self._setbacks.labels(step, outcome, cause_label(cause)).inc()

    def task_failed(self, task: str, error: Exception) -> None:
        """Observe the failure of a task that is no step; only the error's type is kept."""
        self._task_failures.labels(task, type(error).__name__).inc()

    def dispatch_postponed(self, step: str) -> None:
        """Observe that the broker did not take a step."""
        self._postponed.labels(step).inc()

    def vtex_called(
        self, account: str, endpoint: str, outcome: str, seconds: float, *, now: float
    ) -> None:
        """Observe a call; `endpoint` is its name without ids, `now` is in seconds since 1970."""
        self._calls.labels(account, endpoint, outcome).inc()
        self._call_seconds.labels(account, endpoint).observe(seconds)
        if outcome == "2xx":
            self._call_succeeded.labels(account, endpoint).set(now)

    def reconcile_found(self, account: str, kind: str, outcome: FindingOutcome) -> None:
        """Observe a disagreement that reconciling found; `kind` is a `Mismatch`."""
        self._findings.labels(account, kind, outcome).inc()

    def order_differs(self, account: str, reason: Reason) -> None:
        """Observe an order given to the ERP that does not add up."""
        self._differences.labels(account, reason.value).inc()

    def invoice_left_cents(self, account: str) -> None:
        """Observe an invoice that took the last pieces of an order and not all of its value."""
        self._short_invoices.labels(account).inc()

    def event_sent(self, endpoint: str, outcome: DeliveryOutcome) -> None:
        """Observe a try to send an event to an endpoint, by its id."""
        self._deliveries.labels(endpoint, outcome).inc()

    def tick_sent(self, task: str, *, now: float) -> None:
        """Observe that beat put a task on its queue; `now` is in seconds since 1970."""
        self._ticks.labels(task).inc()
        self._last_tick.labels(task).set(now)


class ObservedTransport:
    """A transport that counts each call of another one in `metrics`, and traces it.

    `timer` measures, and `clock` tells the time in seconds since 1970.
    """

    def __init__(
        self,
        transport: Transport,
        account: str,
        metrics: Metrics,
        *,
        timer: Callable[[], float] = monotonic,
        clock: Callable[[], float] = time,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._transport = transport
        self._account = account
        self._metrics = metrics
        self._timer = timer
        self._clock = clock
        self._tracing = tracing

    def send(self, request: Request) -> Response:
        """Send the request and read the whole response; errors pass through."""
        name = f"{request.method} {_endpoint(request)}"
        facts = {"http.request.method": request.method, "orders_sync.account": self._account}
        with self._tracing.call(name, facts) as span:
            response = self._send(request)
            span.note({"http.response.status_code": response.status})
        return response

    def _send(self, request: Request) -> Response:
        started = self._timer()
        try:
            response = self._transport.send(request)
        except OrdersSyncError as error:
            self._note(request, _kind(error), started)
            raise
        self._note(request, _status_class(response.status), started)
        return response

    def _note(self, request: Request, outcome: str, started: float) -> None:
        self._metrics.vtex_called(
            self._account,
            _endpoint(request),
            outcome,
            self._timer() - started,
            now=self._clock(),
        )


def _endpoint(request: Request) -> str:
    """Return the endpoint: an operation's first word, for ids follow it."""
    return request.operation.partition(" ")[0] or OTHER


def _status_class(status: int) -> str:
    return str(status) if status in _TOLD_APART else f"{status // 100}xx"


def _kind(error: OrdersSyncError) -> str:
    cause: str = getattr(error, "cause", type(error).__name__)
    return cause.removeprefix("vtex.")
