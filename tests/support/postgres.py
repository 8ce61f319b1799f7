"""A real PostgreSQL server for tests, and a fresh database of it for each of them."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from orders_sync.ledger.migrate import upgrade

_MIGRATED = "migrated"

#: Nothing of it is kept, so nothing need reach the disk.
_CONFIGURATION: Mapping[str, str] = {
    "listen_addresses": "''",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    # Other than Python's, so that a time whose zone is forgotten is seen to be wrong.
    "timezone": "'America/Sao_Paulo'",
}
#: Texts are sorted as people sort them, which most servers do, and not as Python does.
_SORTING = ("--encoding=UTF8", "--locale-provider=icu", "--icu-locale=pt-BR")


class PostgresServer:
    """A cluster in a folder of its own, reached by a socket in that folder and by nobody else.

    `changes` are settings of the server that differ from those of all tests.
    """

    def __init__(self, binaries: Path, home: Path, **changes: str) -> None:
        self._binaries = binaries
        self._data = home / "data"
        self._socket = home
        self._user = server_user()
        self._numbers = itertools.count()
        if self._user is not None:
            shutil.chown(home, self._user)
        self._run("initdb", "--username=tests", "--auth=trust", "--no-sync", *_SORTING)
        settings = {**_CONFIGURATION, **changes, "unix_socket_directories": f"'{self._socket}'"}
        with (self._data / "postgresql.conf").open("a") as configuration:
            configuration.writelines(f"{key} = {value}\n" for key, value in settings.items())

    @property
    def folder(self) -> Path:
        """The folder of the server's socket."""
        return self._socket

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._run("pg_ctl", "start", "--wait", f"--log={self._socket / 'log'}")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server, known by its process id; see `restart` for the modes."""
        self._run("pg_ctl", "stop", "--wait", f"--mode={mode}")

    @contextmanager
    def stopped(self, mode: str = "fast") -> Iterator[None]:
        """Stop the server, as `restart` does, and start it again in the end."""
        self.stop(mode)
        try:
            yield
        finally:
            self.start()

    def restart(self, mode: str) -> None:
        """Restart the server: `fast` cuts all connections, `immediate` crashes it."""
        self._run("pg_ctl", "restart", "--wait", f"--mode={mode}", f"--log={self._socket / 'log'}")

    def dump(self, database: str) -> str:
        """Write a database as SQL."""
        argv = [str(self._binaries / "pg_dump"), f"--host={self._socket}", "--username=tests"]
        done = subprocess.run(
            [*argv, database], check=True, cwd=self._socket, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    def log(self) -> str:
        """Read what the server has logged."""
        return (self._socket / "log").read_text(errors="replace")

    def url(self, database: str) -> str:
        """Return a database's URL."""
        return f"postgresql://tests@/{database}?host={self._socket}"

    def create(self, template: str = "template0", encoding: str = "UTF8") -> str:
        """Make a database, a copy of `template`, and give its name."""
        name = f"test_{next(self._numbers)}"
        others = f"ENCODING {encoding} LOCALE_PROVIDER libc LOCALE 'C'"
        locale = "" if encoding == "UTF8" else others
        self.command(f"CREATE DATABASE {name} TEMPLATE {template} {locale}")
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self.command(f"DROP DATABASE {name} WITH (FORCE)")

    def command(self, statement: str) -> None:
        """Run a statement that stands outside of every transaction."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def cut(self, database: str) -> None:
        """Cut every connection to a database."""
        self.command(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "  # noqa: S608 -- own name
            f"WHERE datname = '{database}'"
        )

    def _run(self, program: str, *arguments: str) -> None:
        argv = [str(self._binaries / program), f"--pgdata={self._data}", *arguments]
        # The server keeps its parent's output open, so it gets none that anybody waits for.
        subprocess.run(
            argv, check=True, cwd=self._socket, user=self._user, stdout=subprocess.DEVNULL
        )


@contextmanager
def running_postgres(binaries: Path, **changes: str) -> Iterator[PostgresServer]:
    """Run a server in a temporary folder."""
    # A socket's path is short, and only its owner gets into pytest's own folders.
    with tempfile.TemporaryDirectory(prefix="orders-sync-pg-") as home:
        server = PostgresServer(binaries, Path(home), **changes)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def find_binaries() -> Path | None:
    """Find the folder of the newest server's programs, or None where there is none."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(installed, key=lambda path: float(path.parts[-3]), default=None)
    return newest.parent if newest else None


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Name a kind of database: a test that depends on it runs on each of them."""
    return str(request.param)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Yield the server of this run; without its programs tests are skipped, but not in CI."""
    binaries = find_binaries()
    if binaries is None:
        reason = "No PostgreSQL server was found. Install one: apt-get install postgresql"
        if os.environ.get("CI") == "true":  # noqa: TID251 -- no setting of the project's
            pytest.fail(reason)
        pytest.skip(reason)
    with running_postgres(binaries) as server:
        yield server


@pytest.fixture(scope="session")
def _migrated(postgres: PostgresServer) -> str:
    postgres.command(f"CREATE DATABASE {_MIGRATED}")
    upgrade(postgres.url(_MIGRATED))
    return _MIGRATED


@pytest.fixture
def postgres_database(postgres: PostgresServer) -> Iterator[str]:
    """Yield the name of an empty database."""
    name = postgres.create()
    yield name
    postgres.drop(name)


@pytest.fixture
def postgres_ledger(postgres: PostgresServer, _migrated: str) -> Iterator[str]:
    """Yield the name of a database with the ledger's tables."""
    name = postgres.create(_migrated)
    yield name
    postgres.drop(name)


def server_user() -> str | None:
    """Name the user that runs the server: it refuses to be run by root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
