from __future__ import annotations

import pytest
import sqlalchemy as sa
from support.desk_site import PASSWORD, Desk

from orders_sync.ledger.tables import operator_log, sessions, users

HOUR = 3600.0


def rows(desk: Desk, table: sa.Table) -> list[str]:
    with desk.ledger.database.reading() as connection:
        return [str(row) for row in connection.execute(sa.select(table))]


def test_a_stranger_is_led_to_the_form_and_back_to_where_he_wanted(desk: Desk) -> None:
    visitor = desk.visitor()

    sent_away = visitor.gets("/desk/accounts?filter=x")
    signed_in = visitor.signs_in("vera", next="/desk/accounts?filter=x")

    assert sent_away.headers["Location"] == "/desk/sign-in?next=%2Fdesk%2Faccounts%3Ffilter%3Dx"
    assert signed_in.headers["Location"] == "/desk/accounts?filter=x"
    assert visitor.gets("/desk/accounts").status_code == 200


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/desk\\@evil", "/api"]
)
def test_signing_in_leads_to_no_other_site(desk: Desk, target: str) -> None:
    answer = desk.visitor().signs_in("vera", next=target)

    assert answer.headers["Location"] == "/desk/"


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(desk: Desk) -> None:
    cookie = desk.visitor().signs_in("vera").headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/desk" in cookie
    assert "Secure" not in cookie


def test_neither_password_nor_token_is_kept(desk: Desk) -> None:
    visitor = desk.visitor("vera")

    token = visitor.http.cookies["desk-session"]
    kept = "".join([*rows(desk, users), *rows(desk, sessions), *rows(desk, operator_log)])
    assert token not in kept
    assert PASSWORD not in kept
    assert "$argon2id$" in kept


@pytest.mark.parametrize(("name", "password"), [("vera", "wrong"), ("nobody", PASSWORD), ("", "")])
def test_a_wrong_name_and_a_wrong_password_are_told_alike(
    desk: Desk, name: str, password: str
) -> None:
    answer = desk.visitor().signs_in(name, password)

    assert answer.status_code == 403
    assert "Name and password do not belong together." in answer.text
    assert "desk-session" not in answer.cookies


def test_signing_out_ends_the_session_for_good(desk: Desk) -> None:
    visitor = desk.visitor("vera")
    token = visitor.http.cookies["desk-session"]

    visitor.posts("/desk/me", "/desk/sign-out", {})

    thief = desk.visitor()
    thief.http.cookies.set("desk-session", token)
    assert thief.gets("/desk/").status_code == 303
    assert visitor.gets("/desk/").status_code == 303


def test_a_session_ends_after_idleness(desk: Desk) -> None:
    visitor = desk.visitor("vera")

    desk.ahead[0] += 0.9 * HOUR
    assert visitor.gets("/desk/me").status_code == 200
    desk.ahead[0] += 0.9 * HOUR
    assert visitor.gets("/desk/me").status_code == 200

    desk.ahead[0] += 1.1 * HOUR
    assert visitor.gets("/desk/me").status_code == 303


def test_a_session_ends_after_its_longest_however_busy_it_is(desk: Desk) -> None:
    visitor = desk.visitor("vera")

    answers = []
    for _ in range(14):
        desk.ahead[0] += 0.9 * HOUR
        answers.append(visitor.gets("/desk/me").status_code)

    assert answers == [200] * 13 + [303]


def test_whoever_is_shut_out_is_out_at_once(desk: Desk) -> None:
    visitor, admin = desk.visitor("vera"), desk.visitor("anna")

    admin.posts("/desk/people", "/desk/people", {"name": "vera", "did": "disable"})

    assert visitor.gets("/desk/me").status_code == 303
    assert desk.visitor().signs_in("vera").status_code == 403

    admin.posts("/desk/people", "/desk/people", {"name": "vera", "did": "enable"})
    assert desk.visitor().signs_in("vera").status_code == 303


