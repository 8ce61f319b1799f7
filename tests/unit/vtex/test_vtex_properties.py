"""What holds for whatever ids, money, times, fields and statuses VTEX and an ERP come up with."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from hypothesis import given
from hypothesis import strategies as st
from unit.vtex.calls import REMOVAL, TRACKING
from unit.vtex.recording import CREDENTIALS, Recorder

from orders_sync.commands.body import Quantity
from orders_sync.commands.cancel import CancelBody
from orders_sync.commands.deny import DenyBody
from orders_sync.commands.invoice import InvoiceBody
from orders_sync.commands.note import NoteBody
from orders_sync.commands.track import TrackBody, TrackingEvent
from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.documents import parse_timestamp
from orders_sync.vtex.exchange import Response
from orders_sync.vtex.names import INVOICE, PARCEL, PROGRESS, encode
from orders_sync.vtex.translate import fulfilment

ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text not in {".", ".."}
)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda n: timezone(timedelta(minutes=n)))
moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=offsets)  # noqa: DTZ001 - hypothesis adds the offset.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@given(ids, ids)
def test_every_id_of_every_route_stays_one_segment(order_id: str, other_id: str) -> None:
    recorder = Recorder([Response(200, {}, b'{"requestId": "R"}')] * 8)
    client = VtexClient("mystore", recorder, CREDENTIALS)

    client.cancel_order(order_id, CancelBody(reason="why"))
    client.deny_cancellation(order_id, "C", DenyBody(reason="why"))
    client.add_interaction(order_id, NoteBody(message="note"))
    client.create_change(order_id, REMOVAL)
    client.update_invoice(order_id, other_id, TRACKING)
    client.get_change_detail(order_id, other_id)

    segments = [segments_of(sent.path) for sent in recorder.requests]
    assert all(order_id in found for found in segments)
    assert all(other_id in found for found in segments[4:])
    assert [len(found) for found in segments] == [7, 7, 7, 6, 8, 7]


def segments_of(path: str) -> list[str]:
    """Split a path as it leaves the HTTP library."""
    url = requests.Request("GET", f"http://127.0.0.1{path}").prepare().url or ""
    return [unquote(part) for part in urlsplit(url).path.split("/")]


@given(
    value=st.integers(1, 10**12),
    items=st.dictionaries(
        texts.filter(str.strip), st.tuples(st.integers(1, 10**6), st.integers(0, 10**9)), min_size=1
    ),
    issued_at=moments,
)
def test_money_reaches_the_wire_to_the_cent(
    value: int, items: dict[str, tuple[int, int]], issued_at: datetime
) -> None:
    rows = tuple(
        Quantity.model_construct(sku=sku, quantity=quantity, price_cents=price)
        for sku, (quantity, price) in items.items()
    )
    invoice = InvoiceBody(number="NF1").model_copy(
        update={"issued_at": issued_at, "value_cents": value, "items": rows}
    )

    body = json.loads(json.dumps(encode(invoice, INVOICE)))

    assert (body["invoiceValue"], int(body["invoiceValue"])) == (str(value), value)
    assert {it["id"]: (it["quantity"], it["price"]) for it in body["items"]} == items
    assert datetime.fromisoformat(body["issuanceDate"]) == issued_at.replace(microsecond=0)


@given(st.integers(-(10**12), 10**12), st.sampled_from(["whole", "text", "float"]))
def test_money_is_read_to_the_cent_however_it_is_written(cents: int, form: str) -> None:
    written = {"whole": cents, "text": str(cents), "float": float(cents)}[form]
    package = {"type": "Output", "invoiceNumber": "1", "invoiceValue": written}
    document = {"value": written, "packageAttachment": {"packages": [package]}}

    found = fulfilment(json.dumps(document).encode())

    assert (found.value_cents, found.invoiced_cents, found.remaining_cents) == (cents, cents, 0)


@given(
    moment=st.datetimes(datetime(2, 1, 1)),  # noqa: DTZ001 - the offset is part of the text.
    digits=st.integers(0, 7),
    fraction=st.integers(0, 9_999_999),
    offset=st.sampled_from(["Z", "+00:00", "-0000", ""]),
    separator=st.sampled_from("T "),
)
def test_a_timestamp_of_any_precision_is_read(
    moment: datetime, digits: int, fraction: int, offset: str, separator: str
) -> None:
    digits_text = f"{fraction:07d}"[:digits]
    text = f"{moment:%H:%M:%S}" + (f".{digits_text}" if digits else "") + offset

    found = parse_timestamp(f"{moment.date().isoformat()}{separator}{text}")

    microsecond = int(digits_text.ljust(6, "0")[:6])
    assert found == moment.replace(microsecond=microsecond, tzinfo=UTC)


@given(moments)
def test_a_time_keeps_its_clock_on_every_way_to_the_wire(moment: datetime) -> None:
    event = TrackingEvent.model_construct(city="", state="", description="", date=moment)
    body = TrackBody(invoice_number="7", tracking_number="T").model_copy(
        update={"dispatched_at": moment, "delivered_at": moment, "events": (event,)}
    )

    written = {**encode(body, PARCEL), **encode(body, PROGRESS)}

    whole = datetime.fromisoformat(written["dispatchedDate"])
    assert (whole, whole.utcoffset()) == (moment.replace(microsecond=0), moment.utcoffset())
    assert written["events"][0]["date"] == moment.strftime("%Y-%m-%d")
    assert written["deliveredDate"] == moment.strftime("%Y-%m-%d %H:%M")


@given(st.dictionaries(texts.map(lambda name: f"x{name}"), values, max_size=4), texts | st.none())
def test_unknown_fields_and_statuses_are_no_hindrance(
    extra: dict[str, Any], status: str | None
) -> None:
    package = {"invoiceValue": 1, "type": "Output", "courierStatus": extra, **extra}
    document = {"value": 1, "packageAttachment": {"packages": [package], **extra}, **extra}

    found = fulfilment(json.dumps({**document, "status": status}).encode())

    assert (found.status, found.invoiced_cents) == (status or None, 1)
