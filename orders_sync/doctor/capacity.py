"""Examines whether the files, connections and disk that the processes need are there to be had."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from orders_sync.database_engines import is_pooled, is_postgresql
from orders_sync.doctor.findings import Finding, State
from orders_sync.erp.staging_database import CONNECTIONS, IDLE_CONNECTIONS
from orders_sync.errors import OrdersSyncError
from orders_sync.ledger.engine import Database
from orders_sync.settings import Settings
from orders_sync.terminal import command_line

CAPACITY = "capacity"

#: The most threads of a worker that are recommended; each has one call under way.
_THREADS: Final = 20
#: What a worker has open for itself: libraries, logs, connections to its broker and Redis.
_OWN_FILES: Final = 100
#: A connection to SQLite is the database, its log and, once a process, the log's index.
_SQLITE_FILES: Final = 3

_MIB: Final = 2**20
_GIB: Final = 2**30
#: Ledger, broker and logs grow by themselves: with less than this a person has to make room.
_FREE_BYTES: Final = _GIB

_ALLOWED = sa.text(
    "SELECT current_setting('max_connections')::int"
    " - current_setting('superuser_reserved_connections')::int"
)


@dataclass(frozen=True, slots=True)
class _Pool:
    """A process's connections to a database."""

    url: sa.URL
    connections: int

    @property
    def files(self) -> int:
        return _SQLITE_FILES if self.url.get_backend_name() == "sqlite" else 1

    @property
    def server(self) -> str | None:
        """The PostgreSQL server's host and port."""
        if not is_postgresql(self.url):
            return None
        host = self.url.host or self.url.query.get("host") or "localhost"
        return f"{host}:{self.url.port or self.url.query.get('port') or 5432}"


@dataclass(frozen=True, slots=True)
class Needs:
    """What a process may have open at once: files, and connections to each PostgreSQL server."""

    files: int
    connections: Mapping[str, int]


def needs_of(settings: Settings) -> Needs:
    """Return what the settings allow a process; of ERP adapters other than `staging` only calls."""
    ledger, staging = _pools(settings)
    files = _OWN_FILES + settings.vtex.connections + _THREADS
    files += sum(pool.connections * pool.files for pool in ledger)
    files += _shared(staging) * max((pool.files for pool in staging), default=0)
    servers = dict.fromkeys(pool.server for pool in [*ledger, *staging] if pool.server)
    connections = {
        server: sum(pool.connections for pool in ledger if pool.server == server)
        + _shared(pool for pool in staging if pool.server == server)
        for server in servers
    }
    return Needs(files, connections)


def examine_capacity(settings: Settings) -> Iterator[Finding]:
    """Examine whether what the processes may need is what this system and the servers allow."""
    needs = needs_of(settings)
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield judge_files(needs.files, limit)
    ledger, staging = _pools(settings)
    urls = {pool.server: pool.url for pool in [*staging, *ledger]}
    for server, number in needs.connections.items():
        try:
            with (
                closing(Database(_text(urls[server]), read_only=True)) as database,
                database.reading() as reader,
            ):
                allowed = None if is_pooled(reader) else reader.execute(_ALLOWED).scalar_one()
        except (OrdersSyncError, sa.exc.SQLAlchemyError):
            says = f"{server} does not say how many it allows"
            yield Finding(CAPACITY, "connections", State.NOT_PROBED, says)
        else:
            yield (
                _behind_pooler(server, number * settings.processes)
                if allowed is None
                else judge_connections(server, number, settings.processes, allowed)
            )


def examine_disk(settings: Settings) -> Iterator[Finding]:
    """Examine how much is free on the disk of the home folder, or of where it will be made."""
    home = settings.home.absolute()
    for folder in (home, *home.parents):
        try:
            free = shutil.disk_usage(folder).free
        except FileNotFoundError:
            continue
        except OSError as error:
            says = f"the disk of {home} does not say how much is free: {error.strerror}"
            yield Finding(CAPACITY, "disk", State.NOT_PROBED, says)
        else:
            yield judge_disk(folder, free)
        return


def judge_disk(folder: Path, free: int) -> Finding:
    """Return whether so many free bytes on the disk of the home folder are enough."""
    amount = f"{free // _GIB} GiB" if free >= _GIB else f"{free // _MIB} MiB"
    says = f"{amount} free on the disk of the home folder ({folder})"
    if free >= _FREE_BYTES:
        return Finding(CAPACITY, "disk", State.OK, says)
    do = (
        f"Make room there, to {_FREE_BYTES // _GIB} GiB at least; what is large shows: "
        f"{command_line('du', '-xh', '-d', '1', '--', str(folder))}. Or stop all processes, move "
        "the folder to a larger disk, and set ORDERS_SYNC_HOME to it."
    )
    return Finding(CAPACITY, "disk", State.WARNING, says, do)


def judge_files(needed: int, limit: int) -> Finding:
    """Return whether a process may have the files open that it may need."""
    says = f"a process opens {needed} at most; started from here it may open {limit}"
    if limit == resource.RLIM_INFINITY or needed <= limit:
        return Finding(CAPACITY, "files", State.OK, says)
    do = (
        f"Raise the limit to {needed * 2} where workers are started (LimitNOFILE= of a unit, "
        "ulimit -n of a shell), or lower ORDERS_SYNC_VTEX__CONNECTIONS."
    )
    return Finding(CAPACITY, "files", State.WARNING, says, do)


def judge_connections(server: str, number: int, processes: int, allowed: int) -> Finding:
    """Return whether a PostgreSQL server takes the connections of all workers."""
    needed = number * processes
    says = f"{processes} workers have {needed} to {server} at most, which allows {allowed}"
    if needed <= allowed:
        return Finding(CAPACITY, "connections", State.OK, says)
    do = (
        f"Set the server's max_connections to {needed + processes + 10} and restart it, or lower "
        "ORDERS_SYNC_LEDGER_CONNECTIONS and the staging adapter's option connections. "
        "ORDERS_SYNC_PROCESSES says how many workers there are."
    )
    return Finding(CAPACITY, "connections", State.WARNING, says, do)


def _behind_pooler(server: str, needed: int) -> Finding:
    return Finding(
        CAPACITY,
        "connections",
        State.NOT_PROBED,
        f"{server} is a pooler, and does not say whether it takes the {needed} that the workers "
        "may have (PgBouncer: max_client_conn); it gets nothing prepared, and bounds with each "
        "transaction",
    )


def _shared(staging: Iterable[_Pool]) -> int:
    """Return the connections of pools that share a bound on those that wait open."""
    return min(sum(pool.connections for pool in staging), IDLE_CONNECTIONS + _THREADS)


def _pools(settings: Settings) -> tuple[list[_Pool], list[_Pool]]:
    """Return the ledger's pool and those of the staging databases; what is no URL is left out."""
    in_home = f"sqlite:///{settings.home / 'erp.sqlite3'}"
    staging = {
        (
            str(account.erp_options.get("url", in_home)),
            account.erp_options.get("connections", CONNECTIONS),
        )
        for account in settings.accounts.values()
        if account.erp == "staging"
    }
    return (
        list(_usable([(settings.ledger, settings.ledger_connections)])),
        list(_usable(sorted(staging, key=str))),
    )


def _usable(pools: Iterable[tuple[str, object]]) -> Iterator[_Pool]:
    for url, connections in pools:
        try:
            yield _Pool(
                sa.make_url(url), connections if isinstance(connections, int) else CONNECTIONS
            )
        except (ArgumentError, ValueError):
            continue


def _text(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)
