"""Every request that the client can make, against VTEX's own OpenAPI document."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Final

import pytest
from unit.vtex.calls import CALLS, Call
from unit.vtex.openapi import Vtex, load
from unit.vtex.recording import client_of

from orders_sync.errors import OrdersSyncError
from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.exchange import Request, Response

#: What VTEX's document has against a request of ours, and why the request is right.
DEVIATIONS: Final[dict[str, tuple[set[str], str]]] = {
    "deny cancellation": (
        {"PathNotFound"},
        "The document lacks the route; VTEX's guide to cancellations has it.",
    ),
    "set hook configuration": (
        {"$.hook.headers required"},
        "The document takes its example's header, named `key`, for one that must be there.",
    ),
    "preview removal": (
        {"$ required"},
        "The document wants `replace` in every preview; its text takes `remove` and `add` too.",
    ),
}

#: What a request sends that VTEX's document does not name, and why.
UNDOCUMENTED: Final[dict[str, tuple[set[str], str]]] = {
    "set hook configuration": (
        {"$.hook.headers.X-Secret"},
        "A header's name is the store's own.",
    ),
    "invoice with every field": (
        {"$.cfop"},
        "VTEX stores it of a package and names it as an input of the invoice's other route.",
    ),
    "create change of every kind": (
        {
            "$.add",
            "$.remove",
            "$.manualDiscountValue",
            "$.manualIncrementValue",
            "$.replace[].to.items[].price",
        },
        "The schema holds `replace` alone; VTEX's text and its guide name the others.",
    ),
    "create change": (
        {"$.replace[].to.items[].price"},
        "VTEX's guide gives an item of either side a price; the schema only those of `from`.",
    ),
    "preview change": ({"$.replace[].to.items[].price"}, "As in `create change`."),
    "preview removal": ({"$.remove"}, "As in `create change of every kind`."),
}


@pytest.fixture(scope="module")
def vtex() -> Vtex:
    return load()


def request_of(call: Call) -> Request:
    client, recorder = client_of(Response(204))
    with suppress(OrdersSyncError):  # Only the request is of interest here.
        call.make(client)
    (request,) = recorder.requests
    return request


def deviation(table: dict[str, tuple[set[str], str]], name: str) -> set[str]:
    return table.get(name, (set[str](), ""))[0]


@pytest.mark.parametrize("name", CALLS)
def test_a_request_is_valid_by_vtexs_document(vtex: Vtex, name: str) -> None:
    request = request_of(CALLS[name])

    assert vtex.request_problems(request) == deviation(DEVIATIONS, name)


@pytest.mark.parametrize("name", CALLS)
def test_a_request_goes_to_the_operation_it_is_meant_for(name: str) -> None:
    call = CALLS[name]
    request = request_of(call)
    method, template = call.operation.split()

    assert request.method == method
    assert re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), request.path)


@pytest.mark.parametrize("name", CALLS)
def test_a_request_sends_nothing_that_vtexs_document_does_not_name(vtex: Vtex, name: str) -> None:
    if deviation(DEVIATIONS, name) == {"PathNotFound"}:
        return
    call = CALLS[name]

    surplus = vtex.undocumented(call.operation, request_of(call))

    assert surplus == deviation(UNDOCUMENTED, name)


def test_every_method_of_the_client_is_held_against_the_document() -> None:
    methods = {name for name in dir(VtexClient) if not name.startswith("_")}

    assert {call.method for call in CALLS.values()} == methods


@pytest.mark.parametrize("table", [DEVIATIONS, UNDOCUMENTED])
def test_every_deviation_is_of_a_call_and_has_its_reason(table: dict[str, Any]) -> None:
    assert table.keys() <= CALLS.keys()
    assert all(problems and reason.endswith(".") for problems, reason in table.values())
