"""Outcomes told to an ERP: many at once where its adapter can, else one by one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from orders_sync.errors import ErpUnavailable, WaitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orders_sync.domain.commands import Command, Outcome
    from orders_sync.erp.base import Erp

CommandOutcome: TypeAlias = "tuple[Command, Outcome]"

#: The keys of what an ERP did not take, each with the type of the exception that it met.
NotTaken: TypeAlias = "Mapping[str, type[Exception]]"


@runtime_checkable
class BulkErp(Protocol):
    """An ERP that takes many outcomes with one call; see `ErpBase.answer_all`."""

    @property
    def answers_at_once(self) -> int:
        """Return how many outcomes one call takes."""
        ...

    def answer_all(self, answers: Sequence[CommandOutcome]) -> NotTaken:
        """Tell the ERP how far some of its commands are."""
        ...


def answer_all(
    erp: Erp, answers: Sequence[CommandOutcome]
) -> Iterator[tuple[Sequence[CommandOutcome], NotTaken]]:
    """Tell an ERP how far its commands are; any adapter will do.

    Yields each lot of answers once it was told, with those of it that the ERP did not take.

    Raises:
        ErpUnavailable: the ERP is away; lots that were yielded are told, the rest is not.
        WaitError: the ERP is left alone for a while, with the same consequence.
    """
    tell: Callable[[Sequence[CommandOutcome]], NotTaken] = partial(answer_each, erp)
    size = 1
    if isinstance(erp, BulkErp):
        tell, size = erp.answer_all, erp.answers_at_once
    for start in range(0, len(answers), size):
        lot = answers[start : start + size]
        yield lot, tell(lot)


def answer_each(erp: Erp, answers: Sequence[CommandOutcome]) -> NotTaken:
    """Tell an ERP how far its commands are, one by one; return those that it did not take.

    Raises:
        ErpUnavailable: the ERP is away; the answers before that one are told.
        WaitError: the ERP is left alone for a while, with the same consequence.
    """
    not_taken: dict[str, type[Exception]] = {}
    for command, outcome in answers:
        try:
            erp.answer(command, outcome)
        except (ErpUnavailable, WaitError):
            raise
        except Exception as error:  # noqa: BLE001 - an adapter may raise anything.
            if command.key is not None:
                not_taken[command.key] = type(error)
    return not_taken
