"""Where an order is and why, in one sentence, and what a person can type next. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from orders_sync.commands import noun_of
from orders_sync.commands.sync import SYNC
from orders_sync.domain.rules import OPEN, Progress, Standing
from orders_sync.domain.words import at, count_of, in_words
from orders_sync.terminal import command_line, order_command

#: What is due is dispatched within seconds, unless its gate is closed or nobody serves its queue.
_OVERDUE: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A sentence about an order, and the commands that a person may type."""

    sentence: str
    do: tuple[str, ...] = ()


class Situation(StrEnum):
    """What happens with an order next."""

    PARKED = "parked"  # A person decides.
    VOID = "void"  # Nobody fulfils it.
    KNOWN = "known"  # The ERP has it, and VTEX knows.
    NOT_OURS = "not ours"  # It was finished without us, or never read.
    TAKEN = "taken"  # A worker has it.
    OVERDUE = "overdue"  # It is due, and no worker took it.
    WAITING = "waiting"  # Its next try has a time.
    QUEUED = "queued"  # Its step is on its queue.


def situation_of(order: Mapping[str, Any], *, now: datetime) -> Situation:
    """Return what happens with an order of the ledger next."""
    standing, due, lease = Standing(order["standing"]), order["due_at"], order["lease_until"]
    if standing is Standing.PARKED:
        return Situation.PARKED
    if standing is Standing.VOID:
        return Situation.VOID
    if standing is Standing.DONE:
        is_known = order["progress"] == Progress.HANDLING
        return Situation.KNOWN if is_known else Situation.NOT_OURS
    if lease is not None and lease > now:
        return Situation.TAKEN
    if due is not None and due + _OVERDUE < now:
        return Situation.OVERDUE
    is_waiting = standing is Standing.WAITING and due is not None
    return Situation.WAITING if is_waiting else Situation.QUEUED


def counted(commands: Sequence[Mapping[str, Any]]) -> Mapping[Standing, Mapping[str, int]]:
    """Count an order's commands by standing and kind; reads of it are none of VTEX's affairs."""
    counts: dict[Standing, Counter[str]] = {}
    for row in commands:
        if row["kind"] != SYNC.name:
            counts.setdefault(Standing(row["standing"]), Counter())[row["kind"]] += 1
    return counts


def whereabouts(
    order: Mapping[str, Any], commands: Sequence[Mapping[str, Any]], *, now: datetime
) -> Whereabouts:
    """Say where an order of the ledger is, and how far that is what VTEX shall be told of it."""
    where = _of_order(order, now)
    counts = counted(commands)
    sentences = [
        where.sentence,
        _told(counts, (Standing.DONE,), "is done", "are done"),
        _told(counts, OPEN, "is on its way", "are on their way"),
        _told(counts, (Standing.PARKED,), "waits for a person", "wait for a person"),
    ]
    do = [
        *where.do,
        *(
            command_line("orders-sync", "parked", "show", row["id"])
            for row in commands
            if row["standing"] == Standing.PARKED
        ),
    ]
    return Whereabouts(" ".join(filter(None, sentences)), tuple(do))


def _told(
    counts: Mapping[Standing, Mapping[str, int]],
    standings: Collection[Standing],
    is_: str,
    are: str,
) -> str | None:
    """Return how many commands of each kind have one of the standings; None where none has."""
    kinds: Counter[str] = Counter()
    for standing in standings:
        kinds.update(counts.get(standing, {}))
    if not kinds:
        return None
    numbers = [count_of(number, noun_of(kind)) for kind, number in kinds.items()]
    said = " and ".join(filter(None, [", ".join(numbers[:-1]), numbers[-1]]))
    return f"{said} {is_ if kinds.total() == 1 else are}."


def _of_order(order: Mapping[str, Any], now: datetime) -> Whereabouts:
    step, due = order["next_step"], order["due_at"]
    match situation_of(order, now=now):
        case Situation.PARKED:
            return _parked(order)
        case Situation.VOID:
            why = (order["reason"] or "it was cancelled").rstrip(".")
            return Whereabouts(f"It is void, and nobody fulfils it. {why[:1].upper()}{why[1:]}.")
        case Situation.KNOWN:
            known = f" as {order['erp_reference']}" if order["erp_reference"] else ""
            return Whereabouts(f"Done: the ERP has it{known}, and VTEX knows.")
        case Situation.NOT_OURS:
            return Whereabouts("Nothing is left to do; it was finished without us, or never read.")
        case Situation.TAKEN:
            until = at(order["lease_until"])
            return Whereabouts(f"A worker has it now, until {until} at the latest.")
        case Situation.OVERDUE:
            late = in_words((now - due).total_seconds())
            return Whereabouts(
                f"{step} is due for {late}, and no worker took it. Its account may be kept from "
                "calling, or no worker serves its queue.",
                ("orders-sync doctor",),
            )
        case Situation.WAITING:
            return _waiting(order, now)
        case Situation.QUEUED:
            return Whereabouts(f"{step} is on its queue, and is put there again if it gets lost.")


def _parked(order: Mapping[str, Any]) -> Whereabouts:
    since = at(order["updated_at"])
    return Whereabouts(
        f"Parked since {since}: it waits for a person.",
        (
            _command("parked retry", order),
            _command("parked discard --reason ...", order),
        ),
    )


def _waiting(order: Mapping[str, Any], now: datetime) -> Whereabouts:
    due = order["due_at"]
    tries = f", after {order['attempts']} failed tries" if order["attempts"] else ""
    soon = in_words(max((due - now).total_seconds(), 0.0))
    return Whereabouts(
        f"Waits for its next try of {order['next_step']} at {at(due)}, in {soon}{tries}.",
        (_command("orders sync", order),),
    )


def _command(command: str, order: Mapping[str, Any]) -> str:
    return order_command(command, order["order_id"], order["account"])
