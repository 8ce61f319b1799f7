from __future__ import annotations

import pytest
from pydantic import SecretStr
from support.flow import STORE, Flow

from orders_sync.errors import ConfigurationError
from orders_sync.settings import Settings
from orders_sync.upkeep.watch_feed import ensure_hook, keep_hook_url, wanted_hook
from orders_sync.vtex.hook import HookConfiguration

URL = "https://orders.example.com/hook/mystore"
FOUR_DAYS = 4 * 86_400


@pytest.fixture
def settings(flow: Flow) -> Settings:
    account = flow.settings.accounts[STORE]
    secret = SecretStr("a-secret-of-the-hook")
    accounts = {STORE: account.model_copy(update={"hook_secret": secret})}
    return flow.settings.model_copy(update={"accounts": accounts})


def watched(flow: Flow, settings: Settings) -> HookConfiguration | None:
    vtex = flow.services.vtex(STORE)
    ensure_hook(STORE, vtex=vtex, ledger=flow.services.ledger, settings=settings)
    return vtex.get_hook_configuration()


def test_a_hook_that_was_made_here_and_that_vtex_removed_is_made_again(
    flow: Flow, settings: Settings
) -> None:
    wanted = wanted_hook(settings, STORE, URL)
    flow.services.vtex(STORE).set_hook_configuration(wanted)
    keep_hook_url(flow.services.ledger, STORE, URL, now=flow.clock())

    flow.clock.advance(FOUR_DAYS)
    gone = flow.services.vtex(STORE).get_hook_configuration()
    found = watched(flow, settings)

    assert gone is None
    assert found is not None
    assert found.difference(wanted) == []


def test_a_hook_that_was_not_made_here_or_was_removed_here_is_not_made(
    flow: Flow, settings: Settings
) -> None:
    never = watched(flow, settings)
    keep_hook_url(flow.services.ledger, STORE, URL, now=flow.clock())
    keep_hook_url(flow.services.ledger, STORE, None, now=flow.clock())

    assert never is None
    assert watched(flow, settings) is None


def test_a_hook_that_somebody_put_in_its_place_is_left_alone(
    flow: Flow, settings: Settings
) -> None:
    keep_hook_url(flow.services.ledger, STORE, URL, now=flow.clock())
    other = wanted_hook(settings, STORE, "https://other.example.com")
    flow.services.vtex(STORE).set_hook_configuration(other)

    found = watched(flow, settings)
    assert found is not None
    assert found.hook.url == "https://other.example.com"


def test_an_address_that_vtex_cannot_reach_does_not_keep_the_feed_from_being_watched(
    flow: Flow, settings: Settings
) -> None:
    keep_hook_url(flow.services.ledger, STORE, URL, now=flow.clock())
    flow.box.post_with(lambda _: False)

    assert watched(flow, settings) is None


def test_without_a_secret_a_hook_is_not_worded(flow: Flow) -> None:
    with pytest.raises(ConfigurationError, match="ACCOUNTS__MYSTORE__HOOK_SECRET is missing"):
        wanted_hook(flow.settings, STORE, URL)
