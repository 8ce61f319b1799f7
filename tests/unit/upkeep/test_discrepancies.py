from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orders_sync.domain.rules import Progress, Standing
from orders_sync.domain.steps import Step
from orders_sync.upkeep.discrepancies import InvoiceSum, KnownOrder, Mismatch, judge
from orders_sync.vtex.orders import OrderRow

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
PATIENCE = timedelta(hours=24)
LONG_AGO = NOW - timedelta(days=3)


def row(status: str | None, **changes: Any) -> OrderRow:
    known = {"orderId": "o-01", "status": status, "creationDate": LONG_AGO.isoformat()}
    return OrderRow.model_validate({**known, "totalValue": 1000.0, **changes})


def known(standing: str = "done", progress: str = "handling", **changes: Any) -> KnownOrder:
    facts: dict[str, Any] = {
        "next_step": None,
        "status": None,
        "cause": None,
        "updated_at": LONG_AGO,
        "lease_until": None,
        **changes,
    }
    return KnownOrder(Progress(progress), Standing(standing), **facts)


def kind_of(seen: OrderRow, here: KnownOrder | None) -> Mismatch | None:
    finding = judge(seen, here, now=NOW, patience=PATIENCE)
    return finding.kind if finding else None


WAITS = {"standing": "waiting", "progress": "fetched", "next_step": Step.FETCH}
INVOICED = (InvoiceSum("c1", 600, LONG_AGO), InvoiceSum("c2", 400, LONG_AGO))


@pytest.mark.parametrize(
    ("status", "here", "kind"),
    [
        pytest.param("ready-for-handling", None, Mismatch.READY_UNKNOWN, id="ready and unknown"),
        pytest.param("handling", None, None, id="somebody else's"),
        pytest.param("canceled", None, None, id="cancelled before we heard of it"),
        pytest.param("window-to-cancel", None, Mismatch.STUCK, id="stuck and unknown"),
        pytest.param("start-handling", None, None, id="stuck and somebody else's"),
        pytest.param(
            "ready-for-handling",
            {"progress": "fetched"},
            Mismatch.READY_IDLE,
            id="ready and done here",
        ),
        pytest.param("ready-for-handling", WAITS, Mismatch.READY_IDLE, id="ready and waited for"),
        pytest.param("ready-for-handling", {}, Mismatch.NOT_HANDLING, id="the ERP has it"),
        pytest.param("handling", {}, None, id="as it should be"),
        pytest.param("handling", {"value_cents": 1000}, None, id="of the value that is known"),
        pytest.param("handling", {"value_cents": 999}, None, id="of a value that the list rounded"),
        pytest.param("handling", {"value_cents": 900}, Mismatch.CHANGED, id="of another value"),
        pytest.param(
            "invoiced", {"value_cents": 900, "status": "invoiced"}, None, id="changed, and over"
        ),
        pytest.param("handling", {"invoices": INVOICED}, Mismatch.NOT_INVOICED, id="invoice lost"),
        pytest.param("handling", {"invoices": INVOICED[:1]}, None, id="invoiced in part"),
        pytest.param(
            "handling", {"invoices": INVOICED, "status": "invoiced"}, None, id="a list that lags"
        ),
        pytest.param("invoiced", WAITS, Mismatch.INVOICED_OPEN, id="invoiced and waiting here"),
        pytest.param(
            "invoiced",
            {"standing": "parked", "status": "handling"},
            Mismatch.INVOICED_OPEN,
            id="invoiced and parked here",
        ),
        pytest.param("invoiced", {}, None, id="invoiced and done"),
        pytest.param("canceled", {}, Mismatch.CANCELLED_THERE, id="cancelled in VTEX"),
        pytest.param("replaced", {}, Mismatch.CANCELLED_THERE, id="replaced in VTEX"),
        pytest.param("canceled", {"standing": "void"}, None, id="cancelled on both sides"),
        pytest.param(
            "canceled",
            {"standing": "parked", "status": "canceled", "cause": "erp.cancelled_too_late"},
            None,
            id="a person stops the shipment",
        ),
        pytest.param(
            "handling", {"standing": "void"}, Mismatch.CANCELLED_HERE, id="cancelled here"
        ),
        pytest.param(
            "handling",
            {"was_cancelled": True},
            Mismatch.CANCELLED_HERE,
            id="our cancellation was lost",
        ),
        pytest.param(
            "handling",
            {"standing": "void", "cause": "order.discarded"},
            None,
            id="a person gave it up",
        ),
        pytest.param("invoice", {}, Mismatch.STUCK, id="verifying an invoice for long"),
        pytest.param("invoice", {"progress": "seen"}, None, id="stuck and never with our ERP"),
        pytest.param(
            "invoice",
            {"standing": "parked", "status": "cancel", "cause": "vtex.stuck"},
            Mismatch.MOVED_ON,
            id="parked as stuck and on its way again",
        ),
        pytest.param("handling", {"standing": "parked"}, None, id="a person decides"),
        pytest.param("ready-for-handling", {"standing": "active"}, None, id="in flight"),
        pytest.param(
            "canceled", {"lease_until": NOW + timedelta(seconds=9)}, None, id="a worker has it"
        ),
        pytest.param(
            "canceled", {"updated_at": NOW - timedelta(minutes=2)}, None, id="changed just now"
        ),
        pytest.param(
            "canceled",
            {"found": {Mismatch.CANCELLED_THERE: NOW - timedelta(hours=1)}},
            None,
            id="found before, not long ago",
        ),
        pytest.param(
            "canceled",
            {"found": {Mismatch.CANCELLED_THERE: NOW - timedelta(hours=7)}},
            Mismatch.CANCELLED_THERE,
            id="found before, long ago",
        ),
        pytest.param(None, {}, None, id="no status"),
    ],
)
def test_a_row_is_judged_against_what_is_known(
    status: str | None, here: dict[str, Any] | None, kind: Mismatch | None
) -> None:
    found = kind_of(row(status), known(**here) if here is not None else None)

    assert found == kind


