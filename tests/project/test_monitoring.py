"""The alerts and the dashboard, held against the metrics that the package really exposes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics_core import Metric

from orders_sync.doctor.work import LATE_COMMANDS, LATE_ORDERS, URGENT_KINDS
from orders_sync.metrics import Metrics
from orders_sync.metrics.ledger import LedgerCollector
from orders_sync.metrics.shared import BrokerCollector, TrafficCollector

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "monitoring"
RULES: dict[str, Any] = yaml.safe_load((MONITORING / "alerts.yml").read_text())
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
OPERATIONS = ROOT / "docs" / "operations.md"

EACH_RULE = [rule for group in RULES["groups"] for rule in group["rules"]]
ALERTS = [rule for rule in EACH_RULE if "alert" in rule]
RECORDED = {rule["record"] for rule in EACH_RULE if "record" in rule}
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = {rule.get("alert") or rule["record"]: rule["expr"] for rule in EACH_RULE} | {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in PANELS
    for target in panel["targets"]
}

#: What Prometheus itself knows of every process.
FROM_PROMETHEUS = {"up", "process_cpu_seconds_total", "process_resident_memory_bytes"}

_NAME = re.compile(r"\b(?:(?:orders_sync|process)[_:][a-z0-9_:]+|up(?={))")
_SUFFIXES = {"counter": ["_total"], "info": ["_info"], "histogram": ["_bucket", "_count", "_sum"]}


def metrics() -> Iterator[Metric]:
    yield from Metrics().registry.collect()
    yield from LedgerCollector(lambda: None, dict).describe()
    yield from BrokerCollector(lambda: None).describe()
    yield from BrokerCollector(lambda: None).collect()
    yield from TrafficCollector(lambda: None).describe()


def exposed_names() -> set[str]:
    return {
        metric.name + suffix
        for metric in metrics()
        for suffix in _SUFFIXES.get(metric.type, [""])
        if metric.name.startswith("orders_sync")
    }


@pytest.fixture(scope="module")
def promtool() -> str:
    """Give the path of promtool; without it tests are skipped, but not in CI."""
    found = shutil.which("promtool")
    if found is None:
        reason = "promtool was not found. Install it: apt-get install prometheus"
        if os.environ.get("CI") == "true":  # noqa: TID251 - no setting of the project's
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["check", "rules", "alerts.yml"], id="the rules"),
        pytest.param(["check", "config", "prometheus.yml"], id="the scrape example"),
        pytest.param(["test", "rules", "alerts_test.yml"], id="what makes each alert fire"),
    ],
)
def test_promtool_finds_nothing_wrong(promtool: str, arguments: list[str]) -> None:
    done = subprocess.run(
        [promtool, *arguments], cwd=MONITORING, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_every_metric_that_is_asked_for_is_exposed(expression: str) -> None:
    names = set(_NAME.findall(expression))

    assert names
    assert names <= exposed_names() | RECORDED | FROM_PROMETHEUS


def test_every_metric_that_is_exposed_is_on_the_dashboard_or_in_an_alert() -> None:
    asked = set(_NAME.findall("\n".join(EXPRESSIONS.values())))

    unused = {
        metric.name
        for metric in metrics()
        if metric.name.startswith("orders_sync")
        and not any(name.startswith(metric.name) for name in asked)
    }

    assert unused == set()


def test_every_metric_says_what_it_is() -> None:
    undocumented = [metric.name for metric in metrics() if not metric.documentation]

    assert undocumented == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_is_tested_and_says_what_it_means_and_where_to_read_on(
    alert: dict[str, Any],
) -> None:
    tests = (MONITORING / "alerts_test.yml").read_text()

    assert alert["annotations"].keys() == {"summary", "description", "runbook"}
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert re.fullmatch(r"docs/operations\.md#alert-[a-z-]+", alert["annotations"]["runbook"])
    assert alert["alert"].removeprefix("OrdersSync") in tests


@pytest.mark.parametrize(
    ("name", "bound"),
    [("OrdersSyncOrdersLate", LATE_ORDERS), ("OrdersSyncCommandsLate", LATE_COMMANDS)],
)
def test_alerts_and_screens_call_the_same_age_late(name: str, bound: timedelta) -> None:
    (alert,) = (each for each in ALERTS if each["alert"] == name)

    assert alert["expr"].endswith(f" > {bound.total_seconds():.0f}")
    assert "commands" not in alert["expr"] or all(kind in alert["expr"] for kind in URGENT_KINDS)


@pytest.mark.skipif(not OPERATIONS.exists(), reason="docs/operations.md is not written yet")
@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_the_page_of_every_alert_exists(alert: dict[str, Any]) -> None:
    _, _, anchor = alert["annotations"]["runbook"].partition("#")

    assert anchor in anchors(OPERATIONS.read_text())


def test_every_panel_has_a_place_and_the_data_source_that_is_chosen() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    sources = [each["datasource"]["uid"] for each in PANELS]
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}

    assert len(set(ids)) == len(ids)
    assert set(sources) == {"${datasource}"}
    assert variables == {"datasource", "account"}
    assert all(panel["title"] for panel in PANELS)
    assert overlapping(DASHBOARD["panels"]) == []


def anchors(page: str) -> set[str]:
    """Give the anchors that GitHub makes of a page's headings, and those it sets itself."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
    return made | set(re.findall(r'<a (?:id|name)="([^"]+)"', page))


def overlapping(panels: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Give the cells of the grid that two panels stand on, and those beyond its 24 columns."""
    taken: set[tuple[int, int]] = set()
    twice = []
    for place in (panel["gridPos"] for panel in panels):
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in taken or x >= 24:
                    twice.append((x, y))
                taken.add((x, y))
    return twice
