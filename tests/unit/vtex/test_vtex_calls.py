"""What holds for every call of the client, whichever it is."""

from __future__ import annotations

import pytest
from unit.vtex.calls import CALLS, Call
from unit.vtex.recording import client_of

from orders_sync.errors import (
    AuthFailed,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unavailable,
)
from orders_sync.vtex.exchange import Response

#: Methods that change nothing in VTEX, so that a lost answer costs nothing.
READS = {
    "evaluate_jsonata",
    "get_change_detail",
    "get_change_history",
    "get_change_summary",
    "get_feed",
    "get_feed_configuration",
    "get_hook_configuration",
    "get_order",
    "get_order_group",
    "get_payment_transaction",
    "iterate_orders",
    "list_orders",
    "preview_change",
}

every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@every_call
def test_a_call_is_made_once_with_the_headers_vtex_requires(call: Call) -> None:
    client, recorder = client_of("rate-limited-429")

    with pytest.raises(RateLimited):
        call.make(client)

    (sent,) = recorder.requests
    assert sent.headers["Accept"] == sent.headers["Content-Type"] == "application/json"
    assert sent.headers["X-VTEX-API-AppKey"] == "the-key"
    assert sent.headers["X-VTEX-API-AppToken"] == "the-token"
    assert sent.headers["User-Agent"].startswith("orders_sync/")


@every_call
@pytest.mark.parametrize("answer", ["server-error-500", "bad-gateway-502", "breaker-open-503"])
def test_a_server_error_leaves_only_writes_in_doubt(call: Call, answer: str) -> None:
    client, recorder = client_of(answer)

    with pytest.raises(Unavailable if call.method in READS else OutcomeUnknown):
        call.make(client)
    assert len(recorder.requests) == 1


@every_call
@pytest.mark.parametrize("answer", ["forbidden-403", "login-page-200", "login-redirect-302"])
def test_a_call_without_permission_says_so(call: Call, answer: str) -> None:
    client, _ = client_of(answer)

    with pytest.raises(AuthFailed):
        call.make(client)


@every_call
def test_a_refusal_carries_vtexs_code_and_words_and_names_the_call(call: Call) -> None:
    client, _ = client_of("change-in-progress-400")

    with pytest.raises(Refused, match=call.method.replace("iterate", "(list|get)")) as raised:
        call.make(client)
    assert raised.value.code == "SalesOrderSystem014"
    assert "Change In Progress" in raised.value.vtex_message


ONE_OR_NONE = {"get_feed_configuration", "get_hook_configuration"}


@pytest.mark.parametrize(
    "call",
    [pytest.param(it, id=name) for name, it in CALLS.items() if it.method not in ONE_OR_NONE],
)
def test_what_vtex_does_not_know_is_not_found(call: Call) -> None:
    client, _ = client_of("invoice-not-found-404")

    with pytest.raises(NotFound, match="Invoice Not Found"):
        call.make(client)


#: Methods that give nothing back, so that VTEX's 2xx is all there is to read.
SILENT = {
    "add_interaction",
    "cancel_change",
    "commit_feed",
    "delete_hook_configuration",
    "deny_cancellation",
    "notify_payment",
    "retry_change",
    "set_feed_configuration",
    "set_hook_configuration",
}


@every_call
def test_an_answer_that_is_not_json_never_passes_for_data(call: Call) -> None:
    client, _ = client_of(Response(200, {}, b'{"cut": '))

    if call.method in SILENT:
        assert call.make(client) is None
    else:
        with pytest.raises(Unavailable if call.method in READS else OutcomeUnknown):
            call.make(client)
