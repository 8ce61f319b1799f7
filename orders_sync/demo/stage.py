"""The processes of a demo, from the broker to Flower."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import requests

from orders_sync.demo.demand import Demand, PlayedPeople
from orders_sync.demo.environment import (
    ACCOUNT,
    APP_KEY,
    HOOK_SECRET,
    demo_environment,
    plain_environment,
)
from orders_sync.demo.plan import DemoPlan, ErpName
from orders_sync.demo.played_erp import PlayedErp
from orders_sync.demo.played_tryton import PlayedTryton
from orders_sync.demo.played_webhook import RECEIVER, PlayedWebhook, WebhookSite
from orders_sync.demo.sandbox_api import SandboxApi, SandboxFailed
from orders_sync.demo.tryton_clerk import TrytonClerk
from orders_sync.demo.tryton_site import TrytonSite
from orders_sync.embedded import process_list
from orders_sync.embedded.broker import free_port
from orders_sync.embedded.home import logs_folder, run_folder, write_privately
from orders_sync.embedded.process_list import ProcessList, flower_login
from orders_sync.embedded.processes import ProcessSpec
from orders_sync.embedded.supervisor import RestartDelays, Supervisor
from orders_sync.embedded.up import start_broker
from orders_sync.errors import OrdersSyncError
from orders_sync.gateway.grants import Passwords, new_password
from orders_sync.gateway.rights import Role, Scope, digest_of, new_token, token_id
from orders_sync.ledger import Ledger
from orders_sync.ledger.acts import Act
from orders_sync.ledger.callers import Caller
from orders_sync.ledger.migrate import upgrade
from orders_sync.ledger.users import User
from orders_sync.settings_problems import PREFIX

_START_DEADLINE_SECONDS = 120.0
_LOOK_EVERY_SECONDS = 0.1
_DESK_USER = "demo"
_ERPS: Mapping[ErpName, str] = {
    "staging": "an ERP's tables (SQLite)",
    "webhook": "an ERP behind HTTP, the gateway that it calls",
    "tryton": "Tryton",
}
_LEASE = timedelta(seconds=60)

#: What VTEX does by right, in some accounts: every demo has some of it, however mild its chaos.
ODD_DIALS = {"changes_leave_items": 0.5, "feed_without_change": 0.05}


class DemoFailed(OrdersSyncError):
    """Raised when a demo cannot begin."""


class DemoStage:
    """Starts everything when it is entered, and stops everything when it is left.

    `demand` is what the ERP and another service will ask for; `random` deals it. `killable` names
    the processes that may die at any instant.
    Its processes run in the demo's own folder: a `.env` of the present one is not theirs.
    """

    api: SandboxApi
    demand: Demand

    def __init__(
        self,
        plan: DemoPlan,
        random: Random,
        *,
        say: Callable[[str], None],
        pause: Callable[[float], None],
    ) -> None:
        self._plan = plan
        self._say = say
        self._pause = pause
        self._supervisor = Supervisor(
            run_folder(plan.home), say=say, delays=RestartDelays(first=0.5, cap=0.5)
        )
        self._random = random
        self._gateway_url = ""
        self._settings: dict[str, str] = {}
        self._webhook: WebhookSite | None = None
        self._tryton: TrytonSite | None = None
        self._clerk: TrytonClerk | None = None
        self.killable: list[str] = []

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._supervisor.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.demand.close()
        self.api.close()
        self._supervisor.stop()

    def kill(self, name: str) -> bool:
        """Kill a process; False where it does not run."""
        return self._supervisor.kill(name)

    def pause(self, seconds: float) -> None:
        """Wait, and keep everything running meanwhile."""
        self._supervisor.tend()
        self._pause(seconds)

    def look_around(self) -> str:
        """Write settings that let commands look at the demo; return what to type."""
        home = self._plan.home
        lines = [f"{name}={value}" for name, value in self._settings.items()]
        write_privately(home / ".env", "\n".join(lines) + "\n")
        return (
            f"Everything goes on. Look around: cd {home} && orders-sync status (or orders list, "
            f"commands list, parked list, doctor). Order desk: {self._open_desk()}. "
            "Ctrl-C stops it."
        )

    def _open_desk(self) -> str:
        """Let a user with a password made up into the order desk; return where and who."""
        password, now = new_password(), datetime.now(UTC)
        user = User(_DESK_USER, Passwords().hash(password), Role.ADMIN, None, True, now)
        with closing(self._ledger()) as ledger:
            ledger.users.add(user, Act(now, "demo"))
        write_privately(self._plan.home / "desk.login", f"{_DESK_USER}:{password}")
        return f"{self._gateway_url}/desk/ (user {_DESK_USER}, password {password})"

    def _ledger(self) -> Ledger:
        return Ledger(f"sqlite:///{self._plan.home / 'ledger.sqlite3'}", lease=_LEASE)

    def _start(self) -> None:
        home = self._plan.home
        self._say(
            "Starting, on this machine only: a broker (Valkey), a VTEX in a box, "
            f"{self._plan.workers} workers, beat, "
            f"{'Flower, ' if self._plan.flower else ''}{_ERPS[self._plan.erp]}, and another "
            "service that sends commands."
        )
        self._tryton = self._start_tryton() if self._plan.erp == "tryton" else None
        broker_url = start_broker(home, self._supervisor, self._pause)
        upgrade(f"sqlite:///{home / 'ledger.sqlite3'}")
        sandbox_url = self._start_sandbox()
        self.api = SandboxApi(sandbox_url)
        self.api.turn_dials(ODD_DIALS)
        self._webhook = self._start_receiver() if self._plan.erp == "webhook" else None
        env = demo_environment(
            home,
            broker_url=broker_url,
            sandbox_url=sandbox_url,
            erp=self._plan.erp,
            erp_options=self._options_of_erp(),
        )
        self._settings = {name: env[name] for name in env if name.startswith(PREFIX)}
        self._start_crew(env)
        # VTEX keeps no events for a feed that is not configured yet.
        self._wait_for(
            lambda: self.api.report().feed_configured, "the workers to configure the feed"
        )
        outbox = home / "outbox"
        self.demand = Demand(
            self._played_erp(),
            outbox,
            self.api.order,
            self.api.edit,
            self._random,
            time.monotonic,
        )
        self._start_service(outbox, broker_url)

    def _start_receiver(self) -> WebhookSite:
        """Start the ERP that is called over HTTP, a bad one in a wild demo."""
        plan = self._plan
        seed = plan.seed if plan.chaos == "wild" else None
        site = WebhookSite.choose(plan.home, plain_environment(), seed)
        self._supervisor.start(site.spec())
        self._wait_for(site.answers, "the ERP's receiver")
        self.killable.append(RECEIVER)
        return site

    def _played_erp(self) -> PlayedPeople:
        if self._clerk is not None:
            return PlayedTryton(self._clerk, ACCOUNT)
        if self._webhook is None:
            return PlayedErp(f"sqlite:///{self._plan.home / 'erp.sqlite3'}", ACCOUNT)
        return PlayedWebhook(self._webhook.books, ACCOUNT, self._gateway_url, self._token_of_erp())

    def _token_of_erp(self) -> str:
        """Return a token with which the ERP asks in its own name."""
        token, now = new_token(), datetime.now(UTC)
        caller = Caller(
            id=token_id(token) or "",
            name="erp",
            digest=digest_of(token),
            scopes=frozenset({Scope.SEND, Scope.ERP}),
            accounts=frozenset({ACCOUNT}),
            created_at=now,
        )
        with closing(self._ledger()) as ledger:
            ledger.callers.add(caller, Act(now, "demo"))
        return token

    def _start_tryton(self) -> TrytonSite:
        """Set a Tryton database up, and start its server."""
        site = TrytonSite(self._plan.home / "tryton", ACCOUNT)
        self._say("Setting up Tryton: some 30 s of processor time.")
        site.set_up(pause=self.pause)
        self._supervisor.start(site.spec())
        self._wait_for(site.answers, "Tryton")
        self._clerk = site.clerk()
        self._clerk.log_in()
        return site

    def _options_of_erp(self) -> Mapping[str, Any]:
        """Return the options of the adapter; the staging tables need none."""
        site = self._webhook or self._tryton
        return site.options() if site else {}

    def _start_sandbox(self) -> str:
        plan = self._plan
        log = logs_folder(plan.home) / "sandbox.log"
        argv = process_list.sandbox(account=ACCOUNT, seed=plan.seed, chaos=plan.chaos)
        spec = ProcessSpec(
            name="sandbox",
            argv=argv,
            log=log,
            env=plain_environment(),
            folder=plan.home,
            vital=True,
            stops_last=True,
        )
        self._supervisor.start(spec)
        self._wait_for(lambda: first_address(log) is not None, "the sandbox")
        return first_address(log) or ""

    def _start_service(self, outbox: Path, broker_url: str) -> None:
        """Start the other service; Celery itself reads the URL, which is a secret, from there.

        https://docs.celeryq.dev/en/stable/userguide/configuration.html#broker-url
        """
        home = self._plan.home
        spec = ProcessSpec(
            name="service",
            argv=process_list.other_service(outbox),
            log=logs_folder(home) / "service.log",
            env={**plain_environment(), "CELERY_BROKER_URL": broker_url},
            folder=home,
        )
        self._supervisor.start(spec)

    def _start_crew(self, env: dict[str, str]) -> None:
        plan = self._plan
        port = free_port() if plan.flower else None
        has_hook = plan.chaos == "wild"
        gateway = free_port() if has_hook or plan.stays or self._webhook else None
        crew = ProcessList(plan.home, env, plan.workers, port, "info", gateway, folder=plan.home)
        for spec in crew.specs():
            self._supervisor.start(spec)
        self.killable += crew.worker_names
        self._gateway_url = f"http://127.0.0.1:{gateway}"
        if has_hook:
            self.killable.append("gateway")
            self._wait_for(lambda: answers(self._gateway_url), "the gateway")
            self._wait_for(self._hook_is_taken, "VTEX to take the hook")
        if plan.flower:
            self._say(f"Flower: http://{flower_login(plan.home)}@127.0.0.1:{port}")

    def _hook_is_taken(self) -> bool:
        """Configure the hook; in a wild demo VTEX may fail to take it, as any call."""
        url = f"{self._gateway_url}/hook/{ACCOUNT}"
        with suppress(SandboxFailed):
            self.api.configure_hook(url, secret=HOOK_SECRET, app_key=APP_KEY)
            return True
        return False

    def _wait_for(self, is_there: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _START_DEADLINE_SECONDS
        while not is_there():
            if time.monotonic() > deadline:
                raise DemoFailed(
                    f"Waited {_START_DEADLINE_SECONDS:g} s for {what} in vain; "
                    f"the logs say why: {logs_folder(self._plan.home)}"
                )
            self.pause(_LOOK_EVERY_SECONDS)


def answers(url: str) -> bool:
    """Check whether a gateway serves calls."""
    try:
        return requests.get(f"{url}/livez", timeout=_LOOK_EVERY_SECONDS * 10).ok
    except requests.RequestException:
        return False


def first_address(log: Path) -> str | None:
    """Find the address that the sandbox printed; None until it did so with the whole line."""
    for line in log.read_text(errors="replace").splitlines(keepends=True):
        if line.startswith("http://") and line.endswith("\n"):
            return line.strip()
    return None
