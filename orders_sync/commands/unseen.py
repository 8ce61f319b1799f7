"""Effects that VTEX took or may have taken, and that the order does not show yet."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from orders_sync.commands.verdicts import DoneChange, Intent, Known, SentInvoice, Wait
from orders_sync.domain.fulfilment import (
    AppliedChange,
    ChangedItem,
    Fulfilment,
    InvoiceType,
    Package,
    PackageItem,
)
from orders_sync.domain.invoice_number import is_same_number

if TYPE_CHECKING:
    from orders_sync.commands.body import Quantity
    from orders_sync.commands.change import ChangeBody, NewItem

_UNSEEN: Final = "another invoice does not show in VTEX yet"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The order as it is once VTEX shows the invoices that it has taken.

    `wait` lasts until that can be told: of an invoice whose answer was lost it is not known whether
    VTEX took it, of one for "the rest" not which pieces; None where nothing is to be waited for.
    """

    order: Fulfilment
    wait: Wait | None


def foresee(order: Fulfilment, known: Known, kind: InvoiceType, *, but: str) -> Foreseen:
    """Count the invoices of a kind in that VTEX has taken and does not show, `but` one number."""
    sent = [n for n in _unseen(order, known, kind) if not is_same_number(n, but)]
    invoices = [known.sent_invoices[number] for number in sent]
    undecided = [
        intent.at
        for intent in known.open_intents("invoice")
        if intent.content == kind
        and not is_same_number(intent.number or "", but)
        and not _shows(order, intent)
    ]
    unclear = [i.sent_at for i in invoices if i.body is None or i.body.items is None]
    packages = [_as_shown(number, known.sent_invoices[number], order) for number in sent]
    return Foreseen(
        replace(order, packages=(*order.packages, *packages)),
        known.wait_until_shown(_UNSEEN, *unclear, *undecided),
    )


def wait_for_invoices(order: Fulfilment, known: Known) -> Wait | None:
    """Return the wait until the order shows the sales that VTEX took or may have taken."""
    sent = [known.sent_invoices[number].sent_at for number in _unseen(order, known, "Output")]
    undecided = [i.at for i in known.open_intents("invoice") if not _shows(order, i)]
    return known.wait_until_shown(_UNSEEN, *sent, *undecided)


def _unseen(order: Fulfilment, known: Known, kind: InvoiceType) -> list[str]:
    return [
        number
        for number, invoice in known.sent_invoices.items()
        if invoice.type == kind and order.package(number) is None
    ]


def _as_shown(number: str, invoice: SentInvoice, order: Fulfilment) -> Package:
    """Return the package that VTEX will show of an invoice."""
    asked = (invoice.body.items or ()) if invoice.body else ()
    named = [(order.lines_of(item.line_id, item.sku), item.quantity) for item in asked]
    items = [PackageItem(lines[0].index, quantity, 0) for lines, quantity in named if lines]
    return Package(number, invoice.type, invoice.value_cents, tuple(items))


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
