"""The processes of a run, from the broker to the other service, and the hand that hurts them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Self
from urllib.parse import urlsplit

from chaos import hanging_erp
from chaos.account import Account
from chaos.broker_contents import BrokerContents
from chaos.databases import ChaosErp, ChaosLedger, running_erp, running_ledger
from chaos.environment import (
    HOOK_SECRET,
    Peers,
    adapters_folder,
    app_key,
    chaos_environment,
    child_environment,
)
from chaos.hosts import Host, running_host, why_not
from chaos.plan import MAIN, AccountPlan, ChaosPlan
from chaos.timetable import BEATS, ON_A_HOST, SERVICE, WORKERS, Kind

from orders_sync.demo.sandbox_api import SandboxApi
from orders_sync.demo.stage import Stage, StageFailed
from orders_sync.embedded import process_list
from orders_sync.embedded.home import run_folder
from orders_sync.embedded.supervisor import RestartDelays
from orders_sync.ledger.migrate import upgrade

_START_DEADLINE_SECONDS = 120.0
_LOOK_EVERY_SECONDS = 0.1
_MEASURE_EVERY_SECONDS = 1.0
_COMMAND_SECONDS = 60.0
_INSPECT_SECONDS = 5
_INSPECTIONS = 3

#: VTEX on an ordinary day: it answers at once and takes its time to do what it was asked. A change
#: does not look at the invoices that come in while it is made, as at VTEX (known issue 1348894).
_EVERYDAY: Mapping[str, Any] = {
    "handling_seconds": 0.1,
    "cancel_seconds": 0.1,
    "invoicing_seconds": 0.1,
    "index_lag_seconds": 2.0,
    "change_invoice_race": True,
}
#: What is accepted, and shows later.
_SHOWN_LATER = ("visible_after_seconds", "cancel_visible_after_seconds", "change_seconds")


class World(Stage):
    """Starts everything when it is entered, and stops everything when it is left."""

    accounts: dict[str, Account]
    ledger: ChaosLedger
    broker: BrokerContents

    def __init__(
        self,
        plan: ChaosPlan,
        home: Path,
        *,
        say: Callable[[str], None],
        pause: Callable[[float], None],
    ) -> None:
        super().__init__(
            home,
            child_environment(),
            folder=home,
            say=say,
            pause=pause,
            delays=RestartDelays(first=0.5, cap=2.0),
        )
        self._plan = plan
        self._say = say
        self._hosts: dict[str, Host] = {}
        self._slept: defaultdict[str, float] = defaultdict(float)
        self._measure_at = 0.0
        self.accounts = {}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    @property
    def main(self) -> Account:
        """The account that the faults of the timetable are about."""
        return self.accounts[MAIN]

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process, if it runs."""
        child = self.children[name]
        pid = child.pid
        if pid is not None and child.exit_status() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def sleep_clock(self, name: str, seconds: float) -> None:
        """Set a process's monotonic clock back by a while that it stood still."""
        self._slept[name] += seconds
        self._slept_file(name).write_text(str(self._slept[name]))

    def set_erp_delay(self, account: str, seconds: float) -> None:
        """Set how long each order takes in an account's ERP from now on."""
        hanging_erp.set_delay(self.home, account, seconds)

    def without_others(self, name: str) -> AbstractContextManager[None]:
        """Cut a process's host off for as long as the block lasts, where there are hosts."""
        host = self._hosts.get(name)
        return contextlib.nullcontext() if host is None else host.without_others()

    def without_vtex(self, name: str) -> AbstractContextManager[None]:
        """Cut a process's host off from VTEX for as long as the block lasts."""
        host = self._hosts.get(name)
        return contextlib.nullcontext() if host is None else host.without_vtex()

    def tend_accounts(self) -> None:
        """Send the commands that are due, in every account."""
        for account in self.accounts.values():
            account.tend()

    def pause(self, seconds: float) -> None:
        """Wait, keep everything running meanwhile, and look into the broker now and then."""
        if time.monotonic() >= self._measure_at:
            self._measure_at = time.monotonic() + _MEASURE_EVERY_SECONDS
            self.broker.measure()
        super().pause(seconds)

    def ask(self, *arguments: str) -> Any:
        """Return what our command line answers with --json, as a person would ask it."""
        return json.loads(self._run("orders_sync", *arguments, "--json"))

    def prefetch_counts(self) -> Mapping[str, int]:
        """Return how many messages each worker may have in hand; those that do not answer lack."""
        inspect = ("inspect", "stats", "--json", f"--timeout={_INSPECT_SECONDS}")
        for _ in range(_INSPECTIONS):
            # A worker that looks for the broker does not answer; if none does, that is an error.
            with contextlib.suppress(subprocess.CalledProcessError, ValueError):
                stats = json.loads(self._run("celery", "--quiet", "-A", "orders_sync", *inspect))
                return {name.partition("@")[0]: of["prefetch_count"] for name, of in stats.items()}
        return {}

    def _run(self, module: str, *arguments: str) -> bytes:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=self.environment,
            cwd=self.home,
            check=True,
            capture_output=True,
            timeout=_COMMAND_SECONDS,
        )
        return done.stdout

    def _start(self) -> None:
        home = self.home
        self.ledger = self.stack.enter_context(running_ledger(self._plan.ledger, home))
        self.stack.callback(lambda: self.ledger.keep(home))
        erps = [self._have_erp(account) for account in self._plan.accounts]
        self.stack.callback(self.stop_processes)
        upgrade(self.ledger.url)
        broker_url = self.start_broker(persistent=self._plan.broker == "persistent")
        self.broker = BrokerContents(broker_url, home / "broker" / "keys.dump")
        self.stack.callback(self.broker.close)
        sandboxes = [
            self.start_sandbox(
                account.name,
                name=f"sandbox-{account.name}",
                seed=self._plan.seed,
                requests_per_minute=account.requests_per_minute,
            )
            for account in self._plan.accounts
        ]
        peers = [
            Peers(account, sandbox_url, erp.url)
            for account, sandbox_url, erp in zip(self._plan.accounts, sandboxes, erps, strict=True)
        ]
        hanging_erp.install(adapters_folder(home))
        for peer, erp in zip(peers, erps, strict=True):
            self._open_account(peer, erp)
        self.environment = self._environment(peers, broker_url)
        self._start_crew(peers, broker_url)
        # VTEX keeps no events for a feed that is not configured yet.
        self.wait_for(
            lambda: all(a.api.report().feed_configured for a in self.accounts.values()),
            "the workers to configure the feeds",
        )
        self._open_gateway()
        env = child_environment(CELERY_BROKER_URL=broker_url)
        service = process_list.other_service(self._outbox(MAIN), once=self._plan.broker_keeps)
        self.start(SERVICE, service, env)

    def _environment(self, peers: list[Peers], broker_url: str) -> dict[str, str]:
        return chaos_environment(
            self.home, peers, broker_url=broker_url, ledger_url=self.ledger.url
        )

    def _have_erp(self, account: AccountPlan) -> ChaosErp:
        """Run an ERP; those that no fault is about are files."""
        if account.name == MAIN:
            return self.stack.enter_context(running_erp(self._plan.erp, self.home))
        erp = running_erp("sqlite", self.home, f"erp-{account.name}")
        return self.stack.enter_context(erp)

    def _open_account(self, peers: Peers, erp: ChaosErp) -> None:
        plan = peers.plan
        api = SandboxApi(peers.sandbox_url)
        api.turn_dials(
            {
                **_EVERYDAY,
                **dict.fromkeys(_SHOWN_LATER, plan.effect_seconds or self._plan.effect_seconds),
                "latency_max_seconds": self._plan.latency_seconds,
            }
        )
        random = Random(f"{self._plan.seed} demand {plan.name}")
        account = Account(plan, api, erp, self._outbox(plan.name), random)
        self.stack.callback(account.close)
        self.accounts[plan.name] = account

    def _outbox(self, account: str) -> Path:
        return self.home / "outbox" / account

    def _start_crew(self, peers: list[Peers], broker_url: str) -> None:
        without = ",".join(sorted(self._plan.without))
        offsets = {f.target: f.size for f in self._plan.faults if f.kind is Kind.SKEWED}
        threads = f"--concurrency={self._plan.threads}"
        argvs = {
            name: (*process_list.worker(n, "info"), threads)
            for n, name in enumerate(WORKERS, start=1)
        }
        argvs |= dict.fromkeys(BEATS, process_list.beat("info"))
        envs = self._start_hosts(peers, broker_url)
        for name, (python, _, *program) in argvs.items():
            settings = (str(offsets.get(name, 0.0)), without, str(self._slept_file(name)))
            argv = (python, "-m", "chaos.weakened", *settings, *program)
            host = self._hosts.get(name)
            self.start(name, host.command(argv) if host else argv, envs.get(name, self.environment))

    def _open_gateway(self) -> None:
        """Start the gateway, and have VTEX post to its hook in a run that has one."""
        url = self.start_gateway()
        if self._plan.has_hook:
            for name, account in self.accounts.items():
                account.api.configure_hook(
                    f"{url}/hook/{name}", secret=HOOK_SECRET, app_key=app_key(name)
                )

    def _start_hosts(self, peers: list[Peers], broker_url: str) -> dict[str, dict[str, str]]:
        """Start hosts that will lose others; return the environments of their workers."""
        targets = sorted({f.target for f in self._plan.faults if f.kind in ON_A_HOST})
        reason = why_not() if targets else None
        if reason is not None:
            self._say(f"{', '.join(targets)} cannot lose the others: {reason}.")
            return {}
        envs = {}
        for number, name in enumerate(targets):
            host = Host.number(number, os.getpid())
            self.stack.enter_context(running_host(host))
            # It is left after the processes on it were stopped.
            self.stack.callback(self.stop_processes)
            pairs = [
                f"{host.services}:{_port(broker_url)}=127.0.0.1:{_port(broker_url)}",
                *(
                    f"{host.vtex}:{_port(peer.sandbox_url)}=127.0.0.1:{_port(peer.sandbox_url)}"
                    for peer in peers
                ),
            ]
            relay = (sys.executable, "-m", "chaos.hosts", *pairs)
            spec = self.spec(f"relay-{name}", relay, child_environment())
            self.run(replace(spec, stops_last=True))
            there = [
                Peers(peer.plan, peer.sandbox_url.replace("127.0.0.1", host.vtex), peer.erp_url)
                for peer in peers
            ]
            envs[name] = self._environment(there, broker_url.replace("127.0.0.1", host.services))
            self._hosts[name] = host
        return envs

    def _slept_file(self, name: str) -> Path:
        return run_folder(self.home) / f"{name}.slept"


def _port(url: str) -> int:
    port = urlsplit(url).port
    if port is None:
        raise StageFailed(f"{url} has no port.")
    return port
