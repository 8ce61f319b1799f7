"""The processes of a run, from the broker to the other service, and the hand that hurts them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

from chaos.broker_contents import BrokerContents
from chaos.environment import chaos_environment, child_environment
from chaos.erp import ChaosErp, running_erp
from chaos.ledgers import ChaosLedger, running_ledger
from chaos.plan import ChaosPlan
from chaos.timetable import BEATS, BROKER, SERVICE, WORKERS, Kind

from orders_sync.demo.demand import Demand
from orders_sync.demo.environment import ACCOUNT
from orders_sync.demo.sandbox_api import SandboxApi
from orders_sync.demo.stage import first_address
from orders_sync.embedded import commands
from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.embedded.home import logs_folder, run_folder
from orders_sync.embedded.processes import Child, ProcessSpec
from orders_sync.embedded.supervisor import RestartDelays, Supervisor
from orders_sync.ledger.migrate import upgrade

_START_DEADLINE_SECONDS = 120.0
_LOOK_EVERY_SECONDS = 0.1
_COMMAND_SECONDS = 60.0
#: While the ERP waits for its database, no fault ends.
_ERP_PATIENCE_SECONDS = 2.0

#: VTEX on an ordinary day: it answers at once and takes its time to do what it was asked.
_EVERYDAY: Mapping[str, float] = {
    "handling_seconds": 0.1,
    "cancel_seconds": 0.1,
    "visible_after_seconds": 0.1,
    "invoicing_seconds": 0.1,
    "change_seconds": 0.2,
    "index_lag_seconds": 2.0,
}


class ChaosFailed(Exception):
    """Raised when a run cannot begin."""


class World:
    """Starts everything when it is entered, and stops everything when it is left."""

    api: SandboxApi
    demand: Demand
    erp: ChaosErp
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
        self._plan = plan
        self._home = home
        self._pause = pause
        self._stack = ExitStack()
        self._supervisor = Supervisor(
            run_folder(home), say=say, delays=RestartDelays(first=0.5, cap=2.0)
        )
        self._children: dict[str, Child] = {}
        self._env: dict[str, str] = {}

    def __enter__(self) -> Self:
        with self._stack:
            self._start()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    @property
    def restarts(self) -> int:
        """How often a process was started again."""
        return self._supervisor.restarts

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process, if it runs."""
        pid = self._children[name].pid
        if pid is not None and self._children[name].exit_status() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def pause(self, seconds: float) -> None:
        """Wait, and keep everything running meanwhile."""
        self._supervisor.tend()
        self._pause(seconds)

    def ask(self, *arguments: str) -> Any:
        """Give what our command line answers with --json, as a person would ask it."""
        done = subprocess.run(
            [sys.executable, "-m", "orders_sync", *arguments, "--json"],
            env=self._env,
            cwd=self._home,
            check=True,
            capture_output=True,
            timeout=_COMMAND_SECONDS,
        )
        return json.loads(done.stdout)

    def _start(self) -> None:
        home = self._home
        self.ledger = self._stack.enter_context(running_ledger(self._plan.ledger, home))
        self._stack.callback(lambda: self.ledger.keep(home))
        self.erp = self._stack.enter_context(running_erp(self._plan.erp, home))
        self._stack.callback(self._supervisor.stop)
        upgrade(self.ledger.url)
        broker_url = self._start_broker()
        sandbox_url = self._start_sandbox()
        self.api = SandboxApi(sandbox_url)
        self._stack.callback(self.api.close)
        self.api.turn_dials({**_EVERYDAY, "latency_max_seconds": self._plan.latency_seconds})
        self._env = chaos_environment(
            home,
            broker_url=broker_url,
            sandbox_url=sandbox_url,
            ledger_url=self.ledger.url,
            erp_url=self.erp.url,
            requests_per_minute=self._plan.requests_per_minute,
        )
        self._start_crew()
        # VTEX keeps no events for a feed that is not configured yet.
        self._wait_for(
            lambda: self.api.report().feed_configured, "the workers to configure the feed"
        )
        self._start_service(broker_url)

    def _start_broker(self) -> str:
        broker = EmbeddedBroker(self._home, persistent=self._plan.broker == "persistent")
        url = broker.start(pause=self._pause)
        if broker.child is not None:
            self._supervisor.watch(broker.child)
            self._children[BROKER] = broker.child
        self.broker = BrokerContents(url, self._home / "broker" / "keys.dump")
        self._stack.callback(self.broker.close)
        return url

    def _start_sandbox(self) -> str:
        argv = commands.sandbox(
            account=ACCOUNT,
            seed=self._plan.seed,
            chaos="off",
            requests_per_minute=self._plan.requests_per_minute,
        )
        self._start_process("sandbox", argv, child_environment(), vital=True, stops_last=True)
        log = self._children["sandbox"].spec.log
        self._wait_for(lambda: first_address(log) is not None, "the sandbox")
        return first_address(log) or ""

    def _start_crew(self) -> None:
        without = ",".join(sorted(self._plan.without))
        offsets = {f.target: f.size for f in self._plan.faults if f.kind is Kind.SKEWED}
        threads = f"--concurrency={self._plan.threads}"
        argvs = {
            name: (*commands.worker(n, "info"), threads) for n, name in enumerate(WORKERS, start=1)
        }
        argvs |= dict.fromkeys(BEATS, commands.beat("info"))
        for name, (python, _, *program) in argvs.items():
            offset = str(offsets.get(name, 0.0))
            argv = (python, "-m", "chaos.squeezed", offset, without, *program)
            self._start_process(name, argv, self._env)

    def _start_service(self, broker_url: str) -> None:
        """Start the other service, and what it and the ERP ask for."""
        outbox = self._home / "outbox"
        random = Random(f"{self._plan.seed} demand")
        self.demand = Demand(
            self.erp.url,
            outbox,
            self.api.order,
            random,
            time.monotonic,
            patience_seconds=_ERP_PATIENCE_SECONDS,
        )
        self._stack.callback(self.demand.close)
        env = child_environment(CELERY_BROKER_URL=broker_url)
        self._start_process(
            SERVICE, commands.other_service(outbox, once=self._plan.broker_keeps), env
        )

    def _start_process(
        self,
        name: str,
        argv: tuple[str, ...],
        env: Mapping[str, str],
        *,
        vital: bool = False,
        stops_last: bool = False,
    ) -> None:
        log = logs_folder(self._home) / f"{name}.log"
        spec = ProcessSpec(name, argv, log, env, self._home, vital, stops_last)
        self._children[name] = self._supervisor.start(spec)

    def _wait_for(self, is_there: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _START_DEADLINE_SECONDS
        while not is_there():
            if time.monotonic() > deadline:
                raise ChaosFailed(f"Waited {_START_DEADLINE_SECONDS:g} s for {what} in vain.")
            self.pause(_LOOK_EVERY_SECONDS)
