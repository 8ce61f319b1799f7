from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.office import ORDER, STORE, Office

from orders_sync.commands.verdicts import Intent
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import CommandResult, Dispatch, Step
from orders_sync.ledger.decisions import DecisionRefused
from orders_sync.outbound import decide


def test_a_retried_command_begins_anew_and_has_waited_for_no_time(office: Office) -> None:
    command_id = office.ask("invoice", {"number": "7"})
    office.park(command_id)
    office.clock.advance(90 * 24 * 3600)

    following = decide.retry(command_id, ledger=office.ledger, act=office.act)

    row = office.row(command_id)
    assert following == [Dispatch(STORE, ORDER, Step.SEND_INVOICE, command_id)]
    assert (row["standing"], row["outcome"], row["cause"]) == ("active", "accepted", None)
    claim = office.claim(command_id)
    assert claim.waiting_since == office.clock()
    assert claim.created_at == row["created_at"] < office.clock()


def test_a_change_that_vtex_has_is_followed_when_it_is_retried(office: Office) -> None:
    command_id = office.ask("change", {"reason": "out of stock", "manual_discount_cents": 100})
    sent = CommandResult(
        Standing.WAITING,
        "accepted",
        next_step=Step.FOLLOW_CHANGE,
        progress="sent",
        receipt="R1",
        due_in=1,
    )
    office.finish(command_id, sent)
    office.park(command_id)

    following = decide.retry(command_id, ledger=office.ledger, act=office.act)

    assert following == [Dispatch(STORE, ORDER, Step.FOLLOW_CHANGE, command_id)]
    assert office.claim(command_id).receipt == "R1"


def test_what_vtex_has_taken_cannot_be_edited(office: Office) -> None:
    command_id = office.ask("cancel", {"reason": "fraud"})
    office.finish(
        command_id, CommandResult(Standing.WAITING, "accepted", progress="sent", due_in=1)
    )
    office.park(command_id)

    with pytest.raises(DecisionRefused, match="VTEX has taken command"):
        office.edit(command_id, {"reason": "another"})


def test_an_edited_command_keeps_its_key_and_is_known_to_its_caller(office: Office) -> None:
    command_id = office.ask("invoice", {"number": "7", "value_cents": 999}, "erp-1")
    office.park(command_id)

    office.edit(command_id, {"number": "8/1", "value_cents": "100"})

    row = office.row(command_id)
    assert row["body"] == '{"number":"8/1","type":"Output","value_cents":100}'
    assert (row["key"], row["asked_key"], row["vtex_number"]) == ("erp-1", "erp-1", "8-1")
    assert office.ask("invoice", {"number": "7", "value_cents": 999}, "erp-1") == command_id


def test_an_edit_remembers_that_something_else_may_have_been_sent(office: Office) -> None:
    command_id = office.ask("change", {"reason": "r", "manual_discount_cents": 100})
    claim = office.claim(command_id)
    sent = Intent("change", office.clock(), content="digest")
    office.ledger.commands.note_intent(claim, sent.to_json())
    office.ledger.commands.park(
        claim, office.entry, cause="c", reason="r", hint="h", now=office.clock()
    )

    office.edit(command_id, {"reason": "r", "manual_discount_cents": 200})

    noted = Intent.from_json(office.row(command_id)["intent"])
    assert noted == replace(sent, is_edited=True)


def test_a_sent_invoice_that_is_checked_keeps_nothing_of_why_it_was_done(office: Office) -> None:
    command_id = office.ask("invoice", {"number": "7", "value_cents": 999})
    reason = "VTEX had it already"
    office.finish(command_id, CommandResult(Standing.DONE, "done", progress="done", reason=reason))
    before = office.row(command_id)["reason"]

    following = office.ledger.reconciliation.check_again(
        STORE, ORDER, [command_id], now=office.clock()
    )

    row = office.row(command_id)
    assert following == [Dispatch(STORE, ORDER, Step.SEND_INVOICE, command_id)]
    assert before == reason
    assert (row["standing"], row["outcome"], row["reason"]) == ("active", "done", None)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param({"number": "/"}, "number: a letter or a digit", id="a wrong field"),
        pytest.param({"number": "1", "vlaue": 3}, "vlaue: Extra", id="an unknown field"),
        pytest.param("not JSON", "body: ", id="no object"),
    ],
)
def test_an_edit_that_is_wrong_changes_nothing(office: Office, body: Any, words: str) -> None:
    command_id = office.ask("invoice", {"number": "7"})
    office.park(command_id)
    before = office.row(command_id)

    with pytest.raises(DecisionRefused, match=words):
        office.edit(command_id, body)

    assert office.row(command_id) == before


