"""The port to an ERP: seven questions, each with the promise its answer keeps.

Every call may come twice, and on two processes at once: a worker may die after the ERP did what
it was asked and before anybody wrote that down. So each method is repeatable, and says how.

An adapter raises `ErpUnavailable` (try again later), `ErpRefused` (a person decides), or
`ItemUnmapped` or `ErpUnmapped` (a person maps what is named). Any message it raises is logged, so
none may carry a name, a document, an address or an e-mail.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, runtime_checkable

from orders_sync.domain.commands import Command, Outcome, Page
from orders_sync.erp.mapping import ErpMapping, MappingTables
from orders_sync.erp.tokens import NoTokens, TokenStore
from orders_sync.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from orders_sync.domain.differences import Changes
    from orders_sync.domain.order import Order

#: A command of an ERP's, and how far it is.
CommandOutcome: TypeAlias = tuple[Command, Outcome]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The ERP has the order; `reference` is the ERP's own number or key for it."""

    reference: str


class CancelAnswer(StrEnum):
    """What the ERP says to a cancellation that VTEX already decided."""

    CANCELLED = "cancelled"  # Nobody will fulfil the order.
    TOO_LATE = "too_late"  # It is being fulfilled; a person has to stop it.
    UNKNOWN = "unknown"  # The ERP had no such order, and will not accept it any more.


class ChangeAnswer(StrEnum):
    """What the ERP says to a change of an order that it has."""

    TAKEN = "taken"  # The ERP has the order as it is.
    TOO_LATE = "too_late"  # The ERP can change the order no more; a person has to see to it.
    IGNORED = "ignored"  # Nothing of it matters to the ERP.


