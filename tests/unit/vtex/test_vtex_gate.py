from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from unit.vtex.recording import CREDENTIALS, Recorder

from orders_sync.errors import NotFound, OrdersSyncError, WaitError
from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.exchange import Header, Heard, Response


class Gatekeeper:
    """Keeps what it is asked, what it hears, and how calls end; it lets all pass, or none."""

    def __init__(self, refusal: WaitError | None = None) -> None:
        self.refusal = refusal
        self.groups: list[str] = []
        self.heard: list[tuple[int, str | None]] = []
        self.raised: list[type[Exception]] = []

    @contextmanager
    def __call__(self, group: str, /) -> Iterator[Heard]:
        self.groups.append(group)
        if self.refusal is not None:
            raise self.refusal

        def hear(status: int, header: Header) -> None:
            self.heard.append((status, header("ratelimit-remaining")))

        try:
            yield hear
        except OrdersSyncError as error:
            self.raised.append(type(error))
            raise


def client_behind(gate: Gatekeeper, *answers: Response) -> tuple[VtexClient, Recorder]:
    recorder = Recorder(list(answers))
    return VtexClient("mystore", recorder, CREDENTIALS, gate=gate), recorder


def test_calls_pass_the_gate_by_the_name_of_their_operation() -> None:
    gate = Gatekeeper()
    client, _ = client_behind(gate, Response(200, {}, b'{"orderId": "123-01"}'), Response(204))

    client.get_order("123-01")
    client.start_handling("123-01")

    assert gate.groups == ["get_order", "start_handling"]


def test_the_gate_hears_status_and_headers_of_refusals_too() -> None:
    gate = Gatekeeper()
    client, _ = client_behind(gate, Response(404, {"Ratelimit-Remaining": "7"}, b"{}"))

    with pytest.raises(NotFound):
        client.get_order("123-01")

    assert gate.heard == [(404, "7")]
    assert gate.raised == [NotFound]


def test_a_call_that_may_not_be_made_is_not_sent() -> None:
    refusal = WaitError("the calls of this minute are used up", 3.5)
    client, recorder = client_behind(Gatekeeper(refusal))

    with pytest.raises(WaitError) as raised:
        client.get_order("123-01")

    assert raised.value is refusal
    assert recorder.requests == []
