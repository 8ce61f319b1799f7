"""Settings in, wired services out: the only place that builds clients, adapters and pools."""

from __future__ import annotations

import os
import random
import secrets
import socket
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Final

import structlog
from pydantic import SecretStr
from requests.adapters import BaseAdapter
from structlog.typing import Processor

from orders_sync.domain.time import Clock
from orders_sync.embedded.broker import with_broker
from orders_sync.encryption import Cipher
from orders_sync.erp.base import Erp
from orders_sync.erp.guarded import GuardedErp
from orders_sync.erp.registry import create as create_erp
from orders_sync.errors import (
    AuthFailed,
    ConfigurationError,
    LedgerUnavailable,
    OrdersSyncError,
    ParkedError,
)
from orders_sync.ledger import Ledger
from orders_sync.ledger.clock import LedgerClock
from orders_sync.ledger.versions import is_open, require_current
from orders_sync.logging.sentry import sentry_reporter
from orders_sync.metrics import Metrics
from orders_sync.metrics.observer import ObservedTransport
from orders_sync.metrics.tracing import NO_TRACING, Tracing
from orders_sync.private_files import private_folder
from orders_sync.redis_url import REDIS_SCHEMES
from orders_sync.roster import AccountUnusable, Roster
from orders_sync.settings import Settings, exports_traces, require_accounts
from orders_sync.settings_parts import AccountSettings
from orders_sync.token_store import LedgerTokenStore
from orders_sync.traffic.erp import ErpLimits
from orders_sync.traffic.shared import Shared, connect
from orders_sync.traffic.traffic import Traffic
from orders_sync.traffic.waits import Delay, KeyReplaced, Lane
from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.connections import VtexAdapter
from orders_sync.vtex.exchange import Credentials, Heard, Transport, open_gate
from orders_sync.vtex.resources import RESOURCES
from orders_sync.vtex.transport import RequestsTransport

log = structlog.get_logger(__name__)

#: How much of an order's lease a call to the ERP may take.
_ERP_SHARE_OF_LEASE: Final = 0.75

#: Seconds until a call is made again whose key was replaced, and until an adapter is built again.
_REPLACED_SECONDS: Final = 1.0
_MENDED_AFTER_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class _Calls:
    """The clients of an account's VTEX, one for each lane, as the settings are."""

    of: AccountSettings
    transport: Transport
    clients: dict[Lane, VtexClient] = field(default_factory=dict)


