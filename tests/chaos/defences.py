"""What stands between a fault and a broken promise, each to be taken away from a process.

Without it a run has to break: that is how the harness is seen to see.
"""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from enum import StrEnum
from pkgutil import resolve_name
from typing import Any, Final


class Defence(StrEnum):
    """What may be taken away."""

    REDISPATCH = "redispatch"  # What was lost with its worker or its message is due again.
    RETURNING = "returning"  # Messages of a worker that leaves or dies are put back.
    FINISHING = "finishing"  # Whoever is told to end finishes what it has in hand.
    LEASE_CHECK = "lease-check"  # Whoever was overtaken does not write to VTEX any more.
    CALL_BOUND = "call-bound"  # What took too long is neither sent nor acted upon.
    LEDGER_CLOCK = "ledger-clock"  # All processes go by one clock.
    LOCK_WAIT = "lock-wait"  # A ledger that is locked is waited for.
    READING_FIRST = "reading-first"  # What is so already is not sent again.
    PATIENCE = "patience"  # What a peer does not do now it may do later.
    RECONCILING = "reconciling"  # What the feed never told is found in VTEX's list.
    ENVELOPE_CHECK = "envelope-check"  # No message reaches Celery that is not checked.
    TOMBSTONES = "tombstones"  # An ERP never takes what it was asked to cancel before.
    COMPARING = "comparing"  # What changed since the hand-over is noticed by every read.


def take_away(defences: Collection[Defence]) -> None:
    """Weaken this process; call it after its clocks were shifted and before its program begins."""
    for defence in defences:
        _WITHOUT[defence]()


def _replace(where: str, **names: Any) -> None:
    owner = resolve_name(where)
    for name, value in names.items():
        # What was renamed must not be left in its place without a word.
        getattr(owner, name)
        setattr(owner, name, value)


def _no_redispatch() -> None:
    bootstrap: Any = resolve_name("orders_sync.bootstrap")
    for_good = timedelta(days=1)
    ledger = bootstrap.Ledger

    def open_for_good(url: str, **options: Any) -> Any:
        return ledger(url, **{**options, "lease": for_good})

    _replace("orders_sync.ledger.wakeups", DISPATCHED_FOR=for_good)
    _replace("orders_sync.ledger.due_work", DISPATCHED_FOR=for_good)
    _replace("orders_sync.ledger.processes:Processes", bury=lambda _self, **_: ())
    _replace("orders_sync.bootstrap", Ledger=open_for_good)


def _no_returning() -> None:
    _replace("orders_sync.broker.consumer", give_back=lambda _consumer, _tags: None)
    _replace("orders_sync.broker.liveness:ConsumerHeartbeat", beat=lambda _self: [])
    _replace("orders_sync.broker.channel:QoS", restore_unacked=lambda _self, _client=None: None)


def _no_finishing() -> None:
    def end_at_once(_worker: Any) -> None:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))

    _replace("celery.apps.worker", install_worker_term_handler=end_at_once)


def _no_lease_check() -> None:
    def note_only(ledger: Any, claim: Any, intent: str, **_: object) -> None:
        ledger.note_intent(claim, intent)

    _replace("orders_sync.ledger.transitions:Commands", intend=note_only)


def _no_call_bound() -> None:
    client: Any = resolve_name("orders_sync.http_client")
    until = client.until
    for caller in ("orders_sync.vtex.transport", "orders_sync.outbound.steps"):
        _replace(caller, until=lambda _deadline: until(math.inf))


def _own_clock() -> None:
    _replace("orders_sync.bootstrap", LedgerClock=lambda _database, *, own: own)


def _no_lock_wait() -> None:
    _replace("orders_sync.ledger.engine", _BUSY_SECONDS=0.5)


def _no_reading_first() -> None:
    """Try again what has failed by the order as it was before that."""
    steps: Any = resolve_name("orders_sync.outbound.steps")
    read = steps._read
    kept: dict[str, Any] = {}

    def read_unless_failed(claim: Any, vtex: Any) -> Any:
        if claim.failing_since is not None and claim.command_id in kept:
            return kept.pop(claim.command_id)
        kept[claim.command_id] = found = read(claim, vtex)
        return found

    _replace("orders_sync.outbound.steps", _read=read_unless_failed, _is_same=lambda *_: False)


def _no_patience() -> None:
    step_task: Any = resolve_name("orders_sync.worker.step_task")
    errors: Any = resolve_name("orders_sync.errors")
    decide = step_task.decide
    momentary = (errors.RetryableError, errors.RateLimited, errors.AuthFailed)

    def give_up(error: Exception, policy: Any, **figures: Any) -> Any:
        if isinstance(error, momentary):
            return step_task.Park(error.cause, error.message, "It was not tried again.")
        return decide(error, policy, **figures)

    _replace("orders_sync.worker.step_task", decide=give_up)


def _no_reconciling() -> None:
    _replace("orders_sync.upkeep.tasks", reconcile=lambda *_, **__: None)


def _no_envelope_check() -> None:
    def with_tag_only(_consumer: Any, payload: Any, _queue: str, tag: str) -> Any:
        payload["properties"]["delivery_tag"] = tag
        return payload

    celery: Any = resolve_name("celery.worker.consumer:Consumer")
    _replace("orders_sync.broker.consumer", guard_pool=lambda _pool: None)
    _replace(
        "orders_sync.broker.consumer:Consumer",
        check=with_tag_only,
        create_task_handler=celery.create_task_handler,
    )


def _no_tombstones() -> None:
    _replace("orders_sync.erp.staging:StagingErp", _write_tombstone=lambda *_: None)


def _no_comparing() -> None:
    _replace("orders_sync.inbound.steps", note_changes=lambda _claim, result, _services: result)


_WITHOUT: Final[Mapping[Defence, Callable[[], None]]] = {
    Defence.REDISPATCH: _no_redispatch,
    Defence.RETURNING: _no_returning,
    Defence.FINISHING: _no_finishing,
    Defence.LEASE_CHECK: _no_lease_check,
    Defence.CALL_BOUND: _no_call_bound,
    Defence.LEDGER_CLOCK: _own_clock,
    Defence.LOCK_WAIT: _no_lock_wait,
    Defence.READING_FIRST: _no_reading_first,
    Defence.PATIENCE: _no_patience,
    Defence.RECONCILING: _no_reconciling,
    Defence.ENVELOPE_CHECK: _no_envelope_check,
    Defence.TOMBSTONES: _no_tombstones,
    Defence.COMPARING: _no_comparing,
}
