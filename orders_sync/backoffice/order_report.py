"""The report of one order from the ledger: where it is and why, and all its rows.

Programs may rely on the names of the fields.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from orders_sync.commands import noun_of
from orders_sync.commands.sync import SYNC
from orders_sync.domain.rules import OPEN, Progress, Standing
from orders_sync.domain.words import at, count_of, in_words
from orders_sync.errors import Unreadable
from orders_sync.ledger import Ledger
from orders_sync.terminal import command_line, order_command
from orders_sync.vtex.translate import order as read_order
from orders_sync.worker.calls import cause_behind

#: What is due is dispatched within seconds, unless its gate is closed or nobody serves its queue.
_OVERDUE: Final = timedelta(seconds=30)
_MOST_COMMANDS: Final = 1000


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class _Waiting(_Row):
    """What may wait, with the cause behind an open breaker in place of the breaker."""

    @field_validator("cause", check_fields=False)
    @classmethod
    def _behind(cls, cause: str | None, info: ValidationInfo) -> str | None:
        return cause and cause_behind(info.data["next_step"] or "", cause)


class OrderStatus(_Waiting):
    """An order of the ledger: how far it is, and why it waits.

    `status` is VTEX's when the order was read for itself, and `latest_status` in any read since.
    `revision` counts what changed of it since the hand-over, and `erp_revision` is what its ERP has
    of that; None where its ERP takes no changes.
    """

    account: str
    order_id: str
    status: str | None
    latest_status: str | None
    progress: str
    standing: Standing
    next_step: str | None
    due_at: datetime | None
    attempts: int
    failing_since: datetime | None
    cause: str | None
    reason: str | None
    hint: str | None
    erp_reference: str | None
    revision: int | None
    erp_revision: int | None
    lease_owner: str | None
    lease_until: datetime | None
    first_seen_at: datetime
    updated_at: datetime


class CommandStatus(_Waiting):
    """A command of the ledger: how far it is, and why it waits; its body is left out."""

    id: str
    account: str
    order_id: str
    kind: str
    asked_key: str | None
    source: str
    caller: str | None
    progress: str
    standing: Standing
    outcome: str
    told: str | None
    next_step: str | None
    receipt: str | None
    vtex_number: str | None
    value_cents: int | None
    due_at: datetime | None
    attempts: int
    cause: str | None
    reason: str | None
    hint: str | None
    created_at: datetime
    retried_at: datetime | None
    updated_at: datetime


class EventSeen(_Row):
    """An event of VTEX's feed or hook, and when it was acknowledged."""

    event_id: str | None
    domain: str | None
    state: str | None
    last_state: str | None
    current_change: str | None
    first_seen_at: datetime
    delivered_at: datetime
    deliveries: int
    acknowledged_at: datetime | None
    asks_nothing: bool
    problem: str | None

    @property
    def changed_at(self) -> datetime:
        """When VTEX says that its change was made, or else when it was first seen."""
        try:
            moment = datetime.fromisoformat(self.current_change or "")
        except ValueError:
            return self.first_seen_at
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class JournalEntry(_Row):
    """Something that happened with an order."""

    at: datetime
    what: str
    step: str | None
    attempt: int | None
    seconds: float | None
    task_id: str | None
    note: str | None


class ActDone(_Row):
    """Something that a person did about an order."""

    at: datetime
    who: str
    did: str
    why: str | None


class StoryReckoning(_Row):
    """How the order's parts add up to its value, in cents."""

    value_cents: int
    currency: str | None
    lines_cents: int
    services_cents: int
    freight_cents: int
    discounts_cents: int
    tax_cents: int
    changes_cents: int
    other_cents: int
    difference_cents: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A sentence about an order, and the commands that a person may type."""

    sentence: str
    do: tuple[str, ...] = ()


class Story(_Row):
    """All that the ledger knows of an order, without its document and its commands' bodies."""

    order: OrderStatus | None
    whereabouts: Whereabouts | None
    document_read_at: datetime | None
    reckoning: StoryReckoning | None
    events: tuple[EventSeen, ...]
    commands: tuple[CommandStatus, ...]
    journal: tuple[JournalEntry, ...]
    acts: tuple[ActDone, ...]


def story_of(ledger: Ledger, account: str, order_id: str, *, now: datetime) -> Story | None:
    """Return all that the ledger knows of an order; None where that is nothing."""
    inquiries = ledger.inquiries
    order, events, journal = inquiries.story(account, order_id)
    latest = inquiries.list_commands(account=account, order_id=order_id, limit=_MOST_COMMANDS)
    if order is None and not latest:
        return None
    commands = sorted(latest, key=lambda row: (row["created_at"], row["id"]))
    document = ledger.orders.document(account, order_id)
    seen = [EventSeen.model_validate(event) for event in events]
    return Story(
        order=None if order is None else OrderStatus.model_validate(order),
        whereabouts=None if order is None else whereabouts(order, commands, now=now),
        document_read_at=document.read_at if document else None,
        reckoning=_reckoning(account, document.body) if document else None,
        events=tuple(sorted(seen, key=lambda event: event.changed_at)),
        commands=tuple(CommandStatus.model_validate(command) for command in commands),
        journal=tuple(JournalEntry.model_validate(entry) for entry in journal),
        acts=tuple(ActDone.model_validate(act) for act in inquiries.acts(account, order_id)),
    )


def as_object(model: type[BaseModel], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with the fields that programs may rely on."""
    return model.model_validate(row).model_dump()


def _reckoning(account: str, document: bytes) -> StoryReckoning | None:
    """Return how the order adds up to its value; None where its document cannot be read."""
    try:
        order = read_order(account, document)
    except Unreadable:
        return None
    parts = asdict(order.reckoning)
    return StoryReckoning(value_cents=order.value_cents, currency=order.currency, **parts)


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


def command_counts(commands: Sequence[Mapping[str, Any]]) -> Mapping[Standing, Mapping[str, int]]:
    """Count an order's commands by standing and kind, without reads, which VTEX does not see."""
    counts: dict[Standing, Counter[str]] = {}
    for row in commands:
        if row["kind"] != SYNC.name:
            counts.setdefault(Standing(row["standing"]), Counter())[row["kind"]] += 1
    return counts


def whereabouts(
    order: Mapping[str, Any], commands: Sequence[Mapping[str, Any]], *, now: datetime
) -> Whereabouts:
    """Return a sentence about where an order is, and about its commands for VTEX."""
    where = _order_sentence(order, now)
    counts = command_counts(commands)
    sentences = [
        where.sentence,
        _count_sentence(counts, (Standing.DONE,), "is done", "are done"),
        _count_sentence(counts, OPEN, "is on its way", "are on their way"),
        _count_sentence(counts, (Standing.PARKED,), "waits for a person", "wait for a person"),
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


def _count_sentence(
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
    numbered = " and ".join(filter(None, [", ".join(numbers[:-1]), numbers[-1]]))
    return f"{numbered} {is_ if kinds.total() == 1 else are}."


def _order_sentence(order: Mapping[str, Any], now: datetime) -> Whereabouts:
    step, due = order["next_step"], order["due_at"]
    match situation_of(order, now=now):
        case Situation.PARKED:
            return _parked(order)
        case Situation.VOID:
            why = (order["reason"] or "it was cancelled").rstrip(".")
            return Whereabouts(f"It is void, and nobody fulfils it. {why[:1].upper()}{why[1:]}.")
        case Situation.KNOWN:
            reference = f" as {order['erp_reference']}" if order["erp_reference"] else ""
            return Whereabouts(f"Done: the ERP has it{reference}, and VTEX knows.")
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