class Services:
    """The clients and stores of the use-cases, built when first needed, for a process's threads.

    `clock` is the ledger's own where none is given. `random` draws the jitter of retries. `traffic`
    says when VTEX and the ERPs may be called; without it every call passes, as it does for a person
    at a terminal. Tests pass their own clock, and an adapter that leads into a sandbox.
    `process` is this process's name in leases.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        random: random.Random,
        traffic: Traffic | None = None,
        process: str | None = None,
        adapter: BaseAdapter | None = None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self.process = process or process_name()
        self.random = random
        self.traffic = traffic
        self.metrics = Metrics()
        self.tracing = tracing
        self.ledger = Ledger(
            settings.ledger, lease=settings.lease, connections=settings.ledger_connections
        )
        self.roster = Roster(settings, self.ledger.kept_accounts, follow=self._follow)
        self._start = settings
        own = partial(datetime.now, UTC)
        self.clock = clock or LedgerClock(self.ledger.database, own=own)
        # All accounts share the connections of a process.
        self._adapter = adapter or VtexAdapter(settings.vtex.connections)
        self._calls: dict[str, _Calls] = {}
        self._erps: dict[str, tuple[AccountSettings, Erp]] = {}
        self._keys: dict[str, tuple[SecretStr, SecretStr]] = {}
        self._building = threading.RLock()

    @property
    def settings(self) -> Settings:
        """The settings with the accounts that are in force now."""
        return self.roster.settings

    def vtex(self, account: str, lane: Lane = Lane.FETCH) -> VtexClient:
        """Return the account's VTEX client whose calls wait for their turn in a lane.

        Raises:
            ParkedError: nobody knows the account.
            AccountUnusable: it is kept, and cannot be used as it is.
        """
        known = self._account(account)
        with self._building:
            calls = self._calls.get(account)
            if calls is None or calls.of is not known:
                calls = self._calls[account] = _Calls(known, self._build_transport(account, known))
            if lane not in calls.clients:
                calls.clients[lane] = self._build_client(account, calls, lane)
            return calls.clients[lane]

    def erp(self, account: str) -> Erp:
        """Return the adapter of the account's ERP; its breaker guards every call.

        Raises:
            ParkedError: nobody knows the account.
            AccountUnusable: it is kept, and its adapter is not installed, or refuses its options.
            ConfigurationError: the same of an account of the settings.
        """
        known = self._account(account)
        with self._building:
            built = self._erps.get(account)
            if built is None or built[0] is not known:
                built = known, self._build_erp(account, known)
                self._erps[account] = built
            return built[1]

    def is_disabled(self, account: str) -> bool:
        """Check whether the account's work waits until a person enables it."""
        known = self.settings.accounts.get(account)
        return known is not None and not known.enabled

    def is_left_to_others(self, account: str, operations: Collection[str]) -> bool:
        """Check whether other processes reach a peer of an account that this one does not."""
        traffic = self.traffic
        return traffic is not None and traffic.is_left_to_others(account, operations)

    def erp_rests(self, account: str) -> Delay | None:
        """Return for how long the account's ERP is left alone, because it failed too often."""
        return self.traffic.erp_rests(account) if self.traffic else None

    def look_at_erps(self, accounts: Collection[str]) -> None:
        """Read the state of many ERPs at once, before `erp_rests` of each."""
        if self.traffic:
            self.traffic.look_at_erps(accounts)

    def check(self) -> None:
        """Check, before any work is taken, what could not work.

        A ledger that a later version has upgraded is no fault: all work waits for this one. An
        account that the ledger keeps stops no process from starting.

        Raises:
            ConfigurationError: the ledger is not up to date, or the adapter of an account of the
                settings is wrong, or there is no account.
            LedgerUnavailable: the ledger's database does not answer.
        """
        if is_open(self.ledger.database):
            require_current(self.ledger.database)
        if self._start.secrets_key is None:
            require_accounts(self.settings)
        for account in self._start.accounts:
            self.erp(account)

    def close(self) -> None:
        """Return the connections."""
        self.roster.close()
        for _, erp in self._erps.values():
            erp.close()
        self._adapter.close()
        if self.traffic:
            self.traffic.close()
        self.ledger.close()

    def _account(self, account: str) -> AccountSettings:
        known = self.roster.find(account)
        if known is None:
            raise ParkedError(
                f"The account {account} is not configured here.",
                cause="account.unknown",
                hint=f"Add it: orders-sync accounts add {account}. Or set "
                f"ORDERS_SYNC_ACCOUNTS__{account.upper()}__APP_KEY and its __APP_TOKEN, and "
                "restart the workers. Then retry the order.",
            )
        return known

    def _follow(self, settings: Settings) -> None:
        """Drop what was built for accounts as they were, and use their budgets as they are."""
        accounts = settings.accounts
        with self._building:
            for name, (known, _) in list(self._erps.items()):
                if accounts.get(name) is not known:
                    # A call that uses it goes on; it is closed with the last.
                    del self._erps[name]
            for name, calls in list(self._calls.items()):
                if accounts.get(name) is not calls.of:
                    del self._calls[name]
        if self.traffic is not None:
            self.traffic.follow(
                {name: account.requests_per_minute for name, account in accounts.items()},
                _erp_limits(accounts),
            )
            self._welcome_keys(settings, self.traffic)

    def _welcome_keys(self, settings: Settings, traffic: Traffic) -> None:
        """End the pauses of accounts whose key is another than it was."""
        for name, account in settings.accounts.items():
            key = account.app_key, account.app_token
            if self._keys.setdefault(name, key) != key:
                self._keys[name] = key
                traffic.pause(name).lift()

    def _unusable(self, account: str, error: ConfigurationError) -> OrdersSyncError:
        """Return what to raise for an account that cannot be used: work of a kept one waits."""
        if not self.roster.is_kept(account):
            return error
        return AccountUnusable(str(error), _MENDED_AFTER_SECONDS)

    def _build_erp(self, account: str, known: AccountSettings) -> Erp:
        settings = self._start
        private_folder(settings.home)
        try:
            erp = create_erp(
                known.erp,
                account=account,
                options=known.erp_options,
                home=settings.home,
                mapping=known.erp_mapping,
                tokens=LedgerTokenStore(
                    account,
                    self.ledger.erp_tokens,
                    Cipher(settings.secrets_key),
                    process=self.process,
                    clock=self.clock,
                ),
            )
        except ConfigurationError as error:
            raise self._unusable(account, error) from error
        if self.traffic is None:
            return erp
        # What outlasts the lease of its order is done again by another worker.
        seconds = settings.lease.total_seconds() * _ERP_SHARE_OF_LEASE
        guard = partial(self.traffic.guard_erp, account, seconds=seconds)
        traced = partial(self.tracing.call, facts={})
        return GuardedErp(erp, guard, seconds=seconds, traced=traced)

    def _build_client(self, account: str, calls: _Calls, lane: Lane) -> VtexClient:
        known, traffic = calls.of, self.traffic
        return VtexClient(
            account,
            calls.transport,
            Credentials(known.app_key, known.app_token),
            gate=partial(self._call, traffic, account, known, lane) if traffic else open_gate,
        )

    def _build_transport(self, account: str, known: AccountSettings) -> Transport:
        bounds = self._start.vtex
        try:
            transport = RequestsTransport(
                known.address(account),
                adapter=self._adapter,
                connect_seconds=bounds.connect_seconds,
                read_seconds=bounds.read_seconds,
                total_seconds=bounds.total_seconds,
                max_body_bytes=bounds.max_body_bytes,
            )
        except ConfigurationError as error:
            raise self._unusable(account, error) from error
        return ObservedTransport(transport, account, self.metrics, tracing=self.tracing)

    @contextmanager
    def _call(
        self, traffic: Traffic, account: str, known: AccountSettings, lane: Lane, group: str
    ) -> Iterator[Heard]:
        """Make one call inside; raise KeyReplaced where VTEX refused a key that was replaced."""
        with traffic.call(account, lane, group) as heard:
            try:
                yield heard
            except AuthFailed as error:
                if self._is_replaced(account, known):
                    raise KeyReplaced(
                        f"{account}: its key was replaced meanwhile.", _REPLACED_SECONDS
                    ) from error
                raise

    def _is_replaced(self, account: str, known: AccountSettings) -> bool:
        with suppress(LedgerUnavailable):
            self.roster.look()
        now = self.settings.accounts.get(account)
        return now is not None and (now.app_key, now.app_token) != (known.app_key, known.app_token)


