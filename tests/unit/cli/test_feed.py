from __future__ import annotations

import pytest
from support.shop import STORE, Shop

CONFIGURE = ("feed", "configure")
OTHER = (*CONFIGURE, "--replace", "--account", STORE, "--visibility-seconds", "100")


def configuration(shop: Shop) -> dict[str, object]:
    [shown] = shop.answers("feed", "show")
    queue: dict[str, object] = shown["configuration"]["queue"]
    return queue


def test_a_feed_that_is_not_there_is_named_with_its_command(shop: Shop) -> None:
    output = shop.prints("feed", "show")

    assert f"{STORE}: no feed is configured" in output
    assert f"orders-sync feed configure --account {STORE}" in output


def test_a_feed_is_configured_once(shop: Shop) -> None:
    first = shop.answers(*CONFIGURE)
    second = shop.answers(*CONFIGURE)

    assert [each["outcome"] for each in (*first, *second)] == ["created", "unchanged"]
    assert shop.prints("feed", "show").startswith(f"{STORE}: configured as the settings say\n")


def test_another_configuration_is_shown_and_left_alone(shop: Shop) -> None:
    shop.prints(*OTHER)

    result = shop.types(*CONFIGURE)

    assert result.exit_code == 1
    assert "visibilityTimeoutInSeconds is 100, wanted 120" in result.stdout
    assert f"orders-sync feed configure --replace --account {STORE}" in result.stderr
    assert configuration(shop)["visibilityTimeoutInSeconds"] == 100


def test_another_configuration_is_replaced_when_that_is_meant(shop: Shop) -> None:
    shop.prints(*OTHER)

    [done] = shop.answers(*CONFIGURE, "--replace")

    assert done["outcome"] == "replaced"
    assert configuration(shop)["visibilityTimeoutInSeconds"] == 120


@pytest.mark.parametrize(
    ("option", "value", "bound"),
    [
        pytest.param("--visibility-seconds", "29", "30<=x<=43200", id="hidden too short"),
        pytest.param("--visibility-seconds", "43201", "30<=x<=43200", id="hidden too long"),
        pytest.param("--retention-seconds", "345599", "345600<=x<=1209600", id="kept too short"),
        pytest.param("--retention-seconds", "1209601", "345600<=x<=1209600", id="kept too long"),
    ],
)
def test_a_bound_is_named_before_vtex_is_asked(
    shop: Shop, option: str, value: str, bound: str
) -> None:
    result = shop.types(*CONFIGURE, option, value)

    assert result.exit_code == 2
    assert bound in result.stderr
    assert shop.box.calls() == []


def test_a_mistyped_status_is_told_about(shop: Shop) -> None:
    result = shop.types(*CONFIGURE, "--status", "cancelled")

    assert result.exit_code == 0
    assert "Did you mean canceled?" in result.stderr


def test_a_peek_takes_and_records_nothing(shop: Shop) -> None:
    shop.prints(*CONFIGURE)
    [order_id] = shop.box.create_orders(1)

    output = shop.prints("feed", "peek")

    feed = shop.box.feed
    assert f"{order_id}  Fulfillment  ready-for-handling" in output
    assert "Hidden from the workers until" in output
    assert feed is not None
    assert (feed.in_flight, feed.committed) == (1, 0)
    assert shop.answers("orders", "list") == {"orders": [], "total": 0}


def test_a_peek_stops_at_its_limit(shop: Shop) -> None:
    shop.prints(*CONFIGURE)
    shop.box.create_orders(15)

    answer = shop.answers("feed", "peek", "--limit", "12")

    feed = shop.box.feed
    assert len(answer["events"]) == 12
    assert answer["visible_again_at"].endswith("+00:00")
    assert feed is not None
    assert feed.visible == 3


def test_a_peek_into_no_feed_says_how_to_make_one(shop: Shop) -> None:
    result = shop.types("feed", "peek")

    assert result.exit_code == 1
    assert f"orders-sync feed configure --account {STORE}" in result.stderr