@pytest.mark.parametrize("field", ["creationDate", "authorizedDate"])
def test_an_order_that_came_just_now_is_left_to_the_feed(field: str) -> None:
    seen = row("ready-for-handling", **{field: (NOW - timedelta(minutes=3)).isoformat()})

    assert kind_of(seen, None) is None


def test_an_incomplete_order_is_nobodys() -> None:
    assert kind_of(row("ready-for-handling", orderIsComplete=False), None) is None


@pytest.mark.parametrize(
    ("status", "is_unmended"),
    [
        pytest.param("ready-for-handling", True, id="the order itself said so too"),
        pytest.param("handling", False, id="the order itself said otherwise"),
    ],
)
def test_what_a_read_did_not_mend_is_told_from_a_list_that_is_wrong(
    status: str, *, is_unmended: bool
) -> None:
    before = {Mismatch.NOT_HANDLING: NOW - timedelta(hours=7)}
    here = known(status=status, found=before)

    finding = judge(row("ready-for-handling"), here, now=NOW, patience=PATIENCE)

    assert finding is not None
    assert finding.is_unmended is is_unmended


@pytest.mark.parametrize(
    ("created", "heard_since", "kind"),
    [
        pytest.param(LONG_AGO, LONG_AGO, Mismatch.HANDLING_UNKNOWN, id="since we hear of orders"),
        pytest.param(LONG_AGO, LONG_AGO + timedelta(seconds=1), None, id="from before"),
        pytest.param(LONG_AGO, None, None, id="before we heard of any"),
        pytest.param(NOW - timedelta(minutes=9), LONG_AGO, None, id="its event may be on its way"),
    ],
)
def test_an_order_in_handling_that_is_unknown_is_ours_if_the_feed_had_told_of_it(
    created: datetime, heard_since: datetime | None, kind: Mismatch | None
) -> None:
    seen = row("handling", creationDate=created.isoformat())

    finding = judge(seen, None, now=NOW, patience=PATIENCE, heard_since=heard_since)

    assert (finding and finding.kind) == kind
