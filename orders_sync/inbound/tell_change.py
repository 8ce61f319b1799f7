"""The changes of an order that its ERP has: noticed by every read, sent to the ERP by a step.

What the ERP has is in the ledger before it is given: a document that differs has its revision
noted with it, and only then the ERP is asked. So a worker that dies in between asks again with the
same revision.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from orders_sync.bootstrap import Services
from orders_sync.commands.echo import Reading, changes_by_others
from orders_sync.domain.differences import Changes, compare
from orders_sync.domain.order import Order
from orders_sync.domain.rules import Group, Progress, Standing, group_of
from orders_sync.domain.steps import Claim, Given, Step, StepResult
from orders_sync.erp.base import ChangeAnswer
from orders_sync.errors import Unreadable, WaitError
from orders_sync.ledger.order_rows import KeptDocument
from orders_sync.vtex.fulfilment import fulfilment
from orders_sync.vtex.translate import order as read_order

#: A document older than this is read again before the ERP gets what is in it.
FRESH_FOR: Final = timedelta(minutes=10)

_OFFERED: Final = frozenset({Progress.OFFERED, Progress.PLACED, Progress.HANDLING})
_WITH_ERP: Final = frozenset({Progress.PLACED, Progress.HANDLING})
_CHANGEABLE: Final = frozenset({Group.READY, Group.HANDLING, Group.REQUESTED, Group.UNKNOWN})
_LONGEST_REST: Final = timedelta(days=1)
_ASKED_AGAIN_SECONDS: Final = 10.0


def note_changes(claim: Claim, result: StepResult, services: Services) -> StepResult:
    """Add to the result of a read what its ERP has of the order, and have it told what differs.

    Nothing is compared for an ERP that takes no changes, and before it may have the order.
    """
    document = result.document
    if document is None or claim.progress not in _OFFERED:
        return result
    if not services.erp(claim.account).takes_changes:
        return result if claim.revision is None else replace(result, given=_no_more(claim))
    kept = services.ledger.orders.document(claim.account, claim.order_id)
    given = _given_after(claim, kept, document, services)
    return told_next(replace(result, given=given))


def told_next(result: StepResult) -> StepResult:
    """Return a result that goes on with the ERP where it would end with a change untold."""
    if result.standing is not Standing.DONE or result.given is None or not result.given.is_untold:
        return result
    return replace(result, standing=Standing.ACTIVE, next_step=Step.TELL_CHANGE)


def given_by_hand_over(claim: Claim, order: Order, services: Services) -> Given:
    """Return what the ERP has of an order that it has taken.

    Of an order that was offered more than once, with a change in between, it may have any: the
    first counts, and the ERP is told what came after it.
    """
    revision = claim.revision or 1
    first = None
    if revision > 1:
        kept = services.ledger.orders.document(claim.account, claim.order_id)
        first = None if kept is None else kept.given
    return Given(
        revision=revision,
        erp_revision=1,
        document=first,
        value_cents=order.value_cents,
        compare_in=_compare_in(claim, order, services),
    )


def _no_more(claim: Claim) -> Given:
    """Return what stands for an order whose ERP took changes once, and takes none any more."""
    revision = claim.revision or 1
    return Given(revision, revision if claim.progress in _WITH_ERP else None)


def _given_after(
    claim: Claim, kept: KeptDocument | None, document: bytes, services: Services
) -> Given:
    """Return what the ERP has once a document is kept that was just read.

    The document gets a revision of its own where it differs in what matters from the one that was
    kept before it. One that cannot be read is kept beside the ERP's, and told to nobody.
    """
    revision = claim.revision or 1
    known = Given(revision, claim.erp_revision, compare_in=_LONGEST_REST.total_seconds())
    after = _readable(claim.account, document)
    if claim.revision is None and claim.progress in _WITH_ERP:
        # It was placed when nobody compared: what changed until this read, nobody knows.
        kept, known = None, replace(known, erp_revision=revision)
    if after is not None:
        compare_in = _compare_in(claim, after, services)
        known = replace(known, value_cents=after.value_cents, compare_in=compare_in)
    if kept is None or after is None:
        return replace(known, document=None if kept is None else kept.given or kept.body)
    before = _readable(claim.account, kept.body)
    given = kept.given or kept.body
    if before is None:
        before = _readable(claim.account, given)
    if before is None or not compare(before, after, revision=revision).is_empty:
        known = replace(known, revision=revision + 1)
    is_given = known.erp_revision == known.revision or (
        known.erp_revision is None and known.revision == 1
    )
    return replace(known, document=None if is_given else given)


def _readable(account: str, document: bytes) -> Order | None:
    try:
        return read_order(account, document)
    except Unreadable:
        return None


def _compare_in(claim: Claim, order: Order, services: Services) -> float | None:
    """Return when to look at an order again: the older it is, the more rarely, up to the horizon.

    VTEX tells of statuses, and of a change by itself it tells nobody. An order that is invoiced or
    cancelled changes no more, and one past its retention is not kept alive by being looked at.
    """
    settings = services.settings
    age = services.clock() - claim.first_seen_at
    days = min(settings.reconcile_days, settings.retention_days or settings.reconcile_days)
    group = group_of(order.status, is_completed=order.is_completed)
    is_over = age > timedelta(days=days) or group not in _CHANGEABLE
    if is_over or not settings.compare_hours:
        return None
    rest = max(timedelta(hours=settings.compare_hours), min(age, _LONGEST_REST))
    return rest.total_seconds()


def tell_change(claim: Claim, services: Services) -> StepResult:
    """Send the ERP how the order differs from what it has, but for what it asked for itself.

    Where one of its own changes is under way, its end is waited for. An order that waited long for
    its ERP is read again first: it may have been cancelled.
    """
    kept = services.ledger.orders.document(claim.account, claim.order_id)
    if kept is None or kept.given is None:
        return _settled(claim, None, services, "nothing is kept that the ERP could be told")
    if services.clock() - kept.read_at > FRESH_FOR:
        return StepResult(Standing.ACTIVE, Step.FETCH, note="it waited, and is read again")
    asked = services.ledger.command_facts.asked_changes(claim.account, claim.order_id)
    if asked.is_under_way:
        raise WaitError("a change that the ERP asked for is not finished", _ASKED_AGAIN_SECONDS)
    before, after = _reading(claim, kept.given), _reading(claim, kept.body)
    revision = claim.revision or 1
    changes = changes_by_others(before, after, asked.bodies, revision=revision)
    if changes.is_empty and not compare(before.order, after.order, revision=revision).is_empty:
        return _settled(claim, after.order, services, "the ERP had asked for it")
    answer = services.erp(claim.account).order_changed(after.order, changes)
    if answer is ChangeAnswer.TOO_LATE:
        return _too_late(claim, kept.given, changes)
    words = changes.describe()
    return _settled(claim, after.order, services, f"the ERP answered {answer}: {words}")


def _reading(claim: Claim, document: bytes) -> Reading:
    return Reading(read_order(claim.account, document), fulfilment(document))


def _settled(claim: Claim, order: Order | None, services: Services, note: str) -> StepResult:
    """Return the end of a change that the ERP need not be told any more."""
    revision = claim.revision or 1
    given = Given(revision, revision)
    if order is not None:
        given = replace(given, compare_in=_compare_in(claim, order, services))
    return StepResult(
        Standing.DONE, progress=claim.progress, given=given, note=f"revision {revision}, {note}"
    )


def _too_late(claim: Claim, document: bytes, changes: Changes) -> StepResult:
    words = changes.describe()
    return StepResult(
        Standing.PARKED,
        Step.TELL_CHANGE,
        given=Given(changes.revision, claim.erp_revision, document),
        cause="erp.changed_too_late",
        hint=f"VTEX changed the order when the ERP could change it no more: {words}. Settle it in "
        "the ERP, then discard this; or retry it, which asks the ERP again.",
        note=f"revision {changes.revision}, too late: {words}",
    )
