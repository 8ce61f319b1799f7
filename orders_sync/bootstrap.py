"""Settings in, wired services out: the only place that builds clients, adapters and pools."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import requests

from orders_sync.domain.time import Clock
from orders_sync.embedded.broker import running_broker_url
from orders_sync.erp.base import Erp
from orders_sync.erp.registry import create as create_erp
from orders_sync.errors import ConfigurationError, ParkedError
from orders_sync.ledger import Ledger
from orders_sync.ledger.migrate import require_current
from orders_sync.settings import AccountSettings, Settings
from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.credentials import Credentials
from orders_sync.vtex.transport import RequestsTransport


class Services:
    """What the use-cases work with, built when first asked for and shared by a process's threads.

    `random` draws the jitter of retries. Tests pass their own clock, and sessions that lead into
    a sandbox.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        random: random.Random,
        session_factory: Callable[[], requests.Session] | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.random = random
        self.ledger = Ledger(settings.ledger, lease=timedelta(seconds=settings.lease_seconds))
        self._session_factory = session_factory
        self._clients: dict[str, VtexClient] = {}
        self._erps: dict[str, Erp] = {}
        self._building = threading.RLock()

    def vtex(self, account: str) -> VtexClient:
        """Give the account's VTEX client.

        Raises:
            ParkedError: the account is not among the settings.
        """
        with self._building:
            if account not in self._clients:
                self._clients[account] = self._build_client(account)
            return self._clients[account]

    def erp(self, account: str) -> Erp:
        """Give the adapter of the account's ERP.

        Raises:
            ParkedError: the account is not among the settings.
            ConfigurationError: the adapter is not installed, or refuses its options.
        """
        with self._building:
            if account not in self._erps:
                settings = self._account(account)
                self._erps[account] = create_erp(
                    settings.erp,
                    account=account,
                    options=settings.erp_options,
                    home=self.settings.home,
                )
            return self._erps[account]

    def check(self) -> None:
        """Find out before any work is taken what could not work.

        Raises:
            ConfigurationError: the ledger is not up to date, or an account's adapter is wrong.
            LedgerUnavailable: the ledger's database does not answer.
        """
        require_current(self.ledger.database)
        for account in self.settings.accounts:
            self.erp(account)

    def close(self) -> None:
        """Give connections back."""
        for erp in self._erps.values():
            erp.close()
        self.ledger.close()

    def _account(self, account: str) -> AccountSettings:
        try:
            return self.settings.accounts[account]
        except KeyError:
            raise ParkedError(
                f"The account {account} is not configured here.",
                cause="account.unknown",
                hint=f"Set ORDERS_SYNC_ACCOUNTS__{account.upper()}__APP_KEY and its __APP_TOKEN, "
                "restart the workers, then retry the order.",
            ) from None

    def _build_client(self, account: str) -> VtexClient:
        settings = self._account(account)
        bounds = self.settings.vtex
        transport = RequestsTransport(
            self.settings.base_url(account),
            connect_seconds=bounds.connect_seconds,
            read_seconds=bounds.read_seconds,
            total_seconds=bounds.total_seconds,
            max_body_bytes=bounds.max_body_bytes,
            **({"session_factory": self._session_factory} if self._session_factory else {}),
        )
        return VtexClient(account, transport, Credentials(settings.app_key, settings.app_token))


def with_broker(settings: Settings) -> Settings:
    """Add the URL of the embedded broker that runs beside us, where no broker is set.

    Raises:
        ConfigurationError: no broker is set, and none is there.
    """
    if settings.broker_url is not None:
        return settings
    url = running_broker_url(settings.home)
    if url is None:
        raise ConfigurationError(
            "ORDERS_SYNC_BROKER_URL is missing, and no embedded broker runs in "
            f"ORDERS_SYNC_HOME={settings.home}. Start everything with: orders-sync up. "
            "Or set ORDERS_SYNC_BROKER_URL=redis://localhost:6379/0"
        )
    return settings.model_copy(update={"broker_url": url})


def build(settings: Settings) -> Services:
    """Wire the services for a process that works for real."""
    return Services(settings, clock=lambda: datetime.now(UTC), random=random.SystemRandom())
