from __future__ import annotations

from types import SimpleNamespace

import pytest
from celery.worker.control import Panel

from orders_sync.broker.consumer import looking_only

OF_TYPE = {name: command.type for name, command in Panel.meta.items()}
ALIASES = Panel.data.keys() - OF_TYPE.keys()
STATE = SimpleNamespace(hostname="one@a")


@pytest.mark.parametrize("name", [name for name, kind in OF_TYPE.items() if kind == "control"])
def test_a_command_that_changes_something_is_refused_and_says_what_allows_it(name: str) -> None:
    handler = looking_only(Panel.data, Panel.meta)[name]

    if name in {"enable_events", "heartbeat"}:
        assert handler is Panel.data[name]
    else:
        assert "ORDERS_SYNC_ALLOW_CONTROL" in handler(STATE, task_id="7")["error"]


@pytest.mark.parametrize("name", [name for name, kind in OF_TYPE.items() if kind == "inspect"])
def test_a_command_that_looks_is_obeyed_under_each_of_its_names(name: str) -> None:
    handlers = looking_only(Panel.data, Panel.meta)

    names = {name, *(alias for alias in ALIASES if Panel.data[alias] is Panel.data[name])}
    changed = {each for each in names if handlers[each] is not Panel.data[each]}
    assert changed == (names if name in {"hello", "objgraph"} else set())


def test_a_command_that_somebody_added_is_refused() -> None:
    handlers = looking_only({**Panel.data, "wipe": lambda _: "wiped"}, Panel.meta)

    assert "error" in handlers["wipe"](STATE)


def test_a_greeting_brings_no_revoked_ids_along() -> None:
    heard: list[object] = []
    data = {**Panel.data, "hello": lambda _, node, revoked, **__: heard.append((node, revoked))}

    looking_only(data, Panel.meta)["hello"](STATE, from_node="two@b", revoked=["7"])

    assert heard == [("two@b", None)]
