"""A real MariaDB server for tests, and a fresh database of it for each of them."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
import pytest

_START_SECONDS = 60

#: Nothing of it is kept, so nothing need reach the disk. It has a zone other than UTC, so that a
#: time whose zone is forgotten is seen to be wrong, and no strict mode, as old servers have none.
_OPTIONS = (
    "--skip-networking",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-flush-method=nosync",
    "--innodb-log-file-size=16M",
    "--default-time-zone=-03:00",
    "--sql-mode=",
)


class MariadbServer:
    """A server with a folder of its own, reached by a socket in that folder and by nobody else."""

    def __init__(self, home: Path) -> None:
        self.socket = home / "socket"
        self._home = home
        self._numbers = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        # The server refuses to be run by root unless it is told to.
        user = ["--user=root"] if os.geteuid() == 0 else []
        self._arguments = ["--no-defaults", *user, f"--datadir={home / 'data'}"]
        install = ["mariadb-install-db", *self._arguments, "--skip-test-db"]
        root = ["--auth-root-authentication-method=normal"]
        subprocess.run([*install, *root], check=True, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        log = (self._home / "log").open("ab")
        server = _find_server()
        assert server is not None
        argv = [server, *self._arguments, *_OPTIONS, f"--socket={self.socket}"]
        self._process = subprocess.Popen(argv, stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, (self._home / "log").read_text()
            assert time.monotonic() < deadline, "MariaDB does not start"
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=_START_SECONDS)

    def url(self, database: str) -> str:
        """Return a database's URL."""
        return f"mysql+pymysql://root@/{database}?unix_socket={self.socket}"

    def create(self, charset: str = "utf8mb4") -> str:
        """Make a database and return its name."""
        name = f"test_{next(self._numbers)}"
        self.command(f"CREATE DATABASE {name} CHARACTER SET {charset}")
        return name

    def drop(self, name: str) -> None:
        """Drop a database."""
        self.command(f"DROP DATABASE {name}")

    def command(self, statement: str) -> None:
        """Run a statement."""
        connection = pymysql.connect(unix_socket=str(self.socket), user="root")
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def _answers(self) -> bool:
        # The driver does not close a socket that it cannot connect.
        if not self.socket.exists():
            return False
        try:
            self.command("SELECT 1")
        except pymysql.OperationalError:
            return False
        return True


def _find_server() -> str | None:
    return shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def running_mariadb() -> Iterator[MariadbServer]:
    """Run a server in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="orders-sync-mdb-") as home:
        server = MariadbServer(Path(home))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariadbServer]:
    """Yield the server of this run; without its programs tests are skipped, but not in CI."""
    if _find_server() is None or shutil.which("mariadb-install-db") is None:
        reason = "No MariaDB server was found. Install one: apt-get install mariadb-server"
        if os.environ.get("CI") == "true":  # noqa: TID251 -- no setting of the project's
            pytest.fail(reason)
        pytest.skip(reason)
    with running_mariadb() as server:
        yield server


@pytest.fixture
def mariadb_database(mariadb: MariadbServer) -> Iterator[str]:
    """Yield the name of an empty database."""
    name = mariadb.create()
    yield name
    mariadb.drop(name)
