from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from support.office import ORDER, STORE, Office
from support.parking import CAUSE, parked_invoice
from support.shop import Shop

from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import CommandResult, Step

WAIT = CommandResult(Standing.WAITING, "accepted", Step.SEND_TRACKING, cause="order.changing")


@pytest.fixture
def four(office: Office) -> dict[str, str]:
    """Commands by name: one parked, one that waits, one done, and one new, in this order."""
    parked = parked_invoice(office)
    waits = office.ask("track", {"invoice_number": "7", "tracking_number": "BR1"}, order_id="2-01")
    office.finish(waits, WAIT)
    done = office.ask("note", {"message": "call us"})
    office.finish(done)
    new = office.ask("cancel", {"reason": "fraud"}, "c-1")
    return {"parked": parked, "waits": waits, "done": done, "new": new}


@pytest.mark.parametrize(
    ("options", "found"),
    [
        pytest.param([], "new done waits parked", id="all, the latest changed first"),
        pytest.param(["--standing", "waiting"], "waits", id="by standing"),
        pytest.param(["--standing", "active"], "new", id="those that are worked on"),
        pytest.param(["--kind", "cancel"], "new", id="by kind"),
        pytest.param(["--order", "2-01"], "waits", id="by order"),
        pytest.param(["--cause", CAUSE], "parked", id="by cause"),
        pytest.param(["--account", STORE, "--kind", "note"], "done", id="by two"),
        pytest.param(["--kind", "change"], "", id="none"),
    ],
)
def test_commands_are_listed_by_what_is_asked_for(
    shop: Shop, four: dict[str, str], options: list[str], found: str
) -> None:
    answer = shop.answers("commands", "list", *options)

    assert [row["id"] for row in answer["commands"]] == [four[name] for name in found.split()]
    assert answer["total"] == len(found.split())


def test_commands_are_listed_by_when_they_were_asked_for(shop: Shop, office: Office) -> None:
    office.clock.now = datetime.now(UTC) - timedelta(hours=3)
    old = office.ask("cancel", {"reason": "fraud"}, order_id="1-01")
    office.clock.now = datetime.now(UTC) - timedelta(hours=1)
    office.ask("cancel", {"reason": "fraud"}, order_id="2-01")

    answer = shop.answers("commands", "list", "--older-than", "2h")

    assert [row["id"] for row in answer["commands"]] == [old]


def test_the_list_tells_why_commands_wait_and_how_many_more_there_are(
    shop: Shop, four: dict[str, str]
) -> None:
    waiting = shop.prints("commands", "list", "--standing", "waiting")
    some = shop.prints("commands", "list", "--limit", "1")
    none = shop.prints("commands", "list", "--kind", "change")

    assert four["waits"] in waiting
    assert "order.changing" in waiting
    assert "3 more; see them with --limit" in some
    assert four["parked"] not in some
    assert none == "No commands.\n"


def test_a_command_is_shown_whatever_its_standing(
    shop: Shop, four: dict[str, str], office: Office
) -> None:
    output = shop.prints("commands", "show", four["new"])
    answer = shop.answers("commands", "show", four["waits"])

    assert f"order id: {ORDER}\n" in output
    assert '"reason": "fraud"' in output
    assert (answer["standing"], answer["cause"]) == ("waiting", "order.changing")
    assert answer["updated_at"] == office.row(four["waits"])["updated_at"].isoformat()


def test_a_command_that_is_not_there_is_one_line(shop: Shop) -> None:
    result = shop.types("commands", "show", "nope")

    assert result.exit_code == 1
    assert result.stderr == "Error: There is no command nope. See: orders-sync commands list\n"
