"""A proxy that signs people in: whom it is believed, and what they may do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests
from support.desk_site import Desk

from orders_sync.settings_parts import GatewaySettings

SETTINGS = {
    "user_header": "X-Forwarded-User",
    "group_header": "X-Forwarded-Groups",
    "trusted_proxies": "127.0.0.1, 10.0.0.0/8",
    "groups": {"support": "operator persons", "store": "viewer"},
}

Make = Callable[..., Desk]


def gets(desk: Desk, path: str, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return desk.visitor().gets(path, headers=named)


def test_a_proxys_user_is_let_in_without_a_password(make_desk: Make) -> None:
    desk = make_desk(desk={**SETTINGS, "default_role": "viewer"})

    page = gets(desk, "/desk/me", X_Forwarded_User="paula")

    assert page.status_code == 200
    assert "paula" in page.text
    assert "Present password" not in page.text


@pytest.mark.parametrize(
    ("groups", "may", "sees"),
    [
        ("store", "looks", "no"),
        ("store, support", "looks and decides", "yes"),
        ("support", "looks and decides", "yes"),
    ],
)
def test_groups_give_the_highest_of_their_roles(
    make_desk: Make, groups: str, may: str, sees: str
) -> None:
    desk = make_desk(desk=SETTINGS)

    page = gets(desk, "/desk/me", X_Forwarded_User="paula", X_Forwarded_Groups=groups).text

    assert f"<dd>{may}</dd>" in page
    assert f"<dt>Sees persons</dt><dd>{sees}</dd>" in page


def test_whoever_has_no_role_is_shown_nothing(make_desk: Make) -> None:
    desk = make_desk(desk=SETTINGS)

    page = gets(desk, "/desk/", X_Forwarded_User="paula", X_Forwarded_Groups="others")

    assert page.status_code == 403
    assert "Parked work" not in page.text


def test_a_user_of_ours_has_the_rights_that_we_gave(make_desk: Make) -> None:
    desk = make_desk(desk={**SETTINGS, "default_role": "admin persons"})

    page = gets(desk, "/desk/me", X_Forwarded_User="olga").text

    assert "<dd>otherstore</dd>" in page
    assert "<dd>looks and decides</dd>" in page


@pytest.mark.parametrize("trusted", ["", "10.0.0.0/8"])
def test_others_than_the_proxy_are_not_believed(make_desk: Make, trusted: str) -> None:
    desk = make_desk(desk={**SETTINGS, "trusted_proxies": trusted, "default_role": "admin persons"})

    page = gets(desk, "/desk/", X_Forwarded_User="anna", X_Forwarded_For="10.0.0.1")

    assert page.status_code == 303
    assert page.headers["Location"] == "/desk/sign-in"


def test_without_the_setting_no_header_is_believed(desk: Desk) -> None:
    assert gets(desk, "/desk/", X_Forwarded_User="anna").status_code == 303


def test_a_proxys_user_acts_with_the_token_of_his_form(make_desk: Make) -> None:
    desk = make_desk(desk={**SETTINGS, "default_role": "admin"})
    visitor, fields = desk.visitor(), {"name": "vera", "did": "disable"}
    visitor.http.headers["X-Forwarded-User"] = "paula"

    without = visitor.http.post(f"{desk.url}/desk/people", data=fields, timeout=30)
    answer = visitor.posts("/desk/people", "/desk/people", fields)

    assert without.status_code == 403
    assert answer.status_code == 303
    vera = desk.ledger.users.find("vera")
    assert vera is not None
    assert vera.disabled_at is not None


def test_behind_https_a_cookie_is_for_https_and_this_host_alone(make_desk: Make) -> None:
    desk = make_desk(gateway=GatewaySettings(proxies="127.0.0.1"))

    answer = gets(desk, "/desk/sign-in", X_Forwarded_Proto="https")

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-desk-form=")
    assert "; Secure" in cookie
    assert "; Path=/;" in cookie


def test_who_a_proxy_speaks_for_is_not_taken_for_the_proxy(make_desk: Make) -> None:
    settings = {**SETTINGS, "trusted_proxies": "10.0.0.1", "default_role": "admin"}
    desk = make_desk(desk=settings, gateway=GatewaySettings(proxies="127.0.0.1"))

    page = gets(desk, "/desk/", X_Forwarded_User="anna", X_Forwarded_For="10.0.0.1")

    assert page.status_code == 303
