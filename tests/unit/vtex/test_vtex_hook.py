"""The hook's configuration, and expressions tried out."""

from __future__ import annotations

import pytest
from unit.vtex.calls import HOOK
from unit.vtex.recording import client_of

from orders_sync.errors import ConfigurationError, Refused, Unreadable
from orders_sync.vtex.exchange import Response
from orders_sync.vtex.feed import FeedFilter
from orders_sync.vtex.hook import Hook, HookConfiguration

URL = "https://erp.example.com/vtex/hook"
HEADERS = {"X-Integration-Secret": "made-up"}


def test_a_hook_is_read_and_unknown_fields_survive() -> None:
    client, _ = client_of("hook-configuration")

    found = client.get_hook_configuration()

    assert found is not None
    assert found.filter.status == ("ready-for-handling", "cancel")
    assert (found.hook.url, found.hook.headers) == (URL, HEADERS)
    assert found.to_wire()["newField"] == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("feed-not-configured", id="404"),
        pytest.param(Response(200), id="empty"),
        pytest.param(Response(200, {}, b"null"), id="null"),
        pytest.param(Response(200, {}, b'{"filter": null, "hook": null}'), id="nulls"),
    ],
)
def test_an_absent_hook_is_none(answer: Response | str) -> None:
    client, _ = client_of(answer)

    assert client.get_hook_configuration() is None


def test_a_hook_of_another_shape_is_unreadable_and_its_headers_are_not_shown() -> None:
    client, _ = client_of(Response(200, {}, b'{"hook": {"url": 1, "headers": {"a": "secret"}}}'))

    with pytest.raises(Unreadable, match=r"\$\.hook\.url") as raised:
        client.get_hook_configuration()
    assert "secret" not in str(raised.value)


def test_a_hook_is_set_and_deleted() -> None:
    client, recorder = client_of(Response(200), Response(200))

    client.set_hook_configuration(HOOK)
    client.delete_hook_configuration()

    assert [(it.method, it.path) for it in recorder.requests] == [
        ("POST", "/api/orders/hook/config"),
        ("DELETE", "/api/orders/hook/config"),
    ]
    assert HOOK.to_wire() == {
        "filter": {"type": "FromWorkflow", "status": ["ready-for-handling"]},
        "hook": {"url": "https://erp.example.com/hook", "headers": {"X-Secret": "made-up"}},
    }


def test_a_url_that_vtex_cannot_reach_is_refused_in_its_words() -> None:
    client, _ = client_of("hook-refused-400")

    with pytest.raises(Refused, match="Unable to check address"):
        client.set_hook_configuration(HOOK)


@pytest.mark.parametrize(
    ("hook", "named"),
    [
        pytest.param(Hook(url="http://erp.example.com", headers=HEADERS), "https", id="http"),
        pytest.param(Hook(url="https://", headers=HEADERS), "https", id="no host"),
        pytest.param(Hook(headers=HEADERS), "https", id="no url"),
        pytest.param(Hook(url=URL), "headers", id="no headers"),
        pytest.param(Hook(url=URL, headers={}), "headers", id="empty headers"),
    ],
)
def test_a_hook_that_vtex_would_refuse_is_not_sent(hook: Hook, named: str) -> None:
    client, recorder = client_of()

    with pytest.raises(ConfigurationError, match=named):
        client.set_hook_configuration(HookConfiguration(filter=HOOK.filter, hook=hook))
    assert recorder.requests == []


def test_a_hooks_filter_of_two_types_is_refused() -> None:
    mixed = FeedFilter(type="FromOrders", status=("handling",), expression="value > 1")

    with pytest.raises(ConfigurationError, match="The hook's filter mixes two types"):
        HookConfiguration(filter=mixed, hook=HOOK.hook).check()


def test_a_sandbox_on_this_machine_is_reached_without_tls() -> None:
    HookConfiguration(
        filter=HOOK.filter, hook=Hook(url="http://127.0.0.1:1/x", headers=HEADERS)
    ).check()


def test_how_a_hook_differs_is_told_without_its_headers_values() -> None:
    wanted = HookConfiguration.from_workflow(["canceled"], url=f"{URL}/2", headers=HEADERS)
    found = HookConfiguration.from_workflow(
        ["handling"], url=URL, headers={"x-integration-secret": "older"}
    )
    bare = HookConfiguration.from_workflow(["canceled"], url=f"{URL}/2", headers={})

    assert found.difference(wanted) == [
        "filter.status lacks canceled",
        "filter.status has beside what is wanted handling",
        f"hook.url is {URL}, wanted {URL}/2",
        "hook.headers.X-Integration-Secret has another value",
    ]
    assert bare.difference(wanted) == ["hook.headers.X-Integration-Secret is missing"]
    assert wanted.difference(wanted) == []


def test_no_repr_of_a_hook_shows_its_headers() -> None:
    assert "made-up" not in repr(HOOK)
