"""Outcomes told to an ERP: many at once where its adapter can, else one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import structlog

from orders_sync.errors import ErpUnavailable, WaitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orders_sync.domain.commands import Command, Outcome
    from orders_sync.erp.base import Erp

log = structlog.get_logger(__name__)

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

    def answer_all(self, answers: Sequence[CommandOutcome]) -> None:
        """Tell the ERP how far some of its commands are."""
        ...


def answer_all(
    erp: Erp, answers: Sequence[CommandOutcome]
) -> Iterator[tuple[Sequence[CommandOutcome], NotTaken]]:
    """Tell an ERP how far its commands are; any adapter will do.

    Yields each lot of answers once it was told, with those of it that the ERP did not take. They
    stop no other: where a lot is not taken as a whole, its answers are told one by one.

    Raises:
        ErpUnavailable: the ERP is away; lots that were yielded are told, the rest is not.
        WaitError: the ERP is left alone for a while, with the same consequence.
    """
    size = erp.answers_at_once if isinstance(erp, BulkErp) else 1
    for start in range(0, len(answers), size):
        lot = answers[start : start + size]
        yield lot, {} if _is_taken_whole(erp, lot) else _answer_each(erp, lot)


def _is_taken_whole(erp: Erp, lot: Sequence[CommandOutcome]) -> bool:
    if len(lot) == 1 or not isinstance(erp, BulkErp):
        return False
    try:
        erp.answer_all(lot)
    except (ErpUnavailable, WaitError):
        raise
    except Exception as error:  # noqa: BLE001 - an adapter may raise anything.
        log.warning("answers.not_taken_at_once", cause=type(error).__name__)
        return False
    return True


def _answer_each(erp: Erp, lot: Sequence[CommandOutcome]) -> NotTaken:
    not_taken: dict[str, type[Exception]] = {}
    for command, outcome in lot:
        try:
            erp.answer(command, outcome)
        except (ErpUnavailable, WaitError):
            raise
        except Exception as error:  # noqa: BLE001 - an adapter may raise anything.
            if command.key is not None:
                not_taken[command.key] = type(error)
    return not_taken
