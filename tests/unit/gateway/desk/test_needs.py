from __future__ import annotations

from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from support.desk_site import Desk
from support.office import ORDER, STORE, Office
from support.parking import CAUSE, ORDER_CAUSE, parked_invoice, parked_order

from orders_sync.domain.commands import Command
from orders_sync.domain.rules import Standing
from orders_sync.ledger.tables import operator_log
from orders_sync.outbound.accept import accept

OTHER_ORDER = "1172452900789-01"


def acts(desk: Desk) -> list[tuple[str, str, str | None]]:
    with desk.ledger.database.reading() as connection:
        rows = connection.execute(sa.select(operator_log).order_by(operator_log.c.id))
        return [(row.who, row.did, row.why) for row in rows if row.did.startswith("parked")]


def test_parked_work_is_told_by_cause_with_its_number_and_hint(desk: Desk, office: Office) -> None:
    parked_invoice(office, "7")
    parked_invoice(office, "8")
    parked_order(office, OTHER_ORDER)

    page = desk.visitor("vera").gets("/desk/").text

    assert "More is invoiced than the order is worth" in page
    assert "2 commands" in page
    assert "mend it" in page
    assert "The ERP has no product for a SKU" in page
    assert "1 order" in page


def test_somebody_of_one_account_sees_nothing_of_another(desk: Desk, office: Office) -> None:
    command_id = parked_invoice(office)
    visitor = desk.visitor("olga")

    assert "Nothing is parked." in visitor.gets("/desk/").text
    assert STORE not in visitor.gets("/desk/accounts").text
    assert "Nothing is called 7" in visitor.gets("/desk/search?q=7").text
    for path in (
        f"/desk/?account={STORE}",
        f"/desk/cause?cause={CAUSE}&account={STORE}",
        f"/desk/command?id={command_id}",
        f"/desk/order?account={STORE}&id={ORDER}",
        f"/desk/retry?cause={CAUSE}&account={STORE}",
        "/desk/stray?id=stray-1",
    ):
        answer = visitor.gets(path)
        assert answer.status_code == 403, path
        assert ORDER not in answer.text


def test_a_viewer_may_decide_nothing(desk: Desk, office: Office) -> None:
    command_id = parked_invoice(office)
    visitor = desk.visitor("vera")
    fields = {"id": command_id, "cause": CAUSE, "account": STORE, "why": "x"}

    for action in (
        "/desk/command",
        "/desk/command/body",
        "/desk/order",
        "/desk/retry",
        "/desk/stray",
    ):
        for did in ("retry", "discard"):
            assert visitor.posts("/desk/me", action, {**fields, "did": did}).status_code == 403
    assert visitor.gets(f"/desk/retry?cause={CAUSE}").status_code == 403
    page = visitor.gets(f"/desk/command?id={command_id}").text
    assert "Change and send" not in page
    assert "Give up" not in page
    assert office.row(command_id)["standing"] == Standing.PARKED
    assert acts(desk) == []


def test_only_an_admin_for_all_accounts_sees_who_may_come_in(desk: Desk) -> None:
    statuses = {
        name: desk.visitor(name).gets("/desk/people").status_code
        for name in ("vera", "otto", "anna")
    }

    assert statuses == {"vera": 403, "otto": 403, "anna": 200}
    answer = desk.visitor("otto").posts(
        "/desk/me", "/desk/people", {"name": "vera", "did": "disable"}
    )
    assert answer.status_code == 403


def test_all_of_a_cause_are_retried_after_a_look_at_what_would_be(
    desk: Desk, office: Office
) -> None:
    command_id = parked_invoice(office)
    parked_order(office, OTHER_ORDER)
    visitor = desk.visitor("otto")

    preview = visitor.gets(f"/desk/retry?cause={CAUSE}")
    assert "Nothing is done yet" in preview.text
    assert office.row(command_id)["standing"] == Standing.PARKED

    fields = {"cause": CAUSE, "account": "", "why": "the price is right"}
    answer = visitor.posts(f"/desk/retry?cause={CAUSE}", "/desk/retry", fields)

    assert "1 is tried again." in answer.text
    assert office.row(command_id)["standing"] == Standing.ACTIVE
    assert [step.command_id for step in desk.dispatched] == [command_id]
    assert acts(desk) == [("otto", f"parked retry {command_id}", "the price is right")]
    assert ORDER_CAUSE in visitor.gets("/desk/").text


def test_what_was_never_accepted_is_named_as_what_a_retry_cannot_help(
    desk: Desk, office: Office
) -> None:
    refused = office.intake
    accept(
        Command("invoice", ORDER, {"value_cents": 1}, None),
        account=STORE,
        source="erp",
        intake=refused,
    )

    page = desk.visitor("otto").gets("/desk/retry?cause=command.invalid").text

    assert "was never accepted: it needs an edit first." in page
    assert "Retry 1" not in page


