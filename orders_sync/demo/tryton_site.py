"""A Tryton server for a demo: a database that is set up by `deploy/tryton`, and `trytond`."""

from __future__ import annotations

import csv
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from orders_sync.demo.environment import plain_environment
from orders_sync.demo.played_tryton import TrytonClerk
from orders_sync.embedded.broker import free_port
from orders_sync.embedded.home import logs_folder, write_privately
from orders_sync.embedded.processes import ProcessSpec
from orders_sync.errors import ConfigurationError, OrdersSyncError
from orders_sync.sandbox.goods import SKUS, Sku

DATABASE: Final = "store"
_USER: Final = "orders_sync"
_MODULE: Final = "orders_sync_tryton"
_SQLITE: Final = "sqlite://"
#: Setting up is some 30 s of processor time.
_SET_UP_SECONDS: Final = 900.0
_LOOK_EVERY_SECONDS: Final = 0.2


class TrytonFailed(OrdersSyncError):
    """Raised when a Tryton database cannot be set up."""


class TrytonSite:
    """Tryton in a folder, for one account; nobody but this machine reaches it.

    `uri` is of Tryton's own kind; without it, the database is a SQLite file in `home`.
    `environment` is added to what its programs are given.
    """

    def __init__(
        self,
        home: Path,
        account: str,
        *,
        uri: str = _SQLITE,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._python = find_tryton()
        self._home = home
        self._account = account
        self._environment = {**plain_environment(), **(environment or {})}
        self._port = free_port()
        home.mkdir(parents=True, exist_ok=True)
        # https://docs.tryton.org/latest/server/topics/configuration.html
        write_privately(
            self._configuration,
            f"[database]\nuri = {uri}\npath = {home}\nlist = False\n"
            f"[web]\nlisten = 127.0.0.1:{self._port}\n",
        )

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self._port}"

    def options(self) -> dict[str, str]:
        """Return the options of the adapter; the database must be set up."""
        password = self.password("bridge")
        return {"url": self.url, "database": DATABASE, "user": _USER, "password": password}

    def clerk(self) -> TrytonClerk:
        """Return somebody who works there; the database must be set up."""
        return TrytonClerk(self.url, DATABASE, self.password("clerk"))

    def password(self, whose: str) -> str:
        """Return the password of the `bridge`, the `clerk` or the `admin`, once it is made."""
        return self._password_file(whose).read_text()

    def set_up(
        self,
        skus: Iterable[Sku] = SKUS,
        *,
        language: str = "pt",
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Make the database, with a product for each SKU; whatever `pause` raises ends it.

        Raises:
            TrytonFailed: Tryton's programs failed; the log says why.
        """
        products = self._home / "products.csv"
        with products.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("code", "name", "unit", "type"))
            rows.writerows(map(_row, skus))
        argv = (
            *(str(self._python), "-m", _MODULE, "--config", str(self._configuration)),
            *("--database", DATABASE, "--account", self._account, "--language", language),
            *("--password-file", str(self._password_file("bridge"))),
            *("--admin-password-file", str(self._password_file("admin"))),
            *("--clerk-password-file", str(self._password_file("clerk"))),
            *("--products", str(products), "--product-code", "sku"),
        )
        log = logs_folder(self._home) / "tryton-set-up.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + _SET_UP_SECONDS
        with (
            log.open("ab") as output,
            subprocess.Popen(  # noqa: S603 -- Tryton's own programs
                argv,
                cwd=self._home,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):
            try:
                while process.poll() is None and time.monotonic() < deadline:
                    pause(_LOOK_EVERY_SECONDS)
            finally:
                process.kill()
        if process.returncode:
            raise TrytonFailed(f"Tryton could not be set up; the log says why: {log}")

    def answers(self) -> bool:
        """Check whether the server answers."""
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def spec(self) -> ProcessSpec:
        """Return the process of the server."""
        return ProcessSpec(
            name="tryton",
            argv=(
                *(str(self._python), "-c", "from trytond.cli import main; main()"),
                *("--config", str(self._configuration), "--database", DATABASE),
            ),
            log=logs_folder(self._home) / "tryton.log",
            env=self._environment,
            folder=self._home,
            vital=True,
            stops_last=True,
        )

    @property
    def _configuration(self) -> Path:
        return self._home / "trytond.conf"

    def _password_file(self, whose: str) -> Path:
        return self._home / f"{whose}.password"


def find_tryton() -> Path:
    """Return a Python that has Tryton and the module, this one or that of the `trytond` on PATH.

    Raises:
        ConfigurationError: there is none.
    """
    if find_spec("trytond") and find_spec(_MODULE):
        return Path(sys.executable)
    trytond = shutil.which("trytond")
    if trytond:
        python = Path(trytond).with_name("python")
        look = [str(python), "-c", f"import {_MODULE}"]
        if python.exists() and subprocess.run(look, check=False).returncode == 0:  # noqa: S603 -- as above
            return python
    raise ConfigurationError(
        "Tryton is not installed here; install it with: pip install '.[tryton]'"
    )


def _row(sku: Sku) -> tuple[str, str, str, str]:
    """Return a product as the set-up reads it; a kit is in no shelf, its parts are."""
    unit = "" if sku.unit == "un" else sku.unit
    return sku.id, sku.name, unit, "service" if sku.parts else "goods"
