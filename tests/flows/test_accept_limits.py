"""What is too long for a database, or cannot be stored in it, is refused and told."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from support.flow import STORE, Flow

from orders_sync.bootstrap import process_name
from orders_sync.commands.acceptance import LONGEST
from orders_sync.domain.commands import Command
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import CommandResult, Dispatch, Step, StepResult
from orders_sync.ledger.journal import JournalLine
from orders_sync.outbound.accept import Accepted, accept

pytestmark = pytest.mark.parametrize("both_on", ["sqlite", "postgresql"], indirect=True)

#: Three bytes each in UTF-8, and no two alike, so that nothing compresses them.
LONG = "".join(chr(0x4E00 + number) for number in range(12_000))


def asked(
    flow: Flow,
    *,
    account: str = STORE,
    order_id: str = "1-01",
    key: str | None = None,
    body: Any = None,
    kind: str = "cancel",
) -> Accepted:
    command = Command(kind, order_id, body or {"reason": "fraud"}, key)
    return accept(command, account=account, source="service", intake=flow.intake)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(
            {"account": LONG[:101]}, "account: has 101 characters, and may have 100", id="account"
        ),
        pytest.param(
            {"order_id": LONG[:256]}, "order_id: has 256 characters, and may have 255", id="order"
        ),
        pytest.param({"key": LONG}, "key: has 12000 characters, and may have 500", id="key"),
        pytest.param(
            {"kind": "invoice", "body": {"number": LONG[:101]}},
            "number: String should have at most 100 characters",
            id="an invoice's number",
        ),
        pytest.param(
            {"body": {"reason": LONG}},
            "reason: String should have at most 10000 characters",
            id="a free text",
        ),
        pytest.param({"kind": LONG}, "expected one of invoice", id="kind"),
        pytest.param({"account": "a\0b"}, "account: holds a null character", id="a null account"),
        pytest.param({"order_id": "a\0b"}, "order_id: holds a null character", id="a null order"),
        pytest.param({"key": "a\0b"}, "key: holds a null character", id="a null key"),
        pytest.param(
            {"account": "\ud800"}, "account: holds half a character", id="half an account"
        ),
        pytest.param({"key": "\udfff"}, "key: holds half a character", id="half a key"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name_and_the_rest_is_kept(
    flow: Flow, given: dict[str, Any], words: str
) -> None:
    refused = asked(flow, **given)
    again = asked(flow, **given)

    [row] = flow.services.ledger.inquiries.list_commands()
    assert words in (refused.refusal or "")
    assert again.command_id == refused.command_id == row["id"]
    assert (row["standing"], row["cause"], row["reason"]) == (
        "parked",
        "command.invalid",
        refused.refusal,
    )
    assert len(row["reason"]) < 300
    assert row["order_id"] == given.get("order_id", "1-01").replace("\0", "?")[:255]


def test_the_longest_that_may_be_is_kept(flow: Flow) -> None:
    names = {name: LONG[:most] for name, most in LONGEST.items()}

    accepted = asked(flow, **names)

    row = flow.command(accepted.command_id)
    assert accepted.refusal is None
    assert {name: row[name] for name in names} == names


def test_an_order_with_the_longest_id_is_claimed_and_released_by_the_longest_process_name(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: LONG[:255])
    owner, order_id, now = process_name(), LONG[:255], flow.clock()
    orders, commands = flow.services.ledger.orders, flow.services.ledger.commands
    [read] = orders.look_again(STORE, order_id, now=now)
    entry = JournalLine(now, STORE, order_id, "step.done")

    claim = orders.claim(STORE, order_id, read.step, owner=owner, now=now)
    assert claim is not None
    assert flow.order(order_id)["lease_owner"] == owner
    orders.complete(claim, StepResult(Standing.DONE), entry, now=now)
    assert flow.order(order_id)["lease_owner"] is None

    message = Dispatch(STORE, order_id, Step.SEND_CANCEL, asked(flow, order_id=order_id).command_id)
    sending = commands.claim(message, owner=owner, now=now)
    assert sending is not None
    assert flow.order(order_id)["lease_owner"] == owner
    done = CommandResult(Standing.DONE, "done", progress="done")
    commands.complete(sending, done, entry, now=now)
    assert flow.order(order_id)["lease_owner"] is None


def test_the_longest_key_that_is_made_of_a_number_is_kept(flow: Flow) -> None:
    order_id, number = LONG[:255], "9" * 100

    accepted = asked(flow, order_id=order_id, kind="invoice", body={"number": number})

    assert flow.command(accepted.command_id)["key"] == f"invoice/{order_id}/{number}"


def test_a_file_may_be_as_long_as_the_body(flow: Flow) -> None:
    accepted = asked(
        flow, kind="invoice", body={"number": "1", "embedded_invoice": "<nfe/>" * 50_000}
    )

    assert accepted.refusal is None