class Verdict(StrEnum):
    """The three things an ERP can say to a customer's wish to cancel."""

    AGREE = "agree"
    DENY = "deny"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the ERP says to a requested cancellation; `reason` is shown to the customer."""

    verdict: Verdict
    reason: str | None = None

    @classmethod
    def agree(cls) -> Decision:
        """Return the answer that the order may be cancelled."""
        return cls(Verdict.AGREE)

    @classmethod
    def deny(cls, reason: str) -> Decision:
        """Return the answer that the order stays, with the reason for the customer."""
        return cls(Verdict.DENY, reason)

    @classmethod
    def undecided(cls) -> Decision:
        """Return the answer that a person or a later call decides."""
        return cls(Verdict.UNDECIDED)


@runtime_checkable
class Erp(Protocol):
    """An ERP as orders_sync sees it.

    One instance is built for each account in each worker process, and all threads of the process
    share it: it must be thread-safe, and keep nothing in memory that another process needs.
    """

    def place_order(self, order: Order) -> Receipt:
        """Put the order into the ERP, once.

        Promise: the same order id again, from anywhere, gives the same receipt and no second
        order; also after a crash. An order that was cancelled before, whether the ERP had it then
        or not, gets its receipt and stays cancelled.
        """
        ...

    @property
    def takes_changes(self) -> bool:
        """Whether `order_changed` is to be asked; nothing is compared for an ERP that says no."""
        ...

    def order_changed(self, order: Order, what: Changes) -> ChangeAnswer:
        """Change an order that was placed to what VTEX has; `what` says what differs.

        Promise: repeatable. A revision that was taken answers `TAKEN` again and is not taken
        twice; one that is not above the revision that the ERP has changes nothing, since a call
        that hung may go through after a later one. Nothing is taken in part. An order that is
        cancelled stays cancelled, and one that the ERP does not have is refused, never made.
        """
        ...

    def cancel_order(self, order_id: str, reason: str) -> CancelAnswer:
        """Stop the order in the ERP, because it is cancelled in VTEX.

        Promise: repeatable; an order that is cancelled already answers `CANCELLED` again. An
        order that the ERP does not have is remembered as cancelled for good, since a call that
        places it may be under way; see `place_order`.
        """
        ...

    def consider_cancellation(self, order: Order) -> Decision:
        """Decide whether the order may still be cancelled, and cancel nothing yet.

        Promise: it may be asked any number of times; an answer other than undecided stands. So an
        ERP that agrees does not begin to fulfil the order afterwards.
        """
        ...

    def pull(self, cursor: str | None) -> Page[Command]:
        """Read what the ERP wants VTEX to know, from `cursor` on (None: from the start).

        Promise: only reads; the same cursor gives the same commands again, each under the same
        key, until they were answered. What the ERP wrote is not judged: a command that makes no
        sense is given as it is, so that it is refused and the ERP is told why.
        """
        ...

    def answer(self, command: Command, outcome: Outcome) -> None:
        """Write to the ERP how far one of its commands is; `key` says which.

        Promise: the same outcome again changes nothing, a command that is done is never taken
        back, and a key that the ERP does not know is passed over.
        """
        ...

    def check(self) -> str | None:
        """Check whether the ERP can take orders now.

        Return what the first use will make there, as the end of a sentence; None if nothing.

        Promise: only reads; nothing is made, changed or kept locked.

        Raises:
            ErpUnavailable: The ERP cannot be reached.
            ConfigurationError: It can be, and something there must be put right first.
        """
        ...

    def close(self) -> None:
        """Close connections; the instance is not used again.

        Promise: a second call does nothing.
        """
        ...


@runtime_checkable
class BulkErp(Protocol):
    """An ERP that takes many outcomes with one call; see `ErpBase.answer_all`."""

    @property
    def answers_at_once(self) -> int:
        """Return how many outcomes one call takes."""
        ...

    def answer_all(self, answers: Sequence[CommandOutcome]) -> None:
        """Write to the ERP how far some of its commands are."""
        ...


class ErpBase(ABC):
    """The base of most adapters: write `place_order` and `cancel_order`, the rest has defaults.

    `options` is the account's `ERP_OPTIONS`; `known_options` names what may be in it. `home` is
    the folder for files that must outlive the process.
    """

    known_options: ClassVar[frozenset[str]] = frozenset()

    #: Where OAuth tokens are kept that change with each use; given once the adapter is built.
    tokens: TokenStore = NoTokens()

    #: What VTEX's carriers, payments and SKUs are in the ERP; given once the adapter is built.
    mapping: ErpMapping = MappingTables()

    #: Whether it ever asks `mapping`; where not, `doctor` warns of a file that has no effect.
    asks_mapping: ClassVar[bool] = True

    #: How many outcomes `answer_all` takes with one call.
    answers_at_once: ClassVar[int] = 1

    def __init__(self, account: str, options: Mapping[str, Any], home: Path) -> None:
        unknown = sorted(set(options) - self.known_options)
        if unknown:
            takes = ", ".join(sorted(self.known_options)) or "none"
            raise ConfigurationError(f"unknown option {', '.join(unknown)}; it takes {takes}")
        self.account = account
        self.options = options
        self.home = home

    @abstractmethod
    def place_order(self, order: Order) -> Receipt:
        """Put the order into the ERP, once; see `Erp.place_order`."""

    @abstractmethod
    def cancel_order(self, order_id: str, reason: str) -> CancelAnswer:
        """Stop the order in the ERP; see `Erp.cancel_order`."""

    def asks_erp(self, method: str) -> bool:
        """Check whether a method asks the ERP anything: one that was left as it is does not."""
        return getattr(type(self), method) is not getattr(ErpBase, method)

    @property
    def takes_changes(self) -> bool:
        """Return whether `order_changed` was written."""
        return self.asks_erp("order_changed")

    def order_changed(self, order: Order, what: Changes) -> ChangeAnswer:  # noqa: ARG002 -- the default looks at nothing
        """Ignore what changes after the hand-over."""
        return ChangeAnswer.IGNORED

    def consider_cancellation(self, order: Order) -> Decision:  # noqa: ARG002 -- the default looks at nothing
        """Leave every requested cancellation to a person."""
        return Decision.undecided()

    def pull(self, cursor: str | None) -> Page[Command]:  # noqa: ARG002 -- the default reads nothing
        """Return an empty page."""
        return Page(rows=(), cursor=None)

    def answer(self, command: Command, outcome: Outcome) -> None:  # noqa: B027 -- optional, not forgotten
        """Do nothing with the outcome."""

    def answer_all(self, answers: Sequence[CommandOutcome]) -> None:
        """Write to the ERP up to `answers_at_once` outcomes, in their order; see `Erp.answer`.

        After any error but `ErpUnavailable` they are written one by one.
        """
        for command, outcome in answers:
            self.answer(command, outcome)

    def check(self) -> str | None:
        """Return None, as if the ERP were there."""
        return None

    def unserved(self, accounts: Collection[str]) -> Mapping[str, int]:  # noqa: ARG002 -- the default looks at nothing
        """Count the commands that wait for accounts which are none of these; none by default."""
        return {}

    def close(self) -> None:  # noqa: B027 -- optional, not forgotten
        """Do nothing: there are no connections."""
