"""The processes of one demo, from the broker to Flower."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Self

from orders_sync.demo.demand import Demand, PlayedErp
from orders_sync.demo.environment import (
    ACCOUNT,
    APP_KEY,
    HOOK_SECRET,
    demo_environment,
    plain_environment,
)
from orders_sync.demo.plan import DemoPlan, ErpName
from orders_sync.demo.played_staging import PlayedStaging
from orders_sync.demo.played_tryton import PlayedTryton, TrytonClerk
from orders_sync.demo.played_webhook import RECEIVER, PlayedWebhook, WebhookSite
from orders_sync.demo.sandbox_api import SandboxApi, SandboxFailed
from orders_sync.demo.stage import Stage, gateway_answers
from orders_sync.demo.tryton_site import TrytonSite
from orders_sync.embedded import process_list
from orders_sync.embedded.broker import free_port
from orders_sync.embedded.home import write_privately
from orders_sync.embedded.process_list import ProcessList, flower_login
from orders_sync.gateway.grants import Passwords, new_password
from orders_sync.gateway.rights import Role, Scope, digest_of, new_token, token_id
from orders_sync.ledger import Ledger
from orders_sync.ledger.access import Caller, User
from orders_sync.ledger.journal import Act
from orders_sync.ledger.migrate import upgrade
from orders_sync.settings_variables import PREFIX

_DESK_USER = "demo"
_ERPS: Mapping[ErpName, str] = {
    "staging": "an ERP's tables (SQLite)",
    "webhook": "an ERP behind HTTP, the gateway that it calls",
    "tryton": "Tryton",
}
_LEASE = timedelta(seconds=60)

#: What VTEX does by right, in some accounts: every demo has some of it, however mild its chaos.
ODD_DIALS = {"changes_leave_items": 0.5, "feed_without_change": 0.05}


class DemoStage(Stage):
    """Starts a demo when it is entered, and stops all of it when it is left.

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
        super().__init__(
            plan.home,
            plain_environment(),
            folder=plan.home,
            say=say,
            pause=pause,
        )
        self._plan = plan
        self._say = say
        self._random = random
        self._gateway_url = ""
        self._settings: dict[str, str] = {}
        self._webhook: WebhookSite | None = None
        self._tryton: TrytonSite | None = None
        self._clerk: TrytonClerk | None = None
        self.killable: list[str] = []

    def __enter__(self) -> Self:
        """Start everything."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def look_around(self) -> str:
        """Write settings that let commands look at the demo; return what to type."""
        home = self.home
        lines = [f"{name}={value}" for name, value in self._settings.items()]
        write_privately(home / ".env", "\n".join(lines) + "\n")
        return (
            f"Everything goes on. Look around: cd {home} && orders-sync status (or orders list, "
            f"commands list, parked list, doctor). Order desk: {self._open_desk()}. "
            "Ctrl-C stops it."
        )

    def _open_desk(self) -> str:
        """Add a user with a new password to the order desk; return where and who."""
        password, now = new_password(), datetime.now(UTC)
        user = User(_DESK_USER, Passwords().hash(password), Role.ADMIN, None, True, now)
        with closing(self._ledger()) as ledger:
            ledger.users.add(user, Act(now, "demo"))
        write_privately(self.home / "desk.login", f"{_DESK_USER}:{password}")
        return f"{self._gateway_url}/desk/ (user {_DESK_USER}, password {password})"

    def _ledger(self) -> Ledger:
        return Ledger(f"sqlite:///{self.home / 'ledger.sqlite3'}", lease=_LEASE)

    def _start(self) -> None:
        plan, home = self._plan, self.home
        self._say(
            "Starting, on this machine only: a broker (Valkey), a VTEX in a box, "
            f"{plan.workers} workers, beat, "
            f"{'Flower, ' if plan.flower else ''}{_ERPS[plan.erp]}, and another "
            "service that sends commands."
        )
        self._tryton = self._start_tryton() if plan.erp == "tryton" else None
        broker_url = self.start_broker()
        upgrade(f"sqlite:///{home / 'ledger.sqlite3'}")
        sandbox_url = self.start_sandbox(ACCOUNT, seed=plan.seed, chaos=plan.chaos)
        self.api = SandboxApi(sandbox_url)
        self.stack.callback(self.api.close)
        self.api.turn_dials(ODD_DIALS)
        self._webhook = self._start_receiver() if plan.erp == "webhook" else None
        env = demo_environment(
            home,
            broker_url=broker_url,
            sandbox_url=sandbox_url,
            erp=plan.erp,
            erp_options=self._options_of_erp(),
        )
        self._settings = {name: env[name] for name in env if name.startswith(PREFIX)}
        self._start_processes(env)
        # VTEX keeps no events for a feed that is not configured yet.
        self.wait_for(
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
        self.stack.callback(self.demand.close)
        self._start_service(outbox, broker_url)

    def _start_receiver(self) -> WebhookSite:
        """Start the ERP that is called over HTTP, a bad one in a wild demo."""
        plan = self._plan
        seed = plan.seed if plan.chaos == "wild" else None
        site = WebhookSite.choose(self.home, self.environment, seed)
        self.run(site.spec())
        self.wait_for(site.answers, "the ERP's receiver")
        self.killable.append(RECEIVER)
        return site

    def _played_erp(self) -> PlayedErp:
        if self._clerk is not None:
            return PlayedTryton(self._clerk, ACCOUNT)
        if self._webhook is None:
            return PlayedStaging(f"sqlite:///{self.home / 'erp.sqlite3'}", ACCOUNT)
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
        site = TrytonSite(self.home / "tryton", ACCOUNT)
        self._say("Setting up Tryton: some 30 s of processor time.")
        site.set_up(pause=self.pause)
        self.run(site.spec())
        self.wait_for(site.answers, "Tryton")
        self._clerk = site.clerk()
        self._clerk.log_in()
        return site

    def _options_of_erp(self) -> Mapping[str, Any]:
        """Return the options of the adapter; the staging tables need none."""
        site = self._webhook or self._tryton
        return site.options() if site else {}

    def _start_service(self, outbox: Path, broker_url: str) -> None:
        """Start the other service; Celery itself reads the URL, which is a secret, from there.

        https://docs.celeryq.dev/en/stable/userguide/configuration.html#broker-url
        """
        self.start("service", process_list.other_service(outbox), CELERY_BROKER_URL=broker_url)

    def _start_processes(self, env: dict[str, str]) -> None:
        plan = self._plan
        port = free_port() if plan.flower else None
        has_hook = plan.chaos == "wild"
        gateway = free_port() if has_hook or plan.stays or self._webhook else None
        processes = ProcessList(
            self.home, env, plan.workers, port, "info", gateway, folder=self.home
        )
        for spec in processes.specs():
            self.run(spec)
        self.killable += processes.worker_names
        self._gateway_url = f"http://127.0.0.1:{gateway}"
        if has_hook:
            self.killable.append("gateway")
            self.wait_for(lambda: gateway_answers(self._gateway_url), "the gateway")
            self.wait_for(self._hook_is_taken, "VTEX to take the hook")
        if plan.flower:
            self._say(f"Flower: http://{flower_login(self.home)}@127.0.0.1:{port}")

    def _hook_is_taken(self) -> bool:
        """Configure the hook; in a wild demo VTEX may fail to take it, as any call."""
        url = f"{self._gateway_url}/hook/{ACCOUNT}"
        with suppress(SandboxFailed):
            self.api.configure_hook(url, secret=HOOK_SECRET, app_key=APP_KEY)
            return True
        return False
