"""Traces: what each process saw of the way of an order, or of a command.

Messages carry ids only, and what waits is a row of the ledger, so nothing hands a trace's context
from step to step. The trace's id follows from what the trace is about instead: every process
derives the same one. Attributes are ids, numbers and words of ours, and nothing personal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, TypeAlias

Facts: TypeAlias = Mapping[str, str | int]

#: What is longer is no id of VTEX's or of ours.
_LONGEST_ID: Final = 64


@dataclass(frozen=True, slots=True)
class About:
    """What a trace is about: all that happens to an order on its way in, or one command."""

    account: str
    order_id: str
    command_id: str | None = None

    @property
    def trace_id(self) -> int:
        """Return the trace's id, of 128 bits; it is never 0."""
        kind, name = ("command", self.command_id) if self.command_id else ("order", self.order_id)
        text = f"{kind}\0{self.account}\0{name}".encode(errors="surrogatepass")
        return int.from_bytes(hashlib.sha256(text).digest()[:16]) or 1

    def facts(self) -> Facts:
        """Return the ids, as attributes; those that are too long to be one are left out."""
        ids = {
            "orders_sync.account": self.account,
            "orders_sync.order_id": self.order_id,
            "orders_sync.command_id": self.command_id,
        }
        return {name: text for name, text in ids.items() if text and len(text) <= _LONGEST_ID}


class Span:
    """A part of a trace that goes on now."""

    def note(self, facts: Facts) -> None:
        """Add attributes."""


class BatchSpan:
    """A call that is about many orders or commands: each gets a span in its own trace."""

    def add_all(self, members: Iterable[About]) -> None:
        """Add what the call was about."""


class Tracing:
    """Traces nothing; what does is made where a collector is named."""

    def step(self, name: str, about: About, facts: Facts) -> AbstractContextManager[Span]:
        """Trace a step; an error that passes is noted by its kind and cause."""
        del name, about, facts
        return nullcontext(_SPAN)

    def call(self, name: str, facts: Facts) -> AbstractContextManager[Span]:
        """Trace a call to another system that a traced step makes."""
        del name, facts
        return nullcontext(_SPAN)

    def lot(self, name: str, *, caller: str | None = None) -> AbstractContextManager[BatchSpan]:
        """Trace a call for each thing that it turns out to be about; nothing where it fails.

        `caller` is the W3C traceparent of whoever asked for it, to which its spans are linked.
        """
        del name, caller
        return nullcontext(_BATCH_SPAN)

    def close(self) -> None:
        """Send what is left, within two seconds."""


_SPAN: Final = Span()
_BATCH_SPAN: Final = BatchSpan()
NO_TRACING: Final = Tracing()