def test_another_password_ends_all_other_sessions(desk: Desk) -> None:
    here, elsewhere = desk.visitor("vera"), desk.visitor("vera")
    fields = {"present": PASSWORD, "password": "quite another password"}

    answer = here.posts("/desk/me", "/desk/me/password", fields)

    assert answer.headers["Location"] == "/desk/me?done=password"
    assert here.gets("/desk/me").status_code == 200
    assert elsewhere.gets("/desk/me").status_code == 303
    assert desk.visitor().signs_in("vera", "quite another password").status_code == 303


@pytest.mark.parametrize(
    ("present", "password", "status"),
    [
        ("wrong", "quite another password", 403),
        (PASSWORD, "short", 422),
        (PASSWORD, "aaaaaaaaaaaaaaa", 422),
    ],
)
def test_a_password_is_not_changed_by_strangers_nor_to_a_weak_one(
    desk: Desk, present: str, password: str, status: int
) -> None:
    fields = {"present": present, "password": password}

    answer = desk.visitor("vera").posts("/desk/me", "/desk/me/password", fields)

    assert answer.status_code == status
    assert desk.visitor().signs_in("vera").status_code == 303


def test_tries_are_bounded_and_the_bound_ends_by_itself(desk: Desk) -> None:
    visitor = desk.visitor()

    statuses = [visitor.signs_in("vera", "wrong").status_code for _ in range(11)]
    bounded = visitor.signs_in("vera")

    assert statuses == [403] * 10 + [429]
    assert bounded.status_code == 429
    assert int(bounded.headers["Retry-After"]) <= 20
    desk.ahead[0] += 20
    assert visitor.signs_in("vera").status_code == 303


def test_one_address_keeps_nobody_at_another_one_out(desk: Desk) -> None:
    attacker = desk.visitor()
    for _ in range(31):
        attacker.signs_in("vera", "wrong")

    assert attacker.signs_in("vera").status_code == 429
    assert attacker.signs_in("otto").status_code == 429
    assert desk.visitor(address="127.0.0.2").signs_in("vera").status_code == 303


def test_of_a_form_that_anybody_may_send_little_is_read(desk: Desk) -> None:
    form = {"name": "otto", "password": "x" * 20_000}

    assert desk.visitor().posts("/desk/sign-in", "/desk/sign-in", form).status_code == 413


def test_a_form_needs_its_own_browsers_token(desk: Desk) -> None:
    visitor, other = desk.visitor("vera"), desk.visitor("otto")
    stolen = other.gets("/desk/me").text.split('name="csrf" value="')[1][:64]

    answers = [
        visitor.http.post(
            f"{desk.url}/desk/me/language", data=data, allow_redirects=False, timeout=30
        )
        for data in (
            {"language": "pt"},
            {"language": "pt", "csrf": ""},
            {"language": "pt", "csrf": stolen},
        )
    ]

    assert [answer.status_code for answer in answers] == [403] * 3
    assert 'lang="en"' in visitor.gets("/desk/me").text


def test_a_form_that_another_site_sends_is_refused(desk: Desk) -> None:
    answer = desk.visitor("vera").posts(
        "/desk/me",
        "/desk/me/language",
        {"language": "pt"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )

    assert answer.status_code == 403


def test_a_page_loads_and_runs_nothing_from_elsewhere(desk: Desk) -> None:
    answer = desk.visitor("vera").gets("/desk/")

    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert "<script>" not in answer.text
    assert " style=" not in answer.text
    assert "<style" not in answer.text


def test_files_of_the_pages_are_kept_by_browsers(desk: Desk) -> None:
    page = desk.visitor().gets("/desk/sign-in").text
    path = page.split('<link rel="stylesheet" href="')[1].split('"')[0]

    answer = desk.visitor().gets(path)

    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["Cache-Control"]
    assert desk.visitor().gets("/desk/static/nothing.js").status_code == 404
