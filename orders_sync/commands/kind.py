"""The kind of a command: all that the rest of the program needs to know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from orders_sync.commands.body import Body
from orders_sync.commands.verdicts import AlreadyInVtex, Known, Verdict
from orders_sync.domain.fulfilment import Fulfilment
from orders_sync.domain.steps import Queue, Step

#: What kinds conflict with: with all others of the order's goods, or with tracking of one invoice.
GOODS: Final = "goods"
TRACKING: Final = "tracking"


def _not_yet(_: Any, __: Known) -> Verdict | None:
    return None


def _needs_nothing(_: Any, __: Fulfilment, ___: Known) -> Verdict:
    return AlreadyInVtex("nothing is to be sent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of command.

    `name` is the command line's word, the producer's method, and with `orders_sync.` before it the
    name of the task for other services. `noun` is what a command of it is called in a sentence,
    `collection` the last word of its path in the HTTP API. `summary` says on one line what it does;
    `example` is a body. `argument` is the task's keyword that holds the body; None: the body's
    fields are keywords themselves. `step` is the first step on its way to VTEX; None: nothing is
    sent. `operations` are the calls of VTEX
    that `step` cannot do without. `line` says what it conflicts with; None: with nothing.

    `judge` says whether it may be sent, and what; `judge_early` may say so before the order was
    read.
    """

    name: str
    noun: str
    collection: str
    summary: str
    body: type[Body]
    example: Mapping[str, Any]
    argument: str | None = None
    step: Step | None = None
    operations: Sequence[str] = ()
    line: str | None = None
    judge: Callable[[Any, Fulfilment, Known], Verdict] = _needs_nothing
    judge_early: Callable[[Any, Known], Verdict | None] = _not_yet

    @property
    def task(self) -> str:
        """The name of the task by which other services ask for it."""
        return f"orders_sync.{self.name}"

    @property
    def queue(self) -> Queue:
        """The queue of its own, on which a flood of other kinds does not stand before it."""
        return self.step.queue if self.step else Queue.ORDERS

    def body_in(self, arguments: Mapping[str, Any]) -> Any:
        """Return the body that a task's arguments make; what is no object is returned as it is.

        Arguments that are no field are in it too, so that they are refused and not passed over.
        """
        if self.argument is None:
            return dict(arguments)
        body = arguments.get(self.argument)
        beside = {name: value for name, value in arguments.items() if name != self.argument}
        if not isinstance(body, Mapping):
            return body
        twice = {f"{n}, given twice": v for n, v in beside.items() if body.get(n, v) != v}
        return {**beside, **body, **twice}
