"""Real workers whose traces a collector on the loopback gets, or never takes."""

from __future__ import annotations

import socket
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial

import pytest
from celery import Celery
from support.ingest import SpanSeen, ingesting
from support.plant import STORE, Plant
from support.waiting import until

from orders_sync.demo.evidence import contains_personal_data
from orders_sync.metrics.tracing import About

#: Each takes from its own queues, so that an order's way leads through both.
INWARD = "feed,orders,upkeep,celery"
OUTWARD = "erp,invoice"
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

#: What of an order's way has to be seen, parents before their children.
WAY = {
    "feed.poll",
    "orders.fetch",
    "GET get_order",
    "erp.hand_over",
    "erp.place_order",
    "orders.start_handling",
    "POST start_handling",
    "feed.acknowledge",
}


def start_worker(plant: Plant, name: str, queues: str, endpoint: str | None) -> None:
    words = f"-m celery -A orders_sync worker -P threads -c 4 -Q {queues} -n {name}@%h"
    where = {} if endpoint is None else {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    plant.start(name, (sys.executable, *words.split()), OTEL_BSP_SCHEDULE_DELAY="200", **where)


def by_trace(spans: Sequence[SpanSeen]) -> Mapping[str, list[SpanSeen]]:
    traces = defaultdict(list)
    for span in spans:
        traces[span.trace_id].append(span)
    return traces


def trace_of(account: str, order_id: str, command_id: str | None = None) -> str:
    return f"{About(account, order_id, command_id).trace_id:032x}"


def names(spans: Sequence[SpanSeen]) -> set[str]:
    return {span.name for span in spans}


def test_an_order_is_one_trace_and_so_is_a_command_through_all_processes(plant: Plant) -> None:
    orders = plant.box.create_orders(5)
    with ingesting() as collector:
        start_worker(plant, "inward", INWARD, collector.url)
        start_worker(plant, "outward", OUTWARD, collector.url)
        plant.start_beat()
        until(lambda: plant.are_handled(orders), "every order is handled")
        Celery(broker=plant.broker_url).send_task(
            "orders_sync.invoice",
            kwargs={"account": STORE, "order_id": orders[0], "invoice": {"number": "7"}},
            headers={"traceparent": CALLER},
        )

        def whole() -> bool:
            spans = collector.spans()
            ways = [names(by_trace(spans)[trace_of(STORE, order_id)]) for order_id in orders]
            return all(way >= WAY for way in ways) and "invoice.send" in names(spans)

        until(whole, "all is traced")
        traces, everything = by_trace(collector.spans()), collector.text()

    for order_id in orders:
        trace = traces[trace_of(STORE, order_id)]
        assert len({span.process for span in trace}) == 2
        assert {span.facts.get("orders_sync.order_id", order_id) for span in trace} == {order_id}
        ids = {span.span_id: span.name for span in trace}
        parents = {span.name: ids.get(span.parent_id) for span in trace}
        assert parents["POST start_handling"] == "orders.start_handling"
        assert parents["erp.place_order"] == "erp.hand_over"
        assert parents["feed.poll"] is None
    [command] = [t for t in traces.values() if "command.accept" in names(t)]
    assert names(command) >= {"command.accept", "invoice.send", "GET get_order", "POST invoice"}
    assert [span.links for span in command if span.name == "command.accept"] == [
        [CALLER.split("-")[1]]
    ]
    assert not contains_personal_data(everything, plant.box.people())
    assert len(plant.box.people()) > 10


@pytest.mark.parametrize("trouble", ["silent", "refuses", "away"])
def test_a_collector_in_trouble_holds_no_worker_and_keeps_none_from_ending(
    plant: Plant, trouble: str
) -> None:
    orders = plant.box.create_orders(5)
    with ingesting(status=500) as refusing, socket.create_server(("127.0.0.1", 0)) as mute:
        urls = {
            "silent": f"http://127.0.0.1:{mute.getsockname()[1]}",
            "refuses": refusing.url,
            "away": "http://127.0.0.1:9",
        }
        # A collector would be waited for by the SDK itself for half a minute at the end.
        plant.environment["OTEL_EXPORTER_OTLP_TIMEOUT"] = "600"
        start_worker(plant, "worker", f"{INWARD},{OUTWARD}", urls[trouble])
        plant.start_beat()

        until(partial(plant.are_handled, orders), "every order is handled")
        worker = plant.children["worker"]
        worker.terminate()
        ended = worker.ended_within(25)

    assert ended
    assert plant.log_of("worker").count("Traceback") == 0


def test_without_a_collector_nothing_of_it_is_imported(plant: Plant) -> None:
    # redis-py imports OpenTelemetry's interfaces by itself, where they are installed.
    heavy = ("opentelemetry.exporter", "opentelemetry.sdk.trace", "sentry_sdk")
    look = "import orders_sync.celery, sys; orders_sync.celery.app.services; "
    look += f"print([m for m in sys.modules if m.startswith({heavy})])"

    child = plant.start("look", (sys.executable, "-c", look))

    assert child.ended_within(60)
    assert plant.log_of("look").splitlines()[-1] == "[]"
