"""The feed's configuration: read in both spellings, checked, compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orders_sync.errors import ConfigurationError, Unreadable
from orders_sync.vtex.feed import FeedConfiguration, FeedFilter, FeedQueue, feed_configuration

SAMPLES = Path(__file__).parents[2] / "samples" / "vtex"

WANTED = FeedConfiguration.from_workflow(
    ["ready-for-handling", "canceled"], visibility_seconds=240, retention_seconds=345_600
)


def read(name: str, **changes: Any) -> FeedConfiguration:
    found = feed_configuration(json.loads((SAMPLES / name / "body").read_bytes()) | changes)
    assert found is not None
    return found


def test_the_documented_spelling_is_read() -> None:
    found = read("feed-configuration")

    assert found.filter.status == ("ready-for-handling", "canceled")
    assert found.queue == FeedQueue(visibility_seconds=240, retention_seconds=345_600)
    assert (found.quantity, found.oldest_event_seconds) == (127, 78.5)


def test_the_other_spelling_is_read() -> None:
    found = read("feed-configuration-other-spelling")

    assert found.filter.expression == 'status = "payment-pending"'
    assert found.queue == FeedQueue(visibility_seconds=250, retention_seconds=1_209_600)
    assert (found.quantity, found.oldest_event_seconds) == (0, 0)


def test_what_vtex_takes_is_worded_as_it_documents_it() -> None:
    assert WANTED.to_wire() == {
        "filter": {"type": "FromWorkflow", "status": ["ready-for-handling", "canceled"]},
        "queue": {
            "visibilityTimeoutInSeconds": 240,
            "MessageRetentionPeriodInSeconds": 345_600,
        },
    }


def test_what_vtex_adds_survives_a_round_trip_and_its_figures_do_not() -> None:
    found = read("feed-configuration", newField=[1])

    assert found.to_wire() == WANTED.to_wire() | {"newField": [1]}


@pytest.mark.parametrize("data", [[1], "FromWorkflow", {"queue": 7}, {"filter": {"status": 7}}])
def test_what_is_no_configuration_is_unreadable(data: Any) -> None:
    with pytest.raises(Unreadable, match="feed's configuration"):
        feed_configuration(data)


@pytest.mark.parametrize(
    ("queue", "named"),
    [
        pytest.param({"visibility_seconds": 43_201}, "visibilityTimeoutInSeconds", id="hidden"),
        pytest.param({"visibility_seconds": -1}, "visibilityTimeoutInSeconds", id="below zero"),
        pytest.param({"visibility_seconds": None}, "visibilityTimeoutInSeconds", id="missing"),
        pytest.param({"retention_seconds": 345_599}, "MessageRetentionPeriod", id="too short"),
        pytest.param({"retention_seconds": 1_209_601}, "MessageRetentionPeriod", id="too long"),
    ],
)
def test_a_figure_out_of_bounds_is_named(queue: dict[str, Any], named: str) -> None:
    configuration = WANTED.model_copy(update={"queue": WANTED.queue.model_copy(update=queue)})

    with pytest.raises(ConfigurationError, match=named):
        configuration.check()


@pytest.mark.parametrize(
    "filter_",
    [
        pytest.param(FeedFilter(type="FromWorkflow", expression="true"), id="expression"),
        pytest.param(FeedFilter(type="FromWorkflow", disable_single_fire=True), id="single fire"),
        pytest.param(FeedFilter(type="FromOrders", status=("handling",)), id="status"),
        pytest.param(FeedFilter(type="FromNowhere"), id="unknown type"),
    ],
)
def test_a_filter_that_vtex_refuses_is_named(filter_: FeedFilter) -> None:
    configuration = WANTED.model_copy(update={"filter": filter_})

    with pytest.raises(ConfigurationError, match="filter"):
        configuration.check()


@pytest.mark.parametrize("seconds", [(0, 345_600), (43_200, 1_209_600)])
def test_the_bounds_themselves_are_taken(seconds: tuple[int, int]) -> None:
    visibility, retention = seconds

    FeedConfiguration.from_workflow(
        ["handling"], visibility_seconds=visibility, retention_seconds=retention
    ).check()


def test_the_order_of_statuses_and_the_figures_make_no_difference() -> None:
    found = read(
        "feed-configuration",
        filter={"type": "FromWorkflow", "status": ["canceled", "ready-for-handling"]},
    )

    assert found.difference(WANTED) == []


@pytest.mark.parametrize(
    ("changes", "differences"),
    [
        pytest.param(
            {"filter": {"type": "FromWorkflow", "status": ["canceled", "invoiced"]}},
            [
                "filter.status lacks ready-for-handling",
                "filter.status has beside what is wanted invoiced",
            ],
            id="other statuses",
        ),
        pytest.param(
            {"filter": {"type": "FromWorkflow"}},
            ["filter.status is every status, wanted canceled, ready-for-handling"],
            id="no statuses",
        ),
        pytest.param(
            {"filter": {"type": "FromOrders", "expression": "true", "disableSingleFire": True}},
            [
                "filter.status is every status, wanted canceled, ready-for-handling",
                "filter.type is FromOrders, wanted FromWorkflow",
                "filter.expression is true, wanted None",
                "filter.disableSingleFire is True, wanted False",
            ],
            id="another type",
        ),
        pytest.param(
            {"queue": {"visibilityTimeoutInSeconds": 30}},
            [
                "queue.visibilityTimeoutInSeconds is 30, wanted 240",
                "queue.MessageRetentionPeriodInSeconds is None, wanted 345600",
            ],
            id="another queue",
        ),
    ],
)
def test_differences_are_told_for_a_person(changes: dict[str, Any], differences: list[str]) -> None:
    assert read("feed-configuration", **changes).difference(WANTED) == differences
