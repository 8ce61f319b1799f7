"""Bodies in the ledger that laxer rules took."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from support.flow import Flow

OF_1970 = '{"number":"1","type":"Output","issued_at":"1970-08-23T00:00:00Z","value_cents":5}'
UNDELIVERED = '{"invoice_number":"1","tracking_number":"T","delivered_at":"2026-11-27T12:00:00Z"}'


def keep(flow: Flow, command_id: str, body: str) -> None:
    update = sa.text("UPDATE commands SET body = :body WHERE id = :id")
    with flow.services.ledger.database.writing() as connection:
        connection.execute(update, {"body": body, "id": command_id})


def test_a_command_that_was_sent_by_laxer_rules_stops_no_other(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    invoice = flow.ask("invoice", order_id, {"number": "1", "value_cents": 5})
    track = flow.ask("track", order_id, {"invoice_number": "1", "tracking_number": "T"})
    flow.settle(rounds=3)
    keep(flow, invoice, OF_1970)
    keep(flow, track, UNDELIVERED)

    rest = flow.ask("invoice", order_id, {"number": "2"})
    flow.settle(rounds=3)

    assert flow.command(rest)["outcome"] == "done"
    assert flow.box.order(order_id).status == "invoiced"


@pytest.mark.parametrize("wrong", [OF_1970, "{"])
def test_a_command_that_waits_since_laxer_rules_is_parked_by_its_field(
    flow: Flow, wrong: str
) -> None:
    [order_id] = flow.in_handling()
    command = flow.ask("invoice", order_id, {"number": "1"})
    keep(flow, command, wrong)

    flow.drain()

    row = flow.command(command)
    assert (row["standing"], row["cause"]) == ("parked", "command.invalid")
    assert f"parked edit {command}" in row["hint"]
    assert flow.box.order(order_id).packages == ()
