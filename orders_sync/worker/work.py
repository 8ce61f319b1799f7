"""What a runner works on: claims, the desk they are given back to, and the steps themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from orders_sync.bootstrap import Services
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger.journal import Entry


class Claim(Protocol):
    """The right to run one step, as orders and commands give it."""

    @property
    def account(self) -> str: ...  # noqa: D102 - as the names say.
    @property
    def order_id(self) -> str: ...  # noqa: D102
    @property
    def step(self) -> Step: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102
    @property
    def attempts(self) -> int: ...  # noqa: D102
    @property
    def failing_since(self) -> datetime | None: ...  # noqa: D102


class Result(Protocol):
    """What a step achieved."""

    @property
    def standing(self) -> Standing: ...  # noqa: D102
    @property
    def next_step(self) -> Step | None: ...  # noqa: D102
    @property
    def note(self) -> str | None: ...  # noqa: D102


C = TypeVar("C", bound=Claim)
R = TypeVar("R", bound=Result)
C_contra = TypeVar("C_contra", bound=Claim, contravariant=True)
R_contra = TypeVar("R_contra", bound=Result, contravariant=True)


class Desk(Protocol[C_contra, R_contra]):
    """The part of the ledger that claims are given back to; each gives what to dispatch."""

    def complete(
        self, claim: C_contra, result: R_contra, entry: Entry, *, now: datetime
    ) -> Sequence[Dispatch]:
        """Record what a step achieved."""
        ...

    def defer(
        self,
        claim: C_contra,
        entry: Entry | None,
        *,
        due_at: datetime,
        cause: str,
        reason: str,
        counts: bool,
        fails: bool,
        now: datetime,
    ) -> Sequence[Dispatch]:
        """Put a step back."""
        ...

    def park(
        self,
        claim: C_contra,
        entry: Entry,
        *,
        cause: str,
        reason: str,
        hint: str,
        now: datetime,
    ) -> Sequence[Dispatch]:
        """Stop until a person decides."""
        ...


class Advance(Protocol[C, R_contra]):
    """Records what a step achieved, and keeps the claim for the step that is next."""

    def __call__(self, claim: C, result: R_contra, entry: Entry, *, now: datetime) -> C:
        """Give the claim of the next step."""
        ...


@dataclass(frozen=True, slots=True)
class Work(Generic[C, R]):
    """The steps of one kind of thing, and the part of the ledger that keeps it.

    With `advance` a worker may go on from one step to the next without a message.
    """

    desk: Desk[C, R]
    steps: Mapping[Step, Callable[[C, Services], R]]
    advance: Advance[C, R] | None = None
