"""Between an ERP and the ledger: commands pulled and answered, cancellations decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import structlog

from orders_sync.bootstrap import Services
from orders_sync.domain.commands import Command, Outcome
from orders_sync.domain.rules import Progress, Standing
from orders_sync.domain.steps import Claim, Step, StepResult
from orders_sync.erp.base import Decision, Erp, Verdict
from orders_sync.erp.guarded import answer_all
from orders_sync.ledger import Ledger
from orders_sync.outbound.accept import Intake, accept, accept_all
from orders_sync.vtex.fulfilment import fulfilment
from orders_sync.vtex.translate import order as read_order

log = structlog.get_logger(__name__)

#: A pull ends well before its turn is over; what is left is offered to the next one.
_PULL_TIME = timedelta(seconds=5)
_LOT = 100
_MOST_PAGES = 10

_LOOK_AFTER_DECISION_SECONDS = 60.0
_ASK_AGAIN_SECONDS = 300.0
_NO_REASON = "cancelled at the customer's request"


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull did: the commands that the ERP offered, and those that were new."""

    offered: int = 0
    accepted: int = 0
    is_cut_short: bool = False


def pull(account: str, *, erp: Erp, intake: Intake) -> Pulled:
    """Accept what the ERP wants VTEX to know, and answer it.

    The ERP offers a command until it is answered, so every page is answered before the next one
    is read.
    """
    offered = accepted = 0
    started = intake.clock()
    tell(account, erp=erp, ledger=intake.ledger)
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = erp.pull(cursor)
        offered += len(page.rows)
        if page.rows:
            lot = accept_all(page.rows, account=account, source="erp", intake=intake)
            accepted += sum(kept.is_new for kept in lot)
            tell(account, erp=erp, ledger=intake.ledger)
        cursor = page.cursor
        if len(page.rows) < _LOT and cursor is None:
            return Pulled(offered, accepted)
        if intake.clock() - started > _PULL_TIME:
            break
    return Pulled(offered, accepted, is_cut_short=True)


def tell(account: str, *, erp: Erp, ledger: Ledger) -> None:
    """Send the ERP every outcome that it was not sent.

    An answer that the ERP does not take stops no other; it is tried again when the ERP offers the
    command again, or when its outcome changes.

    Raises:
        ErpUnavailable: the ERP cannot be reached; what is left is sent by the next pull.
        WaitError: the ERP is left alone for a while, with the same consequence.
    """
    facts = ledger.command_facts
    rows = facts.untold(account, limit=_LOT * _MOST_PAGES)
    answers = [
        (
            Command(row["kind"], row["order_id"], None, row["asked_key"]),
            Outcome(row["outcome"], row["reason"], row["receipt"]),
        )
        for row in rows
    ]
    told = 0
    for lot, not_taken in answer_all(erp, answers):
        lot_rows = rows[told : told + len(lot)]
        told += len(lot)
        refused = [row for row in lot_rows if row["asked_key"] in not_taken]
        for row in refused:
            # Its text may quote what it was given.
            cause = not_taken[row["asked_key"]].__name__
            log.error("answer.refused", command_id=row["id"], cause=cause)
        facts.mark_told(account, [row for row in lot_rows if row["asked_key"] not in not_taken])
        facts.mark_unanswerable(account, refused)


def consider_cancellation(claim: Claim, services: Services, intake: Intake) -> StepResult:
    """Return what follows a requested cancellation: the ERP decides, and a command tells VTEX.

    A request that a command of ours raised asks nobody. An order that the ERP never got is agreed
    to at once: nobody has begun to fulfil it. While the ERP is undecided the order waits, seen
    by all, and the ERP is asked again.
    """
    kept = services.ledger.orders.document(claim.account, claim.order_id)
    if kept is None:
        return StepResult(Standing.ACTIVE, Step.FETCH, note="its document is not kept")
    if services.ledger.command_facts.is_cancelling(claim.account, claim.order_id):
        return _look_later("a command of ours asked for the cancellation")
    decision = Decision.agree()
    if claim.progress not in {Progress.SEEN, Progress.FETCHED}:
        erp = services.erp(claim.account)
        decision = erp.consider_cancellation(read_order(claim.account, kept.body))
    if decision.verdict is Verdict.UNDECIDED:
        return StepResult(
            Standing.WAITING,
            Step.FETCH,
            due_in=_ASK_AGAIN_SECONDS,
            cause="vtex.cancellation_requested",
            hint="The customer asked for a cancellation and the ERP has not decided. Decide it in "
            "the ERP, with `orders-sync cancel` or `orders-sync deny`, or in VTEX's Admin.",
            note="the ERP is undecided",
        )
    request_id = fulfilment(kept.body).cancellation_request_id or "request"
    kind = "cancel" if decision.verdict is Verdict.AGREE else "deny"
    command = Command(
        kind,
        claim.order_id,
        {"reason": decision.reason or _NO_REASON},
        f"{kind}/{claim.order_id}/{request_id}",
    )
    accept(command, account=claim.account, source="rules", intake=intake)
    return _look_later(f"the ERP decided: {decision.verdict}")


def _look_later(note: str) -> StepResult:
    return StepResult(
        Standing.WAITING,
        Step.FETCH,
        due_in=_LOOK_AFTER_DECISION_SECONDS,
        cause="vtex.cancellation_requested",
        note=note,
    )
