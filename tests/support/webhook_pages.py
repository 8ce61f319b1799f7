"""The schemas and examples in docs/webhook-erp, as they have to be.

    PYTHONPATH=tests python -m support.webhook_pages

writes them again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from orders_sync.domain.differences import Changes, LineChange, LineState
from orders_sync.domain.order import Order, OrderLine
from orders_sync.erp.base import CancelAnswer, ChangeAnswer, Verdict
from orders_sync.erp.webhook_messages import (
    VERSION,
    CancelData,
    CancelMessage,
    CancelReply,
    ChangedData,
    ChangedMessage,
    ChangedReply,
    CheckData,
    CheckMessage,
    ConsiderData,
    ConsiderMessage,
    ConsiderReply,
    OutcomeData,
    OutcomeMessage,
    OutcomeOfCommand,
    PlaceData,
    PlaceMessage,
    PlaceReply,
    Refusal,
    schemas,
)
from orders_sync.testing.factories import make_line, make_order

FOLDER: Final = Path(__file__).parents[2] / "docs" / "webhook-erp" / f"v{VERSION}"
STORE: Final = "mystore"
_AT: Final = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def pages() -> Mapping[str, str]:
    """Return each file's text, by its name."""
    return {
        **{f"{name}.schema.json": _text(schema) for name, schema in schemas().items()},
        **{f"{name}.json": f"{model.model_dump_json(indent=2)}\n" for name, model in examples()},
    }


def examples() -> list[tuple[str, BaseModel]]:
    """Return an example of each message and reply, by the name of its schema."""
    order = make_order("1172452900788-01", account=STORE, lines=[make_line(quantity=2)])
    less, changes = _with_a_piece_less(order)
    of = {"account": STORE, "order_id": order.order_id}
    invoiced = OutcomeOfCommand(
        **of, key="INV-1001", command="invoice", outcome="done", reason=None, receipt="6e1c0b3a"
    )
    return [
        ("erp.place", PlaceMessage(timestamp=_AT, data=PlaceData(**of, order=order))),
        ("erp.place.reply", PlaceReply(reference="SO-1001")),
        (
            "erp.changed",
            ChangedMessage(timestamp=_AT, data=ChangedData(**of, order=less, changes=changes)),
        ),
        ("erp.changed.reply", ChangedReply(answer=ChangeAnswer.TAKEN)),
        ("erp.cancel", CancelMessage(timestamp=_AT, data=CancelData(**of, reason="canceled"))),
        ("erp.cancel.reply", CancelReply(answer=CancelAnswer.CANCELLED)),
        ("erp.consider", ConsiderMessage(timestamp=_AT, data=ConsiderData(**of, order=order))),
        (
            "erp.consider.reply",
            ConsiderReply(answer=Verdict.DENY, reason="O pedido já foi embalado."),
        ),
        (
            "erp.outcome",
            OutcomeMessage(timestamp=_AT, data=OutcomeData(account=STORE, outcomes=(invoiced,))),
        ),
        ("erp.check", CheckMessage(timestamp=_AT, data=CheckData(account=STORE))),
        ("refusal", Refusal(code="no_credit", reason="Credit limit reached.", sku=None)),
    ]


def _with_a_piece_less(order: Order) -> tuple[Order, Changes]:
    """Return an order of which the shopper gave a piece back, and how it differs."""
    [line] = order.lines
    quantity = line.quantity - 1
    less = replace(line, quantity=quantity, total_cents=quantity * line.selling_price_cents)
    left = make_order(order.order_id, account=STORE, lines=[less])
    change = LineChange(line.index, line.line_id, line.sku, _state(line), _state(less))
    return left, Changes(2, order.value_cents, left.value_cents, lines=(change,))


def _state(line: OrderLine) -> LineState:
    return LineState(
        line.quantity,
        line.unit_multiplier,
        line.selling_price_cents,
        line.total_cents,
        line.tax_cents,
    )


def _text(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