def test_a_command_that_was_never_accepted_needs_an_edit_before_a_retry(office: Office) -> None:
    command_id = office.ask("invoice", {"numbr": "7"}, "erp-1", order_id="")

    with pytest.raises(DecisionRefused, match=r"was never accepted .* orders-sync parked edit"):
        decide.retry(command_id, ledger=office.ledger, act=office.act)
    with pytest.raises(DecisionRefused, match="order_id: is missing"):
        office.edit(command_id, {"number": "7"})
    following = office.edit(command_id, {"number": "7"}, order_id=ORDER)

    assert following == [Dispatch(STORE, ORDER, Step.SEND_INVOICE, command_id)]
    assert office.row(command_id)["key"] == "erp-1"


def test_a_key_of_another_command_is_refused_until_there_is_a_new_one(office: Office) -> None:
    first = office.ask("note", {"message": "one"}, "erp-1")
    second = office.ask("note", {"message": "two"}, "erp-1")

    with pytest.raises(DecisionRefused, match=f"belongs to command {first}"):
        office.edit(second, {"message": "two"})
    office.edit(second, {"message": "two"}, key="erp-1-mended")

    assert office.row(second)["key"] == "erp-1-mended"
    assert office.row(second)["asked_key"] == "erp-1"


def test_an_accepted_command_stays_with_its_order(office: Office) -> None:
    command_id = office.ask("note", {"message": "one"})
    office.park(command_id)

    with pytest.raises(DecisionRefused, match="its order and its key stay"):
        office.edit(command_id, {"message": "one"}, order_id="another")


def test_a_discarded_command_is_told_to_the_erp_with_the_reason(office: Office) -> None:
    command_id = office.ask("invoice", {"number": "7"})
    office.park(command_id)
    office.ledger.command_facts.mark_told(STORE, [office.row(command_id)])

    office.ledger.decisions.discard(command_id, office.act)

    [untold] = office.ledger.command_facts.untold(STORE, limit=10)
    assert (untold["id"], untold["outcome"]) == (command_id, "refused")
    assert untold["reason"] == "Discarded: she knows"
    assert office.row(command_id)["standing"] == "void"


def test_the_rest_that_a_parked_change_holds_goes_on_when_it_is_discarded(office: Office) -> None:
    change = office.ask("change", {"reason": "x", "manual_discount_cents": 1})
    sent = CommandResult(Standing.WAITING, "accepted", progress="sent", receipt="R", due_in=1)
    office.finish(change, sent)
    office.park(change)
    invoice = office.ask("invoice", {"number": "7"})
    held = office.row(invoice)

    following = office.ledger.decisions.discard(change, office.act)

    assert (held["due_at"], held["cause"]) == (None, "line.held")
    assert f"orders-sync parked retry, edit or discard {change}" in held["hint"]
    assert following == [Dispatch(STORE, ORDER, Step.SEND_INVOICE, invoice)]
    known = office.ledger.command_facts.known(
        office.claim(invoice), now=office.clock(), visible_after=timedelta(seconds=30)
    )
    assert not known.is_changing


@pytest.mark.parametrize("kind", ["invoice", "track"])
def test_whoever_tells_of_a_parcel_knows_the_tracking_that_vtex_took(
    office: Office, kind: str
) -> None:
    bodies = {"invoice": {"number": "7"}, "track": {"invoice_number": "7", "tracking_number": "T2"}}
    told = office.ask("track", {"invoice_number": "7", "tracking_number": "T1", "courier": "Ipê"})
    office.finish(told, CommandResult(Standing.DONE, "done", progress="done"))
    asked = office.ask(kind, bodies[kind])

    known = office.ledger.command_facts.known(
        office.claim(asked), now=office.clock(), visible_after=timedelta(seconds=30)
    )

    assert [sent.body.tracking_number for sent in known.sent_tracking_of("7")] == ["T1"]