def test_a_parked_command_is_mended_in_a_form(desk: Desk, office: Office) -> None:
    command_id = parked_invoice(office)
    page = f"/desk/command?id={command_id}"
    visitor = desk.visitor("otto")
    fields = {
        "id": command_id,
        "body.number": "7",
        "body.type": "Output",
        "body.value_cents": "12,50",
    }

    answer = visitor.posts(page, "/desk/command/body", {**fields, "why": "a slip"})

    assert answer.headers["Location"] == f"{page}&done=edit"
    row = office.row(command_id)
    assert row["standing"] == Standing.ACTIVE
    assert '"value_cents":1250' in row["body"]
    assert acts(desk) == [("otto", f"parked edit {command_id}", "a slip")]


def test_a_wrong_field_is_named_and_what_was_typed_stays(desk: Desk, office: Office) -> None:
    command_id = parked_invoice(office)
    fields = {
        "id": command_id,
        "body.number": "",
        "body.type": "Output",
        "body.value_cents": "twelve",
    }

    answer = desk.visitor("otto").posts(
        f"/desk/command?id={command_id}", "/desk/command/body", fields
    )

    assert answer.status_code == 422
    assert 'value="twelve"' in answer.text
    assert "Nothing was changed." in answer.text
    assert 'href="#field-number"' in answer.text
    assert office.row(command_id)["standing"] == Standing.PARKED


def test_giving_up_needs_a_reason(desk: Desk, office: Office) -> None:
    command_id = parked_invoice(office)
    page = f"/desk/command?id={command_id}"
    visitor, fields = desk.visitor("otto"), {"id": command_id, "did": "discard"}

    without = visitor.posts(page, "/desk/command", fields)
    answer = visitor.posts(page, "/desk/command", {**fields, "why": "a double"})

    assert without.status_code == 409
    assert answer.status_code == 303
    assert office.row(command_id)["standing"] == Standing.VOID
    assert acts(desk) == [("otto", f"parked discard {command_id}", "a double")]


def test_what_another_person_decided_meanwhile_is_told(desk: Desk, office: Office) -> None:
    command_id = parked_invoice(office)
    visitor, fields = desk.visitor("otto"), {"id": command_id, "did": "retry"}
    page = f"/desk/command?id={command_id}"

    visitor.posts(page, "/desk/command", fields)
    second = visitor.posts(page + "&done=retry", "/desk/command", fields)

    assert second.status_code in {403, 409}


def test_an_order_is_retried_given_up_and_read_afresh(desk: Desk, office: Office) -> None:
    parked_order(office, OTHER_ORDER)
    page = f"/desk/order?account={STORE}&id={OTHER_ORDER}"
    visitor, fields = desk.visitor("otto"), {"account": STORE, "id": OTHER_ORDER, "why": "mapped"}

    answers = [
        visitor.posts(page, "/desk/order", {**fields, "did": did}) for did in ("retry", "read")
    ]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert "Read it afresh" in visitor.gets(page).text
    assert acts(desk)[0] == ("otto", "parked retry", "mapped")


def test_a_stray_message_goes_back_on_its_queue(desk: Desk, office: Office) -> None:
    office.ledger.strays.record(
        "1", arrived_at=office.clock(), queue="celery", reason="unknown-task", name="t", body=b"m"
    )
    page = "/desk/stray?id=stray-1"

    desk.visitor("otto").posts(page, "/desk/stray", {"id": "stray-1", "did": "retry"})

    assert desk.put_back == [("celery", b"m")]
    assert "stray-1" not in desk.visitor("otto").gets("/desk/").text


def test_a_long_list_is_read_in_pages(desk: Desk, office: Office) -> None:
    for number in range(55):
        parked_order(office, f"{2000 + number}-01")
    visitor = desk.visitor("vera")

    first = visitor.gets(f"/desk/cause?cause={ORDER_CAUSE}").text
    older = first.split('<a class="button" href="')[-1].split('"')[0].replace("&amp;", "&")
    second = visitor.gets(older).text

    seen = {n for n in range(2000, 2055) if f"Order {n}-01" in first}
    rest = {n for n in range(2000, 2055) if f"Order {n}-01" in second}
    assert (len(seen), len(rest), seen & rest) == (50, 5, set())


@pytest.mark.parametrize(
    "after", ["", "yesterday", "0001-01-01T00:00:00+23:59|1-01", "2026-11-27T12:00:00|1-01"]
)
def test_a_page_that_begins_nowhere_is_the_first(desk: Desk, office: Office, after: str) -> None:
    parked_order(office, "2000-01")

    answer = desk.visitor("vera").gets(
        f"/desk/cause?{urlencode({'cause': ORDER_CAUSE, 'after': after})}"
    )

    assert (answer.status_code, "Order 2000-01" in answer.text) == (200, True)
