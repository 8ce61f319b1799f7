"""What codes of ours are called on a page, in English: the catalogues have the other languages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orders_sync.backoffice.order_report import Situation
from orders_sync.domain.amounts import Reason
from orders_sync.domain.rules import Action, Progress


def N_(text: str) -> str:  # noqa: N802 - gettext's own name of what marks a text.
    """Mark a text for the catalogues."""
    return text


CAUSES: Final = MappingProxyType({
    "account.disabled": N_("The account is disabled"),
    "account.unknown": N_("The account is not configured"),
    "account.unusable": N_("The account cannot be used as it is kept"),
    "cancel.incomplete": N_("The order to cancel is not complete in VTEX"),
    "cancel.invoiced": N_("The order to cancel is invoiced already"),
    "cancel.requested": N_("A cancellation was requested and is not decided"),
    "change.cancelled_by_vtex": N_("VTEX cancelled the change"),
    "change.item_unclear": N_("The change names a line that is not clear"),
    "change.lost": N_("VTEX does not know the change any more"),
    "change.order_closed": N_("The order takes no more changes"),
    "change.quantity_exceeded": N_("The change removes more than there is"),
    "change.running": N_("Another change is under way"),
    "command.closed": N_("Another command did it"),
    "command.discarded": N_("A person gave it up"),
    "command.invalid": N_("A field of the command is wrong"),
    "command.key_conflict": N_("Its key is another command's"),
    "command.too_large": N_("The command is too large"),
    "command.waited_too_long": N_("The order did not get ready in time"),
    "deny.cancelled": N_("The order is cancelled, and there is nothing to deny"),
    "deny.not_requested": N_("No cancellation was requested"),
    "deny.own_request": N_("The cancellation to deny is our own"),
    "deny.request_unknown": N_("The order does not show the requested cancellation"),
    "erp.cancelled_too_late": N_("VTEX cancelled it after the ERP had begun"),
    "erp.changed_too_late": N_("VTEX changed it after the ERP could change it"),
    "erp.item_unmapped": N_("The ERP has no product for a SKU"),
    "erp.mapping_unusable": N_("The account's mapping file cannot be read"),
    "erp.refused": N_("The ERP refused the order"),
    "erp.tokens_busy": N_("The ERP's tokens are being renewed"),
    "erp.tokens_unusable": N_("The ERP's tokens are of no use"),
    "erp.unavailable": N_("The ERP does not answer"),
    "erp.unmapped": N_("The mapping file lacks a carrier or a payment"),
    "invoice.differs": N_("VTEX has the invoice with other content"),
    "invoice.item_unknown": N_("The invoice names an item that the order has not"),
    "invoice.number_taken": N_("The invoice number is taken"),
    "invoice.number_unclear": N_("The invoice number may be of several invoices"),
    "invoice.order_cancelled": N_("The order to invoice is cancelled"),
    "invoice.over_invoiced": N_("More is invoiced than the order is worth"),
    "invoice.over_returned": N_("More is returned than was invoiced"),
    "invoice.quantity_exceeded": N_("The invoice names more pieces than are left"),
    "invoice.return_without_items": N_("The return has neither items nor a value"),
    "invoice.tracking_differs": N_("The invoice has other tracking in VTEX"),
    "invoice.without_items": N_("The invoice names no items"),
    "invoice.worth_nothing": N_("The invoice is worth nothing"),
    "ledger.unavailable": N_("The ledger does not answer"),
    "line.behind": N_("It is behind another command of the order"),
    "line.held": N_("It is behind a command that waits for a person"),
    "order.discarded": N_("A person gave the order up"),
    "order.forgotten": N_("The order was forgotten"),
    "order.not_ready": N_("The order is not ready for it"),
    "parked": N_("It waits for a person"),
    "retryable": N_("A call failed"),
    "row.unreadable": N_("This version cannot read it"),
    "tracking.number_missing": N_("The tracking has no number"),
    "tracking.number_unroutable": N_("VTEX cannot take tracking for this invoice number"),
    "tracking.order_cancelled": N_("The order to track is cancelled"),
    "traffic.breaker": N_("Calls rest, since they failed"),
    "traffic.budget": N_("The budget of calls is used up for now"),
    "traffic.erp_budget": N_("The ERP's calls of this minute are used up"),
    "traffic.erp_busy": N_("The ERP has enough calls at once"),
    "traffic.erp_hold": N_("The ERP asked for a rest"),
    "traffic.forbidden": N_("VTEX forbids the call to the account's key"),
    "traffic.hold": N_("VTEX asked for a rest"),
    "traffic.key_replaced": N_("The account's key was replaced meanwhile"),
    "traffic.paused": N_("The account is paused: its key is refused"),
    "vtex.already_so": N_("The order left the status that the call needs"),
    "vtex.auth_failed": N_("VTEX refuses the account's key"),
    "vtex.cancellation_requested": N_("The customer asks for a cancellation"),
    "vtex.changing": N_("VTEX made a change, and shows it in a while"),
    "vtex.disagrees": N_("VTEX and we disagree about the order"),
    "vtex.not_cancelled": N_("It is cancelled here, and not in VTEX"),
    "vtex.not_found": N_("VTEX does not know the order"),
    "vtex.not_handling": N_("VTEX does not start handling"),
    "vtex.not_invoiced": N_("VTEX does not show it as invoiced"),
    "vtex.not_sendable": N_("VTEX has no way to be told this"),
    "vtex.outcome_unknown": N_("Nobody knows whether VTEX took it"),
    "vtex.rate_limited": N_("VTEX asked for fewer calls"),
    "vtex.refused": N_("VTEX refused"),
    "vtex.stuck": N_("The order is stuck in VTEX"),
    "vtex.unavailable": N_("VTEX does not answer"),
    "vtex.undecided": N_("VTEX has not decided about the order"),
    "vtex.unreadable": N_("VTEX's document cannot be read"),
})  # fmt: skip

#: Why no task could take a message.
STRAYS: Final = MappingProxyType({
    "not-json": N_("It is no JSON"),
    "bad-envelope": N_("It is no task's message"),
    "unknown-task": N_("No worker knows its task"),
    "invalid-task": N_("Its task is not as it must be"),
    "never-ended": N_("It ended the workers that took it"),
    "no-queue": N_("It names no queue of ours"),
})  # fmt: skip

KINDS: Final = MappingProxyType({
    "invoice": N_("Invoice"),
    "track": N_("Tracking"),
    "cancel": N_("Cancellation"),
    "change": N_("Change"),
    "deny": N_("Denial of a cancellation"),
    "note": N_("Note"),
    "sync": N_("Read afresh"),
})  # fmt: skip

STANDINGS: Final = MappingProxyType({
    "active": N_("on its way"),
    "waiting": N_("waits for its next try"),
    "parked": N_("waits for a person"),
    "done": N_("done"),
    "void": N_("void"),
})  # fmt: skip

STEPS: Final = MappingProxyType({
    "orders.fetch": N_("Read the order from VTEX"),
    "erp.hand_over": N_("Hand it to the ERP"),
    "orders.start_handling": N_("Start handling in VTEX"),
    "erp.tell_change": N_("Tell the ERP what changed"),
    "erp.cancel": N_("Cancel it in the ERP"),
    "erp.consider_cancellation": N_("Ask the ERP about the cancellation"),
    "invoice.send": N_("Send the invoice"),
    "tracking.send": N_("Send the tracking"),
    "cancel.send": N_("Send the cancellation"),
    "cancel.deny": N_("Deny the cancellation"),
    "change.send": N_("Send the change"),
    "change.follow": N_("Follow the change"),
    "tracking.note": N_("Write the note"),
})  # fmt: skip

HAPPENED: Final = MappingProxyType({
    "step.done": N_("done"),
    "step.parked": N_("parked for a person"),
    "step.waited": N_("waits"),
    "step.failed": N_("failed, and is tried again"),
    "event.recorded": N_("VTEX's feed told of it"),
    "event.heard": N_("VTEX's hook told of it"),
    "event.parked": N_("an event could not be read"),
    "order.discarded": N_("given up by a person"),
    "order.purged": N_("personal data erased after its time"),
    "order.forgotten": N_("personal data erased by a person"),
    "order.backfilled": N_("taken up by a backfill"),
    "reconcile.found": N_("found by reconciling"),
    "reconcile.parked": N_("parked by reconciling"),
    "change.discarded": N_("a change settled by a person"),
    "command.accepted": N_("accepted"),
    "command.refused": N_("refused"),
    "command.retried": N_("retried by a person"),
    "command.edited": N_("edited by a person"),
    "command.discarded": N_("given up by a person"),
    "command.closed": N_("closed: another command did it"),
    "command.checked": N_("compared by reconciling"),
})  # fmt: skip

SITUATIONS: Final = MappingProxyType({
    Situation.PARKED: N_("It waits for a person."),
    Situation.VOID: N_("It is void, and nobody fulfils it."),
    Situation.KNOWN: N_("The ERP has it, and VTEX knows."),
    Situation.NOT_OURS: N_("Nothing is left to do: it was finished without us, or never read."),
    Situation.TAKEN: N_("A worker has it at this moment."),
    Situation.OVERDUE: N_("It is due, and no worker takes it: its account may not be let call."),
    Situation.WAITING: N_("It waits for its next try."),
    Situation.QUEUED: N_("Its next step is on its queue."),
})  # fmt: skip

#: What an order that was read needs.
ACTIONS: Final[Mapping[str, str]] = MappingProxyType({
    Action.HAND_OVER: N_("it is handed to the ERP"),
    Action.START_HANDLING: N_("handling is started"),
    Action.FINISH: N_("all is done"),
    Action.IGNORE: N_("it was finished without us"),
    Action.LOOK_AGAIN: N_("it is looked at again"),
    Action.CANCEL_IN_ERP: N_("it is cancelled in the ERP"),
    Action.VOID: N_("it is void"),
    Action.ASK: N_("the ERP is asked about the cancellation"),
})  # fmt: skip

#: What an ERP says to a cancellation, to a change, and to a customer's wish to cancel.
ANSWERS: Final = MappingProxyType({
    "cancelled": N_("cancelled"),
    "too_late": N_("too late"),
    "unknown": N_("not known"),
    "taken": N_("taken"),
    "ignored": N_("of no matter"),
    "agree": N_("agreed"),
    "deny": N_("denied"),
    "undecided": N_("not decided"),
})  # fmt: skip

PROGRESS: Final[Mapping[str, str]] = MappingProxyType({
    Progress.SEEN: N_("heard of"),
    Progress.FETCHED: N_("read"),
    Progress.OFFERED: N_("on its way to the ERP"),
    Progress.PLACED: N_("in the ERP"),
    Progress.HANDLING: N_("in the ERP, as VTEX knows"),
})  # fmt: skip

#: What the caller of a command is told.
OUTCOMES: Final = MappingProxyType({
    "accepted": N_("accepted"),
    "done": N_("done"),
    "parked": N_("waits for a person"),
    "refused": N_("refused"),
})  # fmt: skip

#: Who asks for a command.
SOURCES: Final = MappingProxyType({
    "service": N_("a service"),
    "erp": N_("the ERP"),
    "cli": N_("the command line"),
    "http": N_("the HTTP API"),
    "rules": N_("the ERP's decision"),
})  # fmt: skip

#: What a person did, as the operator's log has it.
DONE: Final = MappingProxyType({
    "parked retry": N_("retried"),
    "parked edit": N_("edited"),
    "parked discard": N_("given up"),
    "orders sync": N_("had read afresh"),
    "orders forget": N_("erased personal data"),
})  # fmt: skip

#: Why an order's parts may not add up to its value.
DIFFERENCES: Final[Mapping[str, str]] = MappingProxyType({
    Reason.ROUNDING: N_("VTEX rounded."),
    Reason.MARKETPLACE: N_("A marketplace's order may differ: its value decides."),
    Reason.TAX: N_("VTEX's total of taxes is not what the lines' taxes add up to."),
    Reason.CHANGE: N_("The order was changed, and VTEX does not show the whole change."),
    Reason.ITEMS: N_("The lines and services do not add up to VTEX's totals of them."),
    Reason.TOTALS: N_("VTEX's totals do not add up to the value."),
})  # fmt: skip

#: By which of its names an order was found.
NAMED_BY: Final = MappingProxyType({
    "order": N_("order id"),
    "sequence": N_("VTEX's sequence"),
    "marketplace": N_("marketplace's id"),
    "erp": N_("ERP reference"),
    "command": N_("command"),
    "invoice": N_("invoice number"),
    "tracking": N_("tracking number"),
})  # fmt: skip

RECKONING: Final = (
    ("lines_cents", N_("Lines")),
    ("services_cents", N_("Services")),
    ("freight_cents", N_("Freight")),
    ("discounts_cents", N_("Discounts")),
    ("tax_cents", N_("Taxes")),
    ("changes_cents", N_("Changes")),
    ("other_cents", N_("Other")),
)

ROLES: Final = MappingProxyType({
    "viewer": N_("looks"),
    "operator": N_("looks and decides"),
    "admin": N_("looks, decides, and says who may come in and where events go"),
})  # fmt: skip

#: What a token may do.
SCOPES: Final = MappingProxyType({
    "read": N_("see orders, commands and what is parked; nobody's name"),
    "persons": N_("see documents and bodies, which name people"),
    "send": N_("ask for every kind of command"),
    "send:invoice": N_("ask for invoices"),
    "send:track": N_("ask for tracking"),
    "send:cancel": N_("ask for cancellations"),
    "send:change": N_("ask for changes"),
    "send:deny": N_("ask for denials of a cancellation"),
    "send:note": N_("ask for notes"),
    "send:sync": N_("ask for orders to be read afresh"),
    "decide": N_("retry, edit and discard what is parked"),
    "erp": N_("ask in the ERP's name, which is told what becomes of it"),
})  # fmt: skip

#: How an endpoint fares, why it is off, and what became of an event for it.
ENDPOINTS: Final = MappingProxyType({
    "on": N_("takes events"),
    "failing": N_("fails"),
    "off": N_("off"),
})  # fmt: skip

OFF: Final = MappingProxyType({
    "person": N_("a person switched it off"),
    "gone": N_("it answered that it is gone"),
    "failing": N_("it failed for too long"),
})  # fmt: skip

SENT: Final = MappingProxyType({
    "waiting": N_("waits"),
    "taken": N_("taken"),
    "given up": N_("given up"),
})  # fmt: skip

FIELDS: Final = MappingProxyType({
    "number": N_("Invoice number"),
    "invoice_number": N_("Invoice number"),
    "type": N_("Type"),
    "issued_at": N_("Issued at"),
    "value_cents": N_("Value"),
    "items": N_("Items"),
    "access_key": N_("Access key"),
    "url": N_("Address of the invoice"),
    "embedded_invoice": N_("The invoice's file"),
    "cfop": N_("CFOP"),
    "courier": N_("Carrier"),
    "tracking_number": N_("Tracking number"),
    "tracking_url": N_("Tracking address"),
    "dispatched_at": N_("Dispatched at"),
    "delivered": N_("Delivered"),
    "delivered_at": N_("Delivered at"),
    "events": N_("Events on its way"),
    "city": N_("City"),
    "state": N_("State"),
    "description": N_("Description"),
    "date": N_("Date"),
    "reason": N_("Reason"),
    "message": N_("Message"),
    "source": N_("Source"),
    "add": N_("Add"),
    "remove": N_("Remove"),
    "replace": N_("Replace"),
    "from": N_("From"),
    "to": N_("To"),
    "line_id": N_("Line"),
    "sku": N_("SKU"),
    "quantity": N_("Quantity"),
    "price_cents": N_("Price"),
    "measurement_unit": N_("Unit"),
    "unit_multiplier": N_("Weight of a piece"),
    "manual_discount_cents": N_("Discount"),
    "manual_increment_cents": N_("Increment"),
})  # fmt: skip

#: The names of the codes that stand in a text which the ledger keeps, by the name of their place.
PLACES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({
    "action": ACTIONS,
    "after": {"none": N_("nothing")},
    "answer": ANSWERS,
    "before": {"none": N_("nothing")},
    "content": {"request": N_("cancellation"), "confirmation": N_("confirmation")},
    "kind": KINDS,
    "progress": PROGRESS,
    "reason": STRAYS,
    "source": SOURCES,
    "standing": STANDINGS,
    "verdict": ANSWERS,
})  # fmt: skip
