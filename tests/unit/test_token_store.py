"""OAuth tokens whose refresh token changes with each use: renewed by one process at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from support.ledger_files import make_ledger
from support.oauth_server import OAuthServer, refresher, serving_oauth

from orders_sync.doctor.readings import LedgerReading
from orders_sync.doctor.work import judge_tokens
from orders_sync.encryption import Cipher, new_key
from orders_sync.erp.console import ConsoleErp
from orders_sync.erp.registry import create
from orders_sync.erp.tokens import Tokens, TokensBusy, TokensUnusable
from orders_sync.errors import ConfigurationError, ErpUnavailable
from orders_sync.ledger.account_settings import ErpTokens
from orders_sync.ledger.engine import Database
from orders_sync.ledger.gauges import LedgerState
from orders_sync.ledger.journal import Act
from orders_sync.settings import Settings
from orders_sync.testing.clock import SettableClock
from orders_sync.token_store import LOST_AFTER, LedgerTokenStore, ReadTokens, seal_tokens

TAKER = Path(__file__).parents[1] / "support" / "token_taker.py"
KEY = new_key()
CIPHER = Cipher(SecretStr(KEY))


class Store:
    """Tokens in a ledger, with a server that renews them, and processes that use them."""

    def __init__(self, url: str, home: Path, clock: SettableClock) -> None:
        self.url = url
        self.clock = clock
        self.server = OAuthServer()
        self.ledger = make_ledger(f"sqlite:///{home / 'ledger.sqlite3'}")
        self.database = Database(self.ledger)
        self.rows = ErpTokens(self.database)
        self.refresh = refresher(url, clock)

    def process(self, name: str = "one") -> LedgerTokenStore:
        return LedgerTokenStore("mystore", self.rows, CIPHER, process=name, clock=self.clock)

    def give(self, refresh_token: str = "refresh-0") -> None:  # noqa: S107 - it opens nothing.
        tokens = Tokens("", refresh_token, self.clock())
        self.rows.give("mystore", seal_tokens(tokens, CIPHER), Act(self.clock(), "ana"))

    def is_told(self) -> bool:
        kept = self.rows.find("mystore")
        assert kept is not None
        reading = LedgerReading(LedgerState(self.clock()), tokens={"mystore": kept})
        return any(True for _ in judge_tokens("mystore", reading, now=self.clock()))


@pytest.fixture
def store(tmp_path: Path, clock: SettableClock) -> Iterator[Store]:
    server = OAuthServer()
    with serving_oauth(server) as url:
        store = Store(url, tmp_path, clock)
        store.server = server
        with closing(store.database):
            yield store


def test_the_first_token_is_renewed_and_then_used_for_as_long_as_it_lasts(store: Store) -> None:
    store.give()
    one, other = store.process(), store.process("other")

    tokens = [process.access_token(store.refresh) for process in (one, other, one)]
    store.clock.advance(3600 - 30)
    later = [process.access_token(store.refresh) for process in (one, other)]

    assert tokens == ["access-1"] * 3
    assert later == ["access-2"] * 2
    assert store.server.used == ["refresh-0", "refresh-1"]


def test_what_the_ledger_keeps_shows_no_token(store: Store) -> None:
    store.give("topsecret")
    kept = store.rows.find("mystore")

    assert kept is not None
    assert "topsecret" not in kept.tokens
    assert "topsecret" not in f"{kept}{Tokens('topsecret', 'topsecret')}"


def test_a_token_that_the_erp_refused_is_renewed_once_for_all_who_had_it(store: Store) -> None:
    store.give()
    one, other = store.process(), store.process("other")
    token = one.access_token(store.refresh)
    assert other.access_token(store.refresh) == token

    renewed = [process.access_token(store.refresh, refused=token) for process in (one, other)]

    assert renewed == ["access-2"] * 2
    assert len(store.server.used) == 2


def test_while_one_process_renews_the_others_use_what_is_still_good_or_wait(store: Store) -> None:
    store.give()
    one, other = store.process(), store.process("other")
    one.access_token(store.refresh)
    met: list[object] = []

    def meet() -> None:
        met.append(other.access_token(store.refresh))
        try:
            other.access_token(store.refresh, refused="access-1")
        except TokensBusy as error:
            met.append(error.cause)

    store.server.before_answer = meet
    store.clock.advance(3600 - 30)

    assert one.access_token(store.refresh) == "access-2"
    assert met == ["access-1", "erp.tokens_busy"]
    assert store.server.reused == []


@pytest.mark.parametrize("number", [2, 4])
def test_processes_that_race_use_no_refresh_token_twice(store: Store, number: int) -> None:
    store.give()
    argv = [sys.executable, str(TAKER), store.ledger, KEY, store.url]
    environment = {"PYTHONPATH": ":".join([*sys.path, str(TAKER.parents[1])])}

    takers = [
        subprocess.Popen(
            [*argv, f"process{n}", "10"], stdout=subprocess.PIPE, text=True, env=environment
        )
        for n in range(number)
    ]
    # What is logged comes first.
    got = [json.loads(taker.communicate()[0].splitlines()[-1]) for taker in takers]

    assert store.server.reused == []
    assert len(store.server.used) >= 10
    assert all(len(tokens) == 10 for tokens in got)


def test_a_process_that_is_killed_after_the_answer_is_told_and_nobody_guesses(
    store: Store,
) -> None:
    store.give()
    argv = [sys.executable, str(TAKER), store.ledger, KEY, store.url, "dying", "1", "killed"]
    environment = {"PYTHONPATH": ":".join([*sys.path, str(TAKER.parents[1])])}
    assert subprocess.run(argv, env=environment, check=False).returncode == 9
    kept = store.rows.find("mystore")
    assert kept is not None
    assert kept.refreshing_since is not None
    store.clock.advance((kept.refreshing_since - store.clock()).total_seconds())

    with pytest.raises(TokensBusy):
        store.process().access_token(store.refresh)
    assert not store.is_told()
    store.clock.advance(LOST_AFTER.total_seconds() + 1)
    with pytest.raises(TokensUnusable, match="orders-sync accounts token mystore"):
        store.process().access_token(store.refresh)

    assert store.is_told()
    assert store.server.used == ["refresh-0"]
    store.give(store.server.valid)
    assert store.process().access_token(store.refresh) == "access-2"
    assert not store.is_told()


def test_an_outcome_that_nobody_knows_is_a_persons_to_decide(store: Store) -> None:
    store.give()

    def cut(_tokens: Tokens) -> Tokens:
        raise TimeoutError("topsecret")

    with pytest.raises(TokensUnusable, match="TimeoutError") as caught:
        store.process().access_token(cut)
    store.clock.advance(LOST_AFTER.total_seconds() + 1)

    assert "topsecret" not in str(caught.value)
    assert store.is_told()
    assert store.rows.retry("mystore", Act(store.clock(), "ana"))
    assert store.process().access_token(store.refresh) == "access-1"


def test_a_server_that_did_not_take_the_call_is_asked_again(store: Store) -> None:
    store.give()
    away = refresher("http://127.0.0.1:9/token")

    with pytest.raises(ErpUnavailable, match="away"):
        store.process().access_token(away)

    assert not store.is_told()
    assert store.process().access_token(store.refresh) == "access-1"


def test_a_refresh_token_that_the_server_refuses_is_told_and_not_used_again(store: Store) -> None:
    store.give("forged")

    for _ in range(3):
        with pytest.raises(TokensUnusable, match="refused"):
            store.process().access_token(store.refresh)

    assert store.server.reused == ["forged"]
    assert store.is_told()


def test_tokens_that_could_not_be_kept_at_once_are_kept_before_anything_else(store: Store) -> None:
    store.give()
    one, other = store.process(), store.process("other")

    def go_away() -> None:
        store.database.closed_because = "it is away"

    store.server.before_answer = go_away
    assert one.access_token(store.refresh) == "access-1"
    store.database.closed_because = None
    store.server.before_answer = lambda: None

    assert one.access_token(store.refresh) == "access-1"
    assert other.access_token(store.refresh) == "access-1"
    assert store.server.used == ["refresh-0"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"access_token": "topsecret"}, id="no refresh token"),
        pytest.param({"access_token": 1, "refresh_token": "topsecret"}, id="no text"),
        pytest.param(
            {"access_token": "a", "refresh_token": "b", "expires_in": "topsecret"}, id="no number"
        ),
    ],
)
def test_an_answer_that_cannot_be_used_is_said_to_be_so(
    clock: SettableClock, answer: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"it has not|its expires_in") as caught:
        Tokens.from_answer(answer, now=clock())

    assert "topsecret" not in str(caught.value)


def test_an_answer_without_an_end_is_good_for_ever(clock: SettableClock) -> None:
    tokens = Tokens.from_answer({"access_token": "a", "refresh_token": "b"}, now=clock())

    assert tokens.is_good(clock() + timedelta(days=10_000))


def test_an_adapter_has_the_store_that_it_is_built_with(store: Store, tmp_path: Path) -> None:
    given = store.process()
    build: Callable[..., Any] = create
    common: dict[str, Any] = {"account": "mystore", "options": {}, "home": tmp_path}

    assert build("console", **common, tokens=given).tokens is given
    with pytest.raises(ConfigurationError, match="without a store"):
        ConsoleErp("mystore", {}, tmp_path).tokens.access_token(store.refresh)


def test_whoever_only_looks_renews_nothing(store: Store, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, secrets_key=SecretStr(KEY))
    looking = ReadTokens("mystore", settings, clock=store.clock)
    with pytest.raises(TokensUnusable, match="give the first"):
        looking.access_token(store.refresh)
    store.give()
    with pytest.raises(ErpUnavailable, match="only the workers renew it"):
        looking.access_token(store.refresh)
    store.process().access_token(store.refresh)

    assert looking.access_token(store.refresh) == "access-1"
    assert store.server.used == ["refresh-0"]