def test_what_is_not_parked_cannot_be_decided(office: Office) -> None:
    command_id = office.ask("invoice", {"number": "7"})

    with pytest.raises(DecisionRefused, match="is not parked: it is active"):
        office.ledger.decisions.discard(command_id, office.act)
    with pytest.raises(DecisionRefused, match="There is no command nonsense"):
        decide.retry("nonsense", ledger=office.ledger, act=office.act)


def test_every_decision_is_in_the_operators_log(office: Office) -> None:
    command_id = office.ask("invoice", {"number": "7"})
    office.park(command_id)
    decide.retry(command_id, ledger=office.ledger, act=office.act)
    office.park(command_id)
    office.edit(command_id, {"number": "8"})
    office.park(command_id)
    office.ledger.decisions.discard(command_id, office.act)

    acts = office.ledger.inquiries.acts(STORE, ORDER)

    assert [(act["who"], act["did"], act["why"]) for act in acts] == [
        ("ana", f"parked retry {command_id}", "she knows"),
        ("ana", f"parked edit {command_id}", "she knows"),
        ("ana", f"parked discard {command_id}", "she knows"),
    ]


INVOICE = {"number": "7", "value_cents": 999}
ANOTHER = {"number": "8", "value_cents": 999}
EVENT = {"invoice_number": "7", "delivered": True}
DISCOUNT = {"reason": "late", "manual_discount_cents": 5}


@pytest.mark.parametrize(
    ("earlier", "later", "is_closed"),
    [
        pytest.param(("cancel", {"reason": "a"}), ("cancel", {"reason": "b"}), True, id="cancel"),
        pytest.param(("deny", {"reason": "a"}), ("deny", {"reason": "b"}), True, id="deny"),
        pytest.param(
            ("invoice", INVOICE), ("invoice", {"number": "7"}), True, id="the same invoice"
        ),
        pytest.param(
            ("invoice", INVOICE),
            ("invoice", {**INVOICE, "number": "8"}),
            False,
            id="another invoice",
        ),
        pytest.param(("invoice", INVOICE), ("track", EVENT), False, id="the invoice's tracking"),
        pytest.param(("track", EVENT), ("track", EVENT), True, id="the same tracking"),
        pytest.param(
            ("track", EVENT),
            ("track", {"invoice_number": "7", "tracking_number": "BR1"}),
            False,
            id="other tracking",
        ),
        pytest.param(("change", DISCOUNT), ("change", DISCOUNT), True, id="the same change"),
        pytest.param(
            ("change", DISCOUNT), ("change", {**DISCOUNT, "reason": "b"}), False, id="other change"
        ),
    ],
)
def test_a_later_success_closes_the_failure_of_the_same(
    office: Office, earlier: tuple[str, Any], later: tuple[str, Any], is_closed: bool
) -> None:
    failed = office.ask(*earlier, key="first")
    office.park(failed)
    succeeded = office.ask(*later, key="second")

    office.finish(succeeded)

    row = office.row(failed)
    assert (row["standing"], row["outcome"]) == (
        ("done", "done") if is_closed else ("parked", "parked")
    )


def test_a_command_that_was_corrected_at_its_source_closes_the_wrong_one(office: Office) -> None:
    wrong = office.ask("note", {"mesage": "hello"}, "erp-1")
    right = office.ask("note", {"message": "hello"}, "erp-1")

    office.finish(right)

    row = office.row(wrong)
    assert (row["standing"], row["outcome"], row["cause"]) == ("done", "refused", "command.closed")


def test_a_conflicting_command_is_not_closed_by_the_one_it_conflicts_with(office: Office) -> None:
    first = office.ask("note", {"message": "one"}, "erp-1")
    conflicting = office.ask("note", {"message": "two"}, "erp-1")

    office.finish(first)

    assert office.row(conflicting)["cause"] == "command.key_conflict"
    assert office.row(conflicting)["standing"] == "parked"