def process_name() -> str:
    """Return a name for this process that no other has, on any machine, at any time."""
    return f"{socket.gethostname()[:100]}/{os.getpid()}/{secrets.token_hex(4)}"


def connect_traffic(settings: Settings, *, process: str | None = None) -> Traffic:
    """Build the traffic control that all processes share; a Redis that is away is no error.

    `process` names this one among all; without it a name is made up.

    Raises:
        ConfigurationError: the broker is of a kind that cannot keep it, and no Redis is set.
    """
    url = settings.redis_url or with_broker(settings).broker_url or ""
    if not url.startswith(REDIS_SCHEMES):
        raise ConfigurationError(
            "ORDERS_SYNC_REDIS_URL is missing: the budget of calls is kept in one Redis that all "
            f"processes share, and {url.partition(':')[0]}:// of ORDERS_SYNC_BROKER_URL cannot "
            "name it. Set ORDERS_SYNC_REDIS_URL=redis://localhost:6379/0 (or rediss://, "
            "sentinel://, unix://)."
        )
    budgets = {name: account.requests_per_minute for name, account in settings.accounts.items()}
    return Traffic(
        Shared(connect(url, seconds=settings.redis_seconds, sentinel=settings.sentinel)),
        budgets,
        processes=settings.processes,
        random=random.SystemRandom(),
        process=process,
        erp_limits=_erp_limits(settings.accounts),
        resources=RESOURCES,
    )


def _erp_limits(accounts: Mapping[str, AccountSettings]) -> dict[str, ErpLimits]:
    return {
        name: ErpLimits(account.erp_calls_at_once, account.erp_calls_per_minute)
        for name, account in accounts.items()
    }


def build(
    settings: Settings, *, traffic: Traffic | None = None, process: str | None = None
) -> Services:
    """Build the services of a process."""
    process = process or process_name()
    return Services(
        settings,
        random=random.SystemRandom(),
        traffic=traffic,
        process=process,
        tracing=connect_tracing(process),
    )


def error_reporter(settings: Settings) -> Processor | None:
    """Return what sends the errors in log events to Sentry; None where none is set.

    Raises:
        ConfigurationError: the DSN is wrong, or the extra is not installed.
    """
    sentry = settings.sentry
    if sentry.dsn is None:
        return None
    return sentry_reporter(sentry.dsn.get_secret_value(), sentry.environment)


def connect_tracing(process: str) -> Tracing:
    """Return what traces to the collector that the environment names; without one, nothing does.

    What is wrong with it is logged, and keeps nobody from working.
    """
    if not exports_traces():
        return NO_TRACING
    try:
        from orders_sync.metrics.otlp import OtlpTracing  # noqa: PLC0415 - an extra, slow to import.

        return OtlpTracing(process)
    except ImportError:
        log.warning("tracing.not_installed", install="pip install 'orders-sync[otel]'")
    except Exception as error:  # noqa: BLE001 - whatever a variable of OpenTelemetry's brings about.
        log.warning("tracing.off", cause=type(error).__name__)
    return NO_TRACING
