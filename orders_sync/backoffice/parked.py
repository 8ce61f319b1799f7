"""Parked work: orders, commands and stray messages that wait for a person, and its decisions."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, Self

from pydantic import TypeAdapter

from orders_sync.backoffice.accounts import account_of
from orders_sync.backoffice.order_report import CommandStatus, OrderStatus
from orders_sync.commands import first_step
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Dispatch
from orders_sync.ledger import Ledger
from orders_sync.ledger.decisions import (
    REFUSED_KEY,
    DecisionRefused,
)
from orders_sync.ledger.journal import Act
from orders_sync.ledger.searches import (
    CommandSearch,
    OrderSearch,
    PageEnd,
)
from orders_sync.outbound import decide
from orders_sync.settings import Settings

#: So many are taken at a time; another run takes the next.
_MOST = 10_000

#: Puts a message (queue, message) back on its queue.
PutBack = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class Parked:
    """An order, a command of one, or a stray message, which has neither order nor account."""

    account: str
    order_id: str
    command_id: str | None = None
    kind: str | None = None
    stray_id: str | None = None

    def __str__(self) -> str:
        if self.stray_id is not None:
            return f"stray message {self.stray_id}"
        what = f"{self.kind} {self.command_id} of " if self.command_id else ""
        return f"{what}order {self.order_id or '?'} of {self.account or '?'}"

    def as_object(self) -> dict[str, Any]:
        """Return its fields, for output as JSON."""
        return asdict(self)


class Hindrance(StrEnum):
    """Why something parked cannot be retried as it is."""

    NEEDS_EDIT = "needs edit"  # It was never accepted; a retry changes nothing.
    NEVER_SENT = "never sent"  # Nothing of its kind is sent to VTEX.


class ReturnRoute:
    """Puts messages back on their queues; connects to the broker at the first one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, queue: str, message: bytes) -> None:
        """Put a message unchanged at the end of a queue.

        Raises:
            ConfigurationError: no broker is set.
            DecisionRefused: it does not answer.
        """
        from orders_sync.broker.client import (  # noqa: PLC0415 - Celery is slow to import.
            BROKER_AWAY,
            broker_client,
        )

        try:
            with broker_client(self._app) as client:
                client.lpush(queue, message)
        except BROKER_AWAY as error:
            raise DecisionRefused(
                f"The broker does not answer ({type(error).__name__}), so the message is still "
                "parked. See: orders-sync doctor"
            ) from error

    @cached_property
    def _app(self) -> Any:
        from orders_sync.embedded.broker import with_broker  # noqa: PLC0415 - Celery is slow to import.
        from orders_sync.worker.app import client_app  # noqa: PLC0415

        return client_app(with_broker(self._settings))


@dataclass(frozen=True, slots=True)
class ParkedWork:
    """What is parked: how much by cause, and the latest orders and commands of it."""

    causes: Mapping[str, int]
    orders: Sequence[OrderStatus]
    commands: Sequence[CommandStatus]


def parked_work(
    ledger: Ledger, account: str | None, cause: str | None, *, limit: int
) -> ParkedWork:
    """Return the parked work of an account or of all, for a cause or for any."""
    accounts = None if account is None else [account]
    orders, commands = _latest(ledger, cause, accounts, limit)
    return ParkedWork(
        parked_causes(ledger, account, cause),
        [OrderStatus.model_validate(row) for row in orders],
        [CommandStatus.model_validate(row) for row in commands],
    )


def parked_causes(ledger: Ledger, account: str | None, cause: str | None) -> Mapping[str, int]:
    """Count what is parked of an account or of all by cause, for a cause or for any."""
    counts = ledger.searches.parked_counts(account)
    return {name: number for name, number in counts.items() if cause in {None, name}}


