"""VTEX's answers about changes of an order. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import Field

from orders_sync.domain.fulfilment import ChangeState
from orders_sync.vtex.documents import require
from orders_sync.vtex.responses import presentable
from orders_sync.vtex.schemas import (
    CentsOrZero,
    Moment,
    Rows,
    Text,
    TextOrEmpty,
    WireModel,
)

_DONE: Final = "done"
_ENDS: Final = frozenset({_DONE, "canceled"})
_LONGEST_TEXT: Final = 300


@dataclass(frozen=True, slots=True)
class ChangePreview:
    """What a change would do; `totals` are cents by VTEX's id, such as `Shipping`."""

    total_change_cents: int
    manual_discount_cents: int
    manual_increment_cents: int
    totals: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class PastChange:
    """A change in an order's history."""

    request_id: str
    workflow_id: str | None
    reason: str | None
    total_change_cents: int
    manual_discount_cents: int
    manual_increment_cents: int
    date: datetime | None


class _Total(WireModel):
    id: TextOrEmpty = ""
    value: CentsOrZero = 0


class _Change(WireModel):
    request_id: TextOrEmpty = ""
    workflow_id: Text = None
    reason: Text = None
    total_change_value: CentsOrZero = 0
    manual_discount_value: CentsOrZero = 0
    manual_increment_value: CentsOrZero = 0
    totals: Rows[_Total] = Field(default_factory=list)
    date: Moment = None


class _History(WireModel):
    requests: Rows[_Change] = Field(default_factory=list)


class _ChangeCancellation(WireModel):
    reason: Text = None


class _Detail(WireModel):
    request_id: TextOrEmpty = ""
    status: Text = None
    in_progress: bool | None = None
    finished: bool | None = None
    logs: Rows[Any] = Field(default_factory=list)
    cancellation_data: _ChangeCancellation | None = None


def change_preview(data: Any) -> ChangePreview:
    """Read a preview.

    Raises:
        Unreadable: the answer is none.
    """
    change = require(_Change, data, "The preview of a change")
    return ChangePreview(
        total_change_cents=change.total_change_value,
        manual_discount_cents=change.manual_discount_value,
        manual_increment_cents=change.manual_increment_value,
        totals=tuple((total.id, total.value) for total in change.totals),
    )


def change_history(data: Any) -> tuple[PastChange, ...]:
    """Read an order's history of changes.

    Raises:
        Unreadable: the answer is none.
    """
    return tuple(
        PastChange(
            request_id=past.request_id,
            workflow_id=past.workflow_id,
            reason=past.reason,
            total_change_cents=past.total_change_value,
            manual_discount_cents=past.manual_discount_value,
            manual_increment_cents=past.manual_increment_value,
            date=past.date,
        )
        for past in require(_History, data, "The history of changes").requests
    )


def change_state(request_id: str, data: Any) -> ChangeState:
    """Read how far a change is. VTEX's reference says `inProgress`, its guide `finished`.

    Raises:
        Unreadable: the answer is none.
    """
    detail = require(_Detail, data, "The detail of a change")
    reason = detail.cancellation_data.reason if detail.cancellation_data else None
    return ChangeState(
        request_id=detail.request_id or request_id,
        status=detail.status,
        is_finished=_is_finished(detail),
        is_done=_is_finished(detail) and detail.status == _DONE,
        cancel_reason=presentable(reason, _LONGEST_TEXT) if reason else None,
        logs=tuple(filter(None, map(_log_text, detail.logs))),
    )


def _is_finished(detail: _Detail) -> bool:
    if detail.finished is not None:
        return detail.finished
    if detail.in_progress is not None:
        return not detail.in_progress
    return detail.status in _ENDS


def _log_text(entry: Any) -> str:
    """Return the words of a log entry, whose shape VTEX does not document."""
    if isinstance(entry, Mapping):
        entry = next((entry[key] for key in ("message", "text", "description") if key in entry), "")
    return presentable(entry, _LONGEST_TEXT) if isinstance(entry, str) else ""
