"""The order desk on a ledger of its own: people of every role, and a visitor without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from argon2 import PasswordHasher
from requests.adapters import HTTPAdapter
from support.gateway import serving
from support.ledger_files import make_ledger
from support.office import STORE

from orders_sync.domain.steps import Dispatch
from orders_sync.gateway.app import GuardedApp, create_app
from orders_sync.gateway.desk.live import LiveFigures
from orders_sync.ledger import Ledger
from orders_sync.ledger.access import User
from orders_sync.ledger.journal import Act
from orders_sync.roster import Roster
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings, DeskSettings

PASSWORD = "a long password of somebody"
#: name: (role, accounts, sees persons)
PEOPLE: dict[str, tuple[str, frozenset[str] | None, bool]] = {
    "vera": ("viewer", None, False),
    "otto": ("operator", None, False),
    "ines": ("operator", None, True),
    "anna": ("admin", None, True),
    "maria": ("operator", frozenset({STORE}), False),
    "olga": ("operator", frozenset({"otherstore"}), False),
}


@dataclass
class Desk:
    """A desk that is served, and what it did."""

    url: str
    ledger: Ledger
    settings: Settings
    dispatched: list[Dispatch] = field(default_factory=list)
    put_back: list[tuple[str, bytes]] = field(default_factory=list)
    #: What its clocks are ahead; nothing that is bounded is so by the time that a test takes.
    ahead: list[float] = field(default_factory=lambda: [0.0])
    signed_in: int = 0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead[0])

    def visitor(self, name: str | None = None, *, address: str = "127.0.0.1") -> Visitor:
        """Return somebody with cookies of their own; signed in where a name is given.

        Who is signed in has an address of his own, for which no try was counted yet.
        """
        if name is not None:
            self.signed_in += 1
            address = f"127.0.1.{self.signed_in}"
        visitor = Visitor(self.url, address)
        if name is not None:
            answer = visitor.signs_in(name)
            assert answer.status_code == 303, answer.text
        return visitor


class _From(HTTPAdapter):
    """Connections that come from one address of this machine."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **rest: Any) -> None:
        super().init_poolmanager(*args, **rest, source_address=(self._address, 0))


class Visitor:
    """A browser without scripts, as far as it matters."""

    def __init__(self, url: str, address: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.mount("http://", _From(address))

    def gets(self, path: str, **more: Any) -> requests.Response:
        options: dict[str, Any] = {"allow_redirects": False, "timeout": 30, **more}
        return self.http.get(f"{self.url}{path}", **options)

    def posts(
        self, page: str, action: str, fields: dict[str, str], **more: Any
    ) -> requests.Response:
        """Send a form that a page has, with the page's token."""
        form = {"csrf": token_in(self.gets(page).text), **fields}
        return self.http.post(
            f"{self.url}{action}", data=form, allow_redirects=False, timeout=30, **more
        )

    def signs_in(self, name: str, password: str = PASSWORD, **more: str) -> requests.Response:
        fields = {"name": name, "password": password, **more}
        return self.posts("/desk/sign-in", "/desk/sign-in", fields)


def token_in(text: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', text)
    return found[1] if found else ""


def settings_of(
    home: Path, accounts: Sequence[str] = (STORE, "otherstore"), **more: Any
) -> Settings:
    account = AccountSettings.model_validate({"app_key": "k", "app_token": "t"})
    desk = DeskSettings.model_validate(more.pop("desk", {}))
    named = dict.fromkeys(accounts, account)
    return Settings(_env_file=None, home=home, accounts=named, desk=desk, **more)


@contextmanager
def serving_desk(
    settings: Settings,
    ledger: Ledger | None = None,
    *,
    live: LiveFigures | None = None,
    around: Callable[[GuardedApp], GuardedApp] = lambda app: app,
) -> Iterator[Desk]:
    """Serve the desk of a home folder, or of a ledger elsewhere, with all people in its ledger.

    What is served is what `around` makes of the app.
    """
    ledger = ledger or Ledger(make_ledger(settings.ledger), lease=settings.lease)
    desk = Desk("", ledger, settings)
    add_people(ledger)
    app = create_app(
        Roster(settings, ledger.kept_accounts),
        ledger,
        clock=desk.now,
        dispatch=desk.dispatched.extend,
        put_back=lambda queue, message: desk.put_back.append((queue, message)),
        monotonic=lambda: desk.ahead[0],
        live=live,
    )
    try:
        with serving(around(app), settings.gateway.proxies) as desk.url:
            yield desk
    finally:
        ledger.close()


def add_people(ledger: Ledger) -> None:
    # A hash says itself how dear it is to check.
    hashed = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    act = Act(datetime.now(UTC), "root")
    for name, (role, accounts, sees_persons) in PEOPLE.items():
        user = User(name, hashed, role, accounts, sees_persons, act.at)
        assert ledger.users.add(user, act)
