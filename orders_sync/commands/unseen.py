"""What VTEX took or may have taken, and the order that was read does not show."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from orders_sync.commands.intents import Intent
from orders_sync.commands.verdicts import DoneChange, Known, Wait
from orders_sync.domain.fulfilment import (
    AppliedChange,
    ChangedItem,
    Fulfilment,
    InvoiceType,
)
from orders_sync.domain.invoice_number import is_same_number

if TYPE_CHECKING:
    from orders_sync.commands.body import Quantity
    from orders_sync.commands.change import ChangeBody, NewItem


@dataclass(frozen=True, slots=True)
class UnseenInvoices:
    """Invoices that the order does not show.

    VTEX took `sent_cents` of them for certain, and perhaps `open_cents`. `wait` lasts until VTEX
    shows them; None where there is nothing more to wait for.
    """

    sent_cents: int
    open_cents: int
    wait: Wait | None


def unseen_invoices(
    order: Fulfilment, known: Known, kind: InvoiceType, *, but: str | None = None
) -> UnseenInvoices:
    """Return the invoices of a kind of the order's other commands, `but` those of one number."""
    sent = [
        invoice
        for number, invoice in known.sent_invoices.items()
        if invoice.type == kind and not _is(number, but) and order.package(number) is None
    ]
    undecided = [
        intent
        for intent in known.open_intents("invoice")
        if intent.content == kind and not _is(intent.number, but) and not _shows(order, intent)
    ]
    return UnseenInvoices(
        sent_cents=sum(invoice.value_cents for invoice in sent),
        open_cents=sum(intent.value_cents or 0 for intent in undecided),
        wait=known.wait_until_shown(
            "another invoice does not show in VTEX yet",
            *(invoice.sent_at for invoice in sent),
            *(intent.at for intent in undecided),
        ),
    )


def _is(number: str | None, other: str | None) -> bool:
    return number is not None and other is not None and is_same_number(number, other)


def _shows(order: Fulfilment, invoice: Intent) -> bool:
    return invoice.number is not None and order.package(invoice.number) is not None


def wait_for_open_invoices(order: Fulfilment, known: Known) -> Wait | None:
    """Return the wait until it is known whether VTEX took invoices whose answers were lost."""
    times = [i.at for i in known.open_intents("invoice") if not _shows(order, i)]
    return known.wait_until_shown("an invoice may be in VTEX and does not show yet", *times)


def wait_for_changes(order: Fulfilment, known: Known) -> Wait | None:
    """Return the wait until the order shows the changes that VTEX made or may have made."""
    unseen, others = _match(known.done_changes, order.changes)
    shown = set(map(digest_of_applied, others))
    return known.wait_until_shown(
        "a change of the order does not show in VTEX yet",
        *(change.done_at for change in unseen),
        *(i.at for i in known.open_intents("change") if i.content not in shown),
    )


def shows_change(order: Fulfilment, known: Known, digest: str | None) -> bool:
    """Check whether the order shows a change that is none of the done ones of other commands."""
    _, others = _match(known.done_changes, order.changes)
    return digest in set(map(digest_of_applied, others))


def wait_for_cancellation(known: Known) -> Wait | None:
    """Return the wait until the order shows a cancellation that VTEX took or may have taken."""
    return known.wait_until_shown(
        "a cancellation of the order does not show in VTEX yet",
        known.cancelled_at,
        *(intent.at for intent in known.open_intents("cancel")),
    )


def _match(
    done: Iterable[DoneChange], shown: Iterable[AppliedChange]
) -> tuple[list[DoneChange], list[AppliedChange]]:
    """Return the done changes that are not shown, and the shown ones that are none of them.

    An order's document names no request id, so the reason has to tell the changes apart.
    """
    unmatched = list(shown)
    unseen: list[DoneChange] = []
    for change in done:
        alike = [applied for applied in unmatched if _reason(applied) == change.reason]
        if alike:
            unmatched.remove(alike[0])
        else:
            unseen.append(change)
    return unseen, unmatched


def _reason(change: AppliedChange) -> str:
    return (change.reason or "").strip()


def digest_of(change: ChangeBody) -> str:
    """Return what tells a change from others, as far as an order's document shows it."""
    added = [*change.add, *(item for swap in change.replace for item in swap.to)]
    removed = [*change.remove, *(item for swap in change.replace for item in swap.from_)]
    return _digest(change.reason, added, removed)


def digest_of_applied(change: AppliedChange) -> str:
    """Return the digest of a change that the order shows."""
    return _digest(_reason(change), change.added, change.removed)


def _digest(
    reason: str,
    added: Iterable[Quantity | NewItem | ChangedItem],
    removed: Iterable[Quantity | NewItem | ChangedItem],
) -> str:
    content = [reason, _quantities(added), _quantities(removed)]
    return sha256(json.dumps(content).encode()).hexdigest()


def _quantities(items: Iterable[Quantity | NewItem | ChangedItem]) -> list[tuple[str, int]]:
    quantities: Counter[str] = Counter()
    for item in items:
        quantities[item.sku or ""] += item.quantity
    return sorted(quantities.items())
