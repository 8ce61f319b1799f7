"""The page of the adapter `webhook`, its schemas and its examples, against the code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.flow import STORE, Flow
from support.webhook_pages import FOLDER, examples, pages

from orders_sync.domain.order import Order
from orders_sync.erp.webhook_calls import WebhookOptions
from orders_sync.erp.webhook_messages import MESSAGES, PlaceData, PlaceMessage, Verb
from orders_sync.testing.clock import SettableClock
from orders_sync.vtex.translate import order as read_order

PAGE = (FOLDER.parents[1] / "webhook-erp.md").read_text()
WRITE = "PYTHONPATH=tests python -m support.webhook_pages"


def schema(name: str) -> Draft202012Validator:
    document = json.loads((FOLDER / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_what_is_published_is_what_is_sent() -> None:
    published = {path.name: path.read_text() for path in FOLDER.iterdir()}

    assert published == pages(), f"write them again, and see whether it is another version: {WRITE}"


@pytest.mark.parametrize("name", [name for name, _ in examples()])
def test_an_example_is_as_its_schema_says(name: str) -> None:
    schema(name).validate(json.loads((FOLDER / f"{name}.json").read_text()))


def test_every_message_has_its_schema_and_its_example() -> None:
    names = {f"erp.{verb}" for verb in Verb}

    assert names <= {name for name, _ in examples()}
    assert names <= set(re.findall(r"^\| `(erp\.\w+)` \|", PAGE, re.MULTILINE))


@pytest.fixture
def orders(tmp_path: Path, clock: SettableClock) -> Iterator[list[Order]]:
    """Give orders of the sandbox, of every kind that it makes."""
    with closing(Flow(tmp_path, clock)) as flow:
        vtex = flow.services.vtex(STORE)
        yield [read_order(STORE, vtex.get_order(name)) for name in flow.box.create_orders(100)]


def test_any_order_is_as_the_schema_says_and_adds_up_to_the_cent(orders: list[Order]) -> None:
    validator = schema("erp.place")
    for order in orders:
        message = PlaceMessage(
            timestamp=order.created_at,
            data=PlaceData(account=STORE, order_id=order.order_id, order=order),
        )
        sent = json.loads(message.model_dump_json())

        validator.validate(sent)
        assert reckoned(sent["data"]["order"]) == sent["data"]["order"]["value_cents"]


def reckoned(order: Mapping[str, Any]) -> int:
    """Sum an order as the page says."""
    lines = sum(line["total_cents"] + line["tax_cents"] for line in order["lines"])
    services = sum(
        service["quantity"] * service["price_cents"]
        for line in order["lines"]
        for service in line["services"]
        if not service["is_in_line"]
    )
    beside = ("freight_cents", "discounts_cents", "changes_cents", "other_cents")
    parts = sum(order["reckoning"][name] for name in (*beside, "difference_cents"))
    return int(lines + services + parts)


def test_the_page_names_every_option_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", PAGE, re.MULTILINE))

    assert set(WebhookOptions.model_fields) <= set(rows)
    for name in ("connect_seconds", "read_seconds", "total_seconds"):
        assert rows[name] == f"{WebhookOptions.model_fields[name].default:g}"


def test_the_page_shows_each_reply_as_its_model_reads_it() -> None:
    rows = re.findall(r"^\| `erp\.(\w+)` \|.*\| `(\{.*\})` \|$", PAGE, re.MULTILINE)

    shown = {Verb(verb): reply for verb, reply in rows}
    for verb, (_, model) in MESSAGES.items():
        if model is not None:
            model.model_validate_json(shown[verb])
