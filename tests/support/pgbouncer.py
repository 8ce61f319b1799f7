"""A real PgBouncer before the tests' PostgreSQL, in transaction mode."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.postgres import PostgresServer, server_user

_PORT = 6432
_START_SECONDS = 30

#: Few connections to the server, so that transactions of one client meet sessions of another.
_CONFIGURATION = """
[databases]
* = host={server} user=tests
[pgbouncer]
listen_addr =
listen_port = {port}
unix_socket_dir = {home}
auth_type = any
pool_mode = transaction
default_pool_size = 2
{more}
"""


class PgBouncer:
    """A pooler that is reached by a socket in a folder of its own."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def url(self, database: str) -> str:
        """Return the URL of a database behind the pooler."""
        return f"postgresql://tests@/{database}?host={self._home}&port={_PORT}"


@contextmanager
def running_pgbouncer(server: PostgresServer, more: str = "") -> Iterator[PgBouncer]:
    """Run a pooler before a server, with `more` lines in its configuration."""
    with tempfile.TemporaryDirectory(prefix="orders-sync-pgb-") as folder:
        home = Path(folder)
        values = {"server": server.folder, "home": home, "port": _PORT, "more": more}
        (home / "pgbouncer.ini").write_text(_CONFIGURATION.format(**values))
        user = server_user()
        if user is not None:
            shutil.chown(home, user)
        program = _find_program()
        assert program is not None
        with (home / "log").open("ab") as log:
            argv = [program, str(home / "pgbouncer.ini")]
            process = subprocess.Popen(argv, cwd=home, user=user, stdout=log, stderr=log)
        try:
            _wait_for(home / f".s.PGSQL.{_PORT}", process, home / "log")
            yield PgBouncer(home)
        finally:
            process.terminate()
            process.wait(timeout=_START_SECONDS)


def _wait_for(socket: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not socket.exists():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, "PgBouncer does not start"
        time.sleep(0.05)


def _find_program() -> str | None:
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("", id="refusing parameters"),
        pytest.param("ignore_startup_parameters = options", id="ignoring parameters"),
    ],
)
def pgbouncer(postgres: PostgresServer, request: pytest.FixtureRequest) -> Iterator[PgBouncer]:
    """Yield a pooler that refuses the start-up parameter `options`, and one that ignores it."""
    if _find_program() is None:
        reason = "No PgBouncer was found. Install one: apt-get install pgbouncer"
        if os.environ.get("CI") == "true":  # noqa: TID251 -- no setting of the project's
            pytest.fail(reason)
        pytest.skip(reason)
    with running_pgbouncer(postgres, str(request.param)) as pooler:
        yield pooler
