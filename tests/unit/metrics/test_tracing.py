"""When traces are made at all, and what their ids follow from."""

from __future__ import annotations

import sys

import pytest
from support.ingest import ingesting
from support.waiting import until

from orders_sync.bootstrap import connect_tracing
from orders_sync.errors import Refused, WaitError
from orders_sync.metrics.tracing import NO_TRACING, About
from orders_sync.settings import exports_traces

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.mark.parametrize(
    ("variables", "are_made"),
    [
        pytest.param({}, False, id="nothing is set"),
        pytest.param({ENDPOINT: "http://127.0.0.1:4318"}, True, id="a collector"),
        pytest.param(
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/x"}, True, id="for traces"
        ),
        pytest.param({ENDPOINT: ""}, False, id="empty"),
        pytest.param({ENDPOINT: "http://x", "OTEL_SDK_DISABLED": "TRUE"}, False, id="disabled"),
        pytest.param({ENDPOINT: "http://x", "OTEL_TRACES_EXPORTER": "none"}, False, id="none"),
    ],
)
def test_traces_are_made_where_the_environment_names_a_collector(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], are_made: bool
) -> None:
    for name in (ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert exports_traces() is are_made


@pytest.mark.parametrize("module", ["opentelemetry.sdk.trace", "orders_sync.metrics.otlp"])
def test_without_the_extra_everybody_works_on(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.delitem(sys.modules, "orders_sync.metrics.otlp", raising=False)
    monkeypatch.setitem(sys.modules, module, None)

    assert connect_tracing("host/1") is NO_TRACING


def test_a_variable_that_is_wrong_keeps_nobody_from_working(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")

    tracing = connect_tracing("host/1")

    with tracing.step("orders.fetch", About("shop", "1-01"), {}):
        pass
    tracing.close()


def test_an_order_and_each_of_its_commands_have_a_trace_of_their_own() -> None:
    ids = {
        About(account, order_id, command_id).trace_id
        for account in ("shop", "pets")
        for order_id in ("1-01", "2-01")
        for command_id in (None, f"{account}{order_id}a", f"{account}{order_id}b")
    }

    assert len(ids) == 12
    assert About("shop", "1-01").trace_id == About("shop", "1-01").trace_id
    assert all(0 < trace_id < 2**128 for trace_id in ids)


def test_an_error_is_noted_by_kind_and_cause_and_its_text_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ingesting() as collector:
        monkeypatch.setenv(ENDPOINT, collector.url)
        tracing = connect_tracing("host/1")
        for error in (
            Refused("OMS1", "maria@example.com"),
            WaitError("maria", 1),
            KeyError("maria"),
        ):
            with (
                pytest.raises(type(error)),
                tracing.step("orders.fetch", About("shop", "1-01"), {"orders_sync.attempt": 2}),
            ):
                raise error
        tracing.close()
        until(lambda: len(collector.spans()) == 3, "all are sent")
        spans, text = collector.spans(), collector.text()

    facts = [(s.facts["error.type"], s.facts.get("orders_sync.cause"), s.is_error) for s in spans]
    assert facts == [
        ("Refused", "vtex.refused", True),
        ("WaitError", "order.not_ready", False),
        ("KeyError", None, True),
    ]
    assert "maria" not in text
    assert "orders-sync" in spans[0].process


def test_a_call_that_no_step_makes_is_not_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    with ingesting() as collector:
        monkeypatch.setenv(ENDPOINT, collector.url)
        tracing = connect_tracing("host/1")
        with tracing.call("GET get_feed", {}) as span:
            span.note({"x": 1})
        with tracing.step("orders.fetch", About("shop", "1-01"), {}):
            pass
        tracing.close()

        assert [span.name for span in collector.spans()] == ["orders.fetch"]


def test_a_lot_that_failed_is_about_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with ingesting() as collector:
        monkeypatch.setenv(ENDPOINT, collector.url)
        tracing = connect_tracing("host/1")
        with pytest.raises(OSError), tracing.lot("feed.poll") as lot:  # noqa: PT011, PT012
            lot.add_all([About("shop", "1-01")])
            raise OSError
        with tracing.lot("feed.poll", caller="nonsense") as lot:
            lot.add_all([About("shop", "1-01"), About("shop", "x" * 65)])
        tracing.close()
        first, second = collector.spans()

    assert first.trace_id == f"{About('shop', '1-01').trace_id:032x}"
    assert first.facts == {"orders_sync.account": "shop", "orders_sync.order_id": "1-01"}
    assert second.facts == {"orders_sync.account": "shop"}
    assert first.links == []
