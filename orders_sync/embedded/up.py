"""`orders-sync up`: all processes of the configured accounts, until it is stopped."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orders_sync.embedded.broker import EmbeddedBroker, port_is_free
from orders_sync.embedded.home import logs_folder, run_folder, sole_use, stop_leftovers
from orders_sync.embedded.process_list import ProcessList, flower_login_file
from orders_sync.embedded.supervisor import STOP_SECONDS, StopRequested, StopSignals, Supervisor
from orders_sync.errors import LedgerUnavailable, OrdersSyncError
from orders_sync.ledger.migrate import upgrade
from orders_sync.private_files import keep_private
from orders_sync.roster import settings_in_force
from orders_sync.settings import Settings, child_environment, require_accounts
from orders_sync.settings_variables import PREFIX

_LOOK_EVERY_SECONDS = 0.2


class PortInUse(OrdersSyncError):
    """Raised where another program has the port that one of ours was to have."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of Flower and the gateway on this machine; None: it does not run."""

    flower: int | None = None
    gateway: int | None = None


def run_up(settings: Settings, *, workers: int, ports: Ports, say: Callable[[str], None]) -> int:
    """Run everything until a signal asks for the end; whatever else ends is started again.

    `say` is told in sentences what happens, and that everything runs only once all workers consume.
    Returns the exit status: 0, or 130 where Ctrl-C ended it.

    Raises:
        ConfigurationError: something must be set first; nothing was started.
        HomeInUse: the home folder's processes run already.
        LedgerUnavailable: the ledger's database does not answer.
        PortInUse: another program has a port; nothing was started.
    """
    with suppress(LedgerUnavailable):
        # A ledger that is to be upgraded first is asked after that.
        _with_accounts(settings)
    _require_free("Flower", "flower", ports.flower)
    _require_free("the HTTP API", "gateway", ports.gateway)
    home = settings.home.absolute()
    with StopSignals() as signals, sole_use(home):
        keep_private(settings)
        silence = settings.silence_seconds
        supervisor = Supervisor(run_folder(home), say=say, silence_seconds=silence)
        try:
            for name in stop_leftovers(home, pause=signals.pause):
                say(f"Stopped {name}, which an earlier run had left.")
            upgrade(settings.ledger)
            settings = _with_accounts(settings)
            broker_url = settings.broker_url or start_broker(home, supervisor, signals.pause)
            _start_processes(settings, supervisor, broker_url, workers, ports)
            is_told = False
            while True:
                supervisor.tend()
                if not is_told and supervisor.is_consuming:
                    say(_describe(settings, home, ports))
                    is_told = True
                signals.pause(_LOOK_EVERY_SECONDS)
        except StopRequested as stop:
            say(f"Stopping; this takes {STOP_SECONDS:g} s at most.")
            return stop.status if stop.number == signal.SIGINT else 0
        finally:
            supervisor.stop()


def _with_accounts(settings: Settings) -> Settings:
    """Return the settings with the ledger's accounts; with a key for these there may be none yet.

    Raises:
        ConfigurationError: there is no account.
        LedgerUnavailable: the ledger does not answer.
    """
    settings, _ = settings_in_force(settings)
    if settings.secrets_key is None:
        require_accounts(settings)
    return settings


def _require_free(what: str, option: str, port: int | None) -> None:
    if port is not None and not port_is_free(port):
        raise PortInUse(
            f"Port {port} of 127.0.0.1 is in use, and not by us. Give {what} another with "
            f"--{option}-port, or leave it out with --no-{option}."
        )


def start_broker(home: Path, supervisor: Supervisor, pause: Callable[[float], None]) -> str:
    """Start the embedded broker, watch it, and return its URL."""
    broker = EmbeddedBroker(home)
    url = broker.start(pause=pause)
    if broker.child:
        supervisor.watch(broker.child)
    return url


def _start_processes(
    settings: Settings,
    supervisor: Supervisor,
    broker_url: str,
    workers: int,
    ports: Ports,
) -> None:
    home = settings.home.absolute()
    env = child_environment(
        ORDERS_SYNC_BROKER_URL=broker_url, ORDERS_SYNC_HOME=str(home), **_shares(settings, workers)
    )
    processes = ProcessList(
        home,
        env,
        workers,
        ports.flower,
        settings.log_level,
        gateway_port=ports.gateway,
        intake_queue=settings.intake_queue,
    )
    for spec in processes.specs():
        supervisor.start(spec)


def _shares(settings: Settings, workers: int) -> dict[str, str]:
    """Return among how many the budget is shared while Redis is away; beat makes no calls.

    A number that somebody set counts processes on other machines too, and stays.
    """
    if "processes" in settings.model_fields_set:
        return {}
    return {f"{PREFIX}PROCESSES": str(workers)}


def _describe(settings: Settings, home: Path, ports: Ports) -> str:
    names = ", ".join(sorted(settings.accounts)) or "no account yet"
    parts = [f"Running for {names}; logs are in {logs_folder(home)}."]
    if ports.gateway is not None:
        url = f"http://127.0.0.1:{ports.gateway}"
        parts.append(f"Order desk: {url}/desk/ (orders-sync users create).")
        parts.append(f"HTTP API: {url}/api/docs.")
    if ports.flower is not None:
        login = flower_login_file(home)
        parts.append(f"Flower: http://127.0.0.1:{ports.flower} (user and password: {login}).")
    return " ".join([*parts, "Ctrl-C stops it."])
