from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orders_sync.backoffice.order_report import whereabouts
from orders_sync.domain.words import in_words

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=35)
EARLIER = NOW - timedelta(minutes=10)
ORDER: dict[str, Any] = {
    "account": "mystore",
    "order_id": "1-01",
    "progress": "fetched",
    "standing": "active",
    "next_step": "erp.hand_over",
    "due_at": LATER,
    "attempts": 0,
    "reason": None,
    "erp_reference": None,
    "lease_until": None,
    "updated_at": EARLIER,
}


@pytest.mark.parametrize(
    ("facts", "words", "command"),
    [
        pytest.param({}, "erp.hand_over is on its queue", None, id="queued"),
        pytest.param({"lease_until": LATER}, "A worker has it now", None, id="being worked on"),
        pytest.param(
            {"due_at": EARLIER}, "due for 10 min, and no worker", "doctor", id="nobody takes it"
        ),
        pytest.param(
            {"standing": "waiting", "attempts": 3},
            "at 2026-11-27 12:00:35 UTC, in 35 s, after 3 failed tries",
            "orders sync 1-01 --account mystore",
            id="waiting",
        ),
        pytest.param(
            {"standing": "parked"},
            "Parked since 2026-11-27 11:50:00 UTC",
            "parked retry 1-01 --account mystore",
            id="parked",
        ),
        pytest.param(
            {"standing": "done", "progress": "handling", "erp_reference": "SO1"},
            "the ERP has it as SO1, and VTEX knows",
            None,
            id="done",
        ),
        pytest.param({"standing": "done"}, "finished without us", None, id="done by others"),
        pytest.param(
            {"standing": "void", "reason": "Discarded: twice"},
            "nobody fulfils it. Discarded: twice.",
            None,
            id="void",
        ),
    ],
)
def test_one_sentence_says_where_an_order_is(
    facts: dict[str, Any], words: str, command: str | None
) -> None:
    where = whereabouts({**ORDER, **facts}, [], now=NOW)

    assert words in where.sentence
    assert (f"orders-sync {command}" if command else None) == (where.do[0] if where.do else None)


def test_the_sentence_counts_what_vtex_shall_be_told_of_a_finished_order() -> None:
    order = {**ORDER, "standing": "done", "progress": "handling", "erp_reference": "SO1"}
    asked = [
        ("invoice", "done"),
        ("track", "done"),
        ("invoice", "parked"),
        ("track", "waiting"),
        ("track", "active"),
        ("cancel", "parked"),
        ("no kind", "parked"),
        ("deny", "void"),
        ("sync", "done"),
    ]
    commands = [
        {"id": f"c{n}", "kind": kind, "standing": standing}
        for n, (kind, standing) in enumerate(asked)
    ]

    where = whereabouts(order, commands, now=NOW)

    assert where.sentence == (
        "Done: the ERP has it as SO1, and VTEX knows. 1 invoice and 1 tracking update are done. "
        "2 tracking updates are on their way. "
        "1 invoice, 1 cancellation and 1 command wait for a person."
    )
    assert where.do == tuple(f"orders-sync parked show c{n}" for n in (2, 5, 6))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(35, "35 s"), (119, "119 s"), (720, "12 min"), (18_000, "5 h"), (259_200, "3 d")],
)
def test_a_length_of_time_is_said_in_its_largest_fitting_unit(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
