"""Signing in at a provider: a real one on loopback, which signs right, wrong, and not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from structlog.testing import capture_logs
from support.desk_site import Desk, Visitor
from support.office import STORE
from support.oidc_provider import CLIENT, SECRET, OidcProvider, running_provider

from orders_sync.ledger.journal import Act

GROUPS = {"support": "operator persons", "shop": "viewer", "root": "admin"}


@pytest.fixture
def provider() -> Iterator[OidcProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def make(make_desk: Callable[..., Desk], provider: OidcProvider) -> Callable[..., Desk]:
    def of(*, groups: dict[str, str] | None = None, **oidc: Any) -> Desk:
        settings = {
            "issuer": provider.url,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "label": "Shop ID",
            **oidc,
        }
        return make_desk(desk={"oidc": settings, "groups": GROUPS if groups is None else groups})

    return of


@pytest.fixture
def desk(make: Callable[..., Desk]) -> Desk:
    return make()


def begin(visitor: Visitor, target: str = "") -> str:
    """Press the button, and sign in there; return the path that the provider leads back to."""
    asked = visitor.gets("/desk/oidc", params={"next": target})
    assert asked.status_code == 303, asked.text
    back = requests.get(asked.headers["Location"], allow_redirects=False, timeout=30)
    return back.headers["Location"].removeprefix(visitor.url)


def sign_in(visitor: Visitor, target: str = "") -> requests.Response:
    return visitor.gets(begin(visitor, target))


def refused(answer: requests.Response) -> bool:
    return answer.status_code == 403 and "Signing in there did not end" in answer.text


def test_somebody_signs_in_and_has_the_rights_of_the_groups(
    desk: Desk, provider: OidcProvider
) -> None:
    visitor = desk.visitor()
    assert "Sign in with Shop ID" in visitor.gets("/desk/sign-in").text

    answer = sign_in(visitor, "/desk/now")
    me = visitor.gets("/desk/me").text

    assert (answer.status_code, answer.headers["Location"]) == (303, "/desk/now")
    assert "olivia" in me
    assert "looks and decides" in me
    assert "New password" not in me
    assert visitor.gets("/desk/people").status_code == 403
    assert provider.asked == {}


def test_the_provider_is_asked_as_it_should_be(desk: Desk, provider: OidcProvider) -> None:
    asked = desk.visitor().gets("/desk/oidc").headers["Location"]

    parts = urlsplit(asked)
    query = {name: value for name, [value] in parse_qs(parts.query).items()}
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{provider.url}/authorize"
    assert query["response_type"] == "code"
    assert query["code_challenge_method"] == "S256"
    assert query["redirect_uri"] == f"{desk.url}/desk/oidc/callback"
    assert min(len(query[name]) for name in ("state", "nonce", "code_challenge")) >= 43


def test_a_user_of_ours_has_the_rights_given_here(desk: Desk, provider: OidcProvider) -> None:
    provider.claims["preferred_username"] = "maria"
    visitor = desk.visitor()

    sign_in(visitor)

    me = visitor.gets("/desk/me").text
    assert STORE in me
    assert "New password" not in me


def test_whoever_is_shut_out_here_is_not_let_in(desk: Desk, provider: OidcProvider) -> None:
    provider.claims["preferred_username"] = "otto"
    visitor = desk.visitor()
    sign_in(visitor)
    assert visitor.gets("/desk/").status_code == 200

    desk.ledger.users.disable("otto", Act(desk.now(), "anna"))

    assert visitor.gets("/desk/").status_code == 303
    assert sign_in(visitor).status_code == 403


@pytest.mark.parametrize("groups", [[], ["others"], None, 7, {"support": True}])
def test_whoever_has_no_role_is_shown_nothing(
    desk: Desk, provider: OidcProvider, groups: object
) -> None:
    provider.claims["groups"] = groups
    visitor = desk.visitor()

    answer = sign_in(visitor)

    assert answer.status_code == 403
    assert visitor.gets("/desk/").status_code == 303


def test_a_group_may_be_a_single_word_and_claims_have_any_name(
    make: Callable[..., Desk], provider: OidcProvider
) -> None:
    desk = make(name_claim="email", groups_claim="role")
    provider.claims |= {"email": "olivia@example.com", "role": "root"}
    visitor = desk.visitor()

    sign_in(visitor)

    assert "olivia@example.com" in visitor.gets("/desk/people").text


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        pytest.param({"nonce": "another"}, "InvalidClaimError nonce", id="wrong nonce"),
        pytest.param({"nonce": None}, "MissingClaimError nonce", id="no nonce"),
        pytest.param({"aud": "another"}, "InvalidClaimError aud", id="wrong audience"),
        pytest.param(
            {"aud": [CLIENT, "another"], "azp": "another"}, "InvalidClaimError azp", id="azp"
        ),
        pytest.param({"iss": "https://a.example"}, "InvalidClaimError iss", id="wrong issuer"),
        pytest.param({"exp": 1}, "ExpiredTokenError", id="expired"),
        pytest.param({"exp": None}, "MissingClaimError exp", id="without an end"),
        pytest.param({"iat": int(time.time()) + 86_400}, "InvalidClaimError iat", id="of tomorrow"),
        pytest.param({"sub": None}, "MissingClaimError sub", id="of nobody"),
        pytest.param({"preferred_username": None}, "is no name", id="without a name"),
        pytest.param({"preferred_username": "a\nb"}, "is no name", id="an odd name"),
    ],
)
def test_a_token_that_claims_what_is_not_so_is_refused(
    desk: Desk, provider: OidcProvider, wrong: dict[str, Any], cause: str
) -> None:
    provider.wrong = wrong
    visitor = desk.visitor()

    with capture_logs() as logs:
        answer = sign_in(visitor)

    assert refused(answer)
    assert visitor.gets("/desk/").status_code == 303
    [entry] = [entry for entry in logs if entry["event"] == "desk.oidc_refused"]
    assert cause in entry["cause"]


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_anybody_could_have_signed_is_refused(
    desk: Desk, provider: OidcProvider, algorithm: str
) -> None:
    provider.signs = algorithm

    assert refused(sign_in(desk.visitor()))


def test_a_token_of_another_key_is_refused(desk: Desk, provider: OidcProvider) -> None:
    provider.publishes = False

    assert refused(sign_in(desk.visitor()))


def test_the_keys_are_kept_and_asked_for_again_once_they_were_changed(
    desk: Desk, provider: OidcProvider
) -> None:
    for _ in range(2):
        assert sign_in(desk.visitor()).status_code == 303
    before = provider.fetched.count("/jwks")
    provider.rotate()

    assert sign_in(desk.visitor()).status_code == 303
    assert (before, provider.fetched.count("/jwks")) == (1, 2)


def test_an_answer_to_another_browser_is_refused(desk: Desk, provider: OidcProvider) -> None:
    path = begin(desk.visitor())

    assert refused(desk.visitor().gets(path))
    other = desk.visitor()
    begin(other)
    assert refused(other.gets(path))
    assert len(provider.asked) == 2


def test_an_answer_that_comes_late_or_twice_is_refused(desk: Desk) -> None:
    late, twice = desk.visitor(), desk.visitor()
    path = begin(twice)
    assert twice.gets(path).status_code == 303
    assert refused(twice.gets(path))
    path = begin(late)

    desk.ahead[0] += 601

    assert refused(late.gets(path))


def test_a_no_of_the_provider_is_told(desk: Desk) -> None:
    visitor = desk.visitor()
    state = parse_qs(urlsplit(begin(visitor)).query)["state"][0]

    answer = visitor.gets(f"/desk/oidc/callback?error=access_denied&state={state}")

    assert refused(answer)


def test_a_wrong_secret_is_told_and_in_no_log(
    make: Callable[..., Desk], provider: OidcProvider
) -> None:
    desk = make(client_secret="another secret")

    with capture_logs() as logs:
        answer = sign_in(desk.visitor())

    assert refused(answer)
    assert "the provider says invalid_client" in str(logs)
    assert "another secret" not in str(logs) + answer.text
    assert not any(code in str(logs) for code in provider.asked)


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:9", None])
def test_a_provider_that_is_away_or_another_is_told_and_passwords_still_do(
    make: Callable[..., Desk], provider: OidcProvider, issuer: str | None
) -> None:
    desk = make(issuer=issuer or f"{provider.url}/another")
    visitor = desk.visitor()

    answer = visitor.gets("/desk/oidc")

    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert visitor.signs_in("otto").status_code == 303


def test_signing_out_here_leads_to_signing_out_there(desk: Desk, provider: OidcProvider) -> None:
    visitor = desk.visitor()
    sign_in(visitor)

    out = visitor.posts("/desk/", "/desk/sign-out", {})
    page = visitor.gets(out.headers["Location"]).text
    there = visitor.gets("/desk/oidc/sign-out").headers["Location"]

    assert visitor.gets("/desk/").status_code == 303
    assert 'href="/desk/oidc/sign-out"' in page
    query = parse_qs(urlsplit(there).query)
    assert there.startswith(f"{provider.url}/logout?")
    assert query["post_logout_redirect_uri"] == [f"{desk.url}/desk/sign-in"]


def test_without_a_provider_there_is_no_such_page(make_desk: Callable[..., Desk]) -> None:
    visitor = make_desk().visitor()

    assert "/desk/oidc" not in visitor.gets("/desk/sign-in").text
    assert visitor.gets("/desk/oidc").status_code == 404
    assert visitor.gets("/desk/oidc/callback?code=1&state=1").status_code == 404


def test_signing_in_leads_to_no_other_site(desk: Desk) -> None:
    assert sign_in(desk.visitor(), "https://a.example/").headers["Location"] == "/desk/"