@dataclass(frozen=True, slots=True)
class ParkedEnd:
    """Where a page of parked work ends among orders, and among commands; None: before the first.

    Each has its own, since a database may sort ids by the rules of a language.
    """

    orders: PageEnd | None = None
    commands: PageEnd | None = None

    def to_text(self) -> str:
        """Return it as a text that a caller hands back for the next page."""
        return json.dumps([end and end.to_text() for end in (self.orders, self.commands)])

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read such a text.

        Raises:
            ValueError: it is none.
        """
        ends = _ENDS.validate_json(text)
        return cls(*(None if end is None else PageEnd.from_text(end) for end in ends))


_ENDS: Final = TypeAdapter(tuple[str | None, str | None])


@dataclass(frozen=True, slots=True)
class ParkedPage:
    """Some parked orders and commands, the latest changed first; `end` is None at the last."""

    rows: Sequence[OrderStatus | CommandStatus]
    end: ParkedEnd | None

    @classmethod
    def of(
        cls,
        orders: Sequence[dict[str, Any]],
        commands: Sequence[dict[str, Any]],
        limit: int,
        after: ParkedEnd,
    ) -> Self:
        """Return the latest `limit` of the latest `limit` orders and commands beyond a page."""
        both: list[OrderStatus | CommandStatus] = [
            *(OrderStatus.model_validate(row) for row in orders),
            *(CommandStatus.model_validate(row) for row in commands),
        ]
        rows = sorted(both, key=lambda row: row.updated_at, reverse=True)[:limit]
        if len(rows) < limit:
            return cls(rows, None)
        end = after
        for row in rows:
            if isinstance(row, CommandStatus):
                end = replace(end, commands=PageEnd(row.updated_at, row.id))
            else:
                end = replace(end, orders=PageEnd(row.updated_at, row.order_id))
        return cls(rows, end)


def parked_page(
    ledger: Ledger, account: str, cause: str | None, *, limit: int, after: ParkedEnd
) -> ParkedPage:
    """Return a page of the parked work of an account, for a cause or for any."""
    return ParkedPage.of(*_latest(ledger, cause, [account], limit, after), limit, after)


def _latest(
    ledger: Ledger,
    cause: str | None,
    accounts: Collection[str] | None,
    limit: int,
    after: ParkedEnd = ParkedEnd(),
) -> tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]]:
    """Return the rows of parked orders and of parked commands, the latest first."""
    standing = Standing.PARKED
    of_orders = OrderSearch(accounts=accounts, standing=standing, cause=cause)
    of_commands = CommandSearch(accounts=accounts, standing=standing, cause=cause)
    return (
        ledger.searches.latest_orders(of_orders, limit=limit, after=after.orders),
        ledger.searches.latest_commands(of_commands, limit=limit, after=after.commands),
    )


def parked_for(ledger: Ledger, cause: str, account: str | None) -> list[Parked]:
    """Return all that is parked for a cause, of one account or of all; strays are of none."""
    orders, commands = _latest(ledger, cause, None if account is None else [account], _MOST)
    strays = [] if account else ledger.strays.parked(reason=cause, limit=_MOST)
    return [
        *(Parked(row["account"], row["order_id"]) for row in orders),
        *(_command(row) for row in commands),
        *(_stray(row["id"]) for row in strays),
    ]


def named(ledger: Ledger, settings: Settings, its_id: str, account: str | None) -> Parked:
    """Return the command, the stray or the order of an id, parked or not.

    Raises:
        NotKnown: it may be an order's, of none or of several accounts.
    """
    row = ledger.inquiries.command(its_id)
    if row is not None:
        return _command(row)
    if ledger.strays.find(its_id) is not None:
        return _stray(its_id)
    return Parked(account_of(ledger, settings, its_id, account), its_id)


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """What a retry takes, and what it cannot, with why; `is_all` unless more is parked."""

    can: Sequence[Parked]
    cannot: Sequence[tuple[Parked, Hindrance]]
    is_all: bool


def plan_retry(
    ledger: Ledger, cause: str, accounts: Collection[str] | None, *, limit: int
) -> RetryPlan:
    """Return the plan of a retry of a cause, the latest first, for accounts or for all."""
    orders, commands = _latest(ledger, cause, accounts, limit)
    can = [Parked(row["account"], row["order_id"]) for row in orders]
    cannot: list[tuple[Parked, Hindrance]] = []
    for row in commands:
        hindrance = hindrance_of(row)
        if hindrance is None:
            can.append(_command(row))
        else:
            cannot.append((_command(row), hindrance))
    return RetryPlan(can[:limit], cannot, len(orders) < limit and len(commands) < limit)


def hindrance_of(command: Mapping[str, Any]) -> Hindrance | None:
    """Return why a parked command cannot be retried as it is; None where it can."""
    if first_step(command["kind"]) is None:
        return Hindrance.NEVER_SENT
    if command["key"].startswith(REFUSED_KEY):
        return Hindrance.NEEDS_EDIT
    return None


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """What was decided, and what was refused, with the message of the refusal."""

    done: Sequence[Parked]
    refused: Sequence[tuple[Parked, str]]


def decide_each(
    chosen: Sequence[Parked],
    decide_one: Callable[[Parked], Sequence[Dispatch]],
    dispatch: Callable[[Sequence[Dispatch]], None],
) -> DecisionResult:
    """Retry or discard each; one that is no longer parked is refused, and the others go on."""
    done: list[Parked] = []
    refused: list[tuple[Parked, str]] = []
    for parked in chosen:
        try:
            following = decide_one(parked)
        except DecisionRefused as error:
            refused.append((parked, str(error)))
            continue
        done.append(parked)
        dispatch(following)
    return DecisionResult(done, refused)


def retry(ledger: Ledger, parked: Parked, act: Act, *, put_back: PutBack) -> Sequence[Dispatch]:
    """Retry what is parked from the state that VTEX has now; return what to dispatch at once.

    Raises:
        DecisionRefused: it is not parked, or cannot be retried; the message says why.
    """
    if parked.stray_id is not None:
        ledger.strays.retry(parked.stray_id, put_back, act)
        return ()
    if parked.command_id is not None:
        return decide.retry(parked.command_id, ledger=ledger, act=act)
    return ledger.decisions.retry_order(parked.account, parked.order_id, act)


def discard(ledger: Ledger, parked: Parked, act: Act) -> Sequence[Dispatch]:
    """Discard what is parked; return the steps that waited for it, to dispatch.

    Raises:
        DecisionRefused: it is not parked, or is being worked on; the message says why.
    """
    if parked.stray_id is not None:
        ledger.strays.discard(parked.stray_id, act)
        return ()
    if parked.command_id is not None:
        return ledger.decisions.discard(parked.command_id, act)
    return ledger.decisions.discard_order(parked.account, parked.order_id, act)


def read_again(ledger: Ledger, account: str, order_id: str, act: Act) -> Sequence[Dispatch]:
    """Request a new read of an order; return what to dispatch at once."""
    return ledger.decisions.read_order(account, order_id, act)


def _command(row: dict[str, Any]) -> Parked:
    return Parked(row["account"], row["order_id"], row["id"], row["kind"])


def _stray(stray_id: str) -> Parked:
    return Parked(account="", order_id="", stray_id=stray_id)
