"""The database of the staging tables: its engines, the texts that it can hold, and its failures.

On SQLite a transaction takes the write lock when it begins, so that two processes that prepare or
write at the same time wait for each other instead of failing.
https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-transactional-ddl

A database in LATIN1 has no curly apostrophe, one in MySQL's utf8mb3 no emoji, none half a surrogate
pair. An order or an answer is not lost for such a character. Bytes, as `erp_orders.document` has
them, stay as they are.

The ERP's people put rules on the tables: triggers, checks, foreign keys. A rule that refuses an
order says why in the words of its author, which may name the customer.
"""

from __future__ import annotations

import codecs
import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from unicodedata import normalize

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from orders_sync.database_engines import is_mysql, is_postgresql, mysql_engine, postgresql_engine
from orders_sync.database_failures import Failure, outage_of, read_failure
from orders_sync.erp.foreign_words import personal_texts, without_personal
from orders_sync.errors import ConfigurationError, ErpRefused, ErpUnavailable

if TYPE_CHECKING:
    from orders_sync.domain.order import Order


_LOCK_SECONDS: Final = 10.0
_POOL_SECONDS: Final = 10.0
#: How many connections of a process to one database there may be, and wait open to all together.
CONNECTIONS: Final = 10
IDLE_CONNECTIONS: Final = 30

#: A driver raises the latter two for a number or a text that its database has no form for.
_FAILURES: Final = (SQLAlchemyError, OverflowError, UnicodeError)

#: Where the database's URL is.
SETTING: Final = "the url of the account's ERP_OPTIONS"

_UNKNOWN: Final = "?"

#: Half a surrogate pair, which is no character, and NUL, which PostgreSQL's texts cannot have.
_NOWHERE: Final = re.compile("[\0\ud800-\udfff]")
_BEYOND_BMP: Final = re.compile("[\U00010000-\U0010ffff]")

#: Letters that telephones and word processors write, which Unicode takes to be no variants.
_NEAR: Final = {
    **dict.fromkeys(range(0x2010, 0x2016), "-"),
    **dict.fromkeys(range(0x2018, 0x201C), "'"),
    **dict.fromkeys(range(0x201C, 0x2020), '"'),
    0x2022: "*",
    0x2032: "'",
    0x2033: '"',
    0x2039: "<",
    0x203A: ">",
    0x2212: "-",
}

#: PostgreSQL's names of encodings that Python calls otherwise, beside WIN1252 and the like.
#: https://www.postgresql.org/docs/current/multibyte.html
_POSTGRESQL: Final = {"KOI8R": "koi8-r", "KOI8U": "koi8-u"}
#: MySQL's names of encodings that Python calls otherwise. Its latin1 is Windows' own.
#: https://mariadb.com/kb/en/supported-character-sets-and-collations/
_MYSQL: Final = {"latin1": "cp1252", "latin2": "iso8859-2", "latin5": "iso8859-9"}
_BMP: Final = frozenset({"utf8", "utf8mb3", "ucs2"})
_ALL: Final = frozenset({"utf8mb4", "utf16", "utf16le", "utf32", "binary"})

#: The encodings of the staging tables' columns; of the database, until they are there.
_MYSQL_ENCODINGS: Final = r"""
SELECT DISTINCT character_set_name FROM information_schema.columns
WHERE table_schema = DATABASE() AND character_set_name IS NOT NULL
AND table_name LIKE 'erp\_%'
"""
_INFO: Final = "orders_sync.encodings"


@dataclass(slots=True)
class _Share:
    engine: Engine
    users: int = 0


class SharedEngines:
    """Opens one engine for each key, and closes it when its last user has closed it.

    At most `idle` connections wait open over all engines together: of more than that, those of the
    engine that was not used for longest are closed.
    """

    def __init__(self, *, idle: int) -> None:
        self._idle = idle
        self._lock = threading.RLock()
        self._shares: dict[tuple[URL, int], _Share] = {}
        #: Those with idle connections, the one that was not used for longest first.
        self._by_use: dict[Engine, None] = {}

    def open(self, url: URL, connections: int, create: Callable[[URL, int], Engine]) -> Engine:
        """Return the engine for a URL and its most connections, which `create` makes if need be."""
        with self._lock:
            share = self._shares.get((url, connections))
            if share is None:
                share = _Share(create(url, connections))
                event.listen(share.engine, "checkin", partial(self._checked_in, share.engine))
                self._shares[url, connections] = share
            share.users += 1
            return share.engine

    def close(self, engine: Engine) -> None:
        """Close an engine for one of its users."""
        with self._lock:
            for key, share in self._shares.items():
                if share.engine is engine:
                    share.users -= 1
                    if not share.users:
                        del self._shares[key]
                        self._by_use.pop(engine, None)
                        engine.dispose()
                    return

    def _checked_in(self, engine: Engine, *_: object) -> None:
        """Make room for the connection that is about to wait in its engine's pool."""
        with self._lock:
            self._by_use.pop(engine, None)
            others = list(self._by_use)
            self._by_use[engine] = None
            idle = 1 + sum(map(_idle_connections, self._by_use))
            while idle > self._idle and others:
                oldest = others.pop(0)
                idle -= _idle_connections(oldest)
                del self._by_use[oldest]
                oldest.dispose()


def _idle_connections(engine: Engine) -> int:
    return engine.pool.checkedin() if isinstance(engine.pool, QueuePool) else 0


#: An adapter is made from its account's options alone, so those of a process meet here.
_ENGINES: Final = SharedEngines(idle=IDLE_CONNECTIONS)


def open_engine(url: str | URL, connections: int = CONNECTIONS) -> Engine:
    """Return the process's engine for a database URL, without connecting.

    It has `connections` at most, and is closed by `close_engine`.

    Raises:
        ConfigurationError: The URL cannot be used; the message does not repeat it.
    """
    return _ENGINES.open(_parse(url), connections, _create_fitting)


def close_engine(engine: Engine) -> None:
    """Close an engine for one of the accounts that opened it."""
    _ENGINES.close(engine)


def _create_fitting(url: URL, connections: int) -> Engine:
    engine = _create(url, connections)
    fit_texts(engine)
    return engine


def _create(url: URL, connections: int) -> Engine:
    kept = (connections + 1) // 2
    options: dict[str, Any] = {
        "pool_size": kept,
        "max_overflow": connections - kept,
        "pool_timeout": _POOL_SECONDS,
        "hide_parameters": True,
    }
    try:
        if url.get_backend_name() == "sqlite":
            return _create_sqlite(url, options)
        if is_postgresql(url):
            return postgresql_engine(url, setting="url", **options)
        if is_mysql(url):
            return mysql_engine(url, setting="url", **options)
        return create_engine(url, pool_pre_ping=True, **options)
    except ImportError as error:
        raise ConfigurationError(
            f"url needs the Python package {error.name}, which is not installed"
        ) from None
    except ArgumentError:
        raise ConfigurationError(
            f"url names a kind of database that SQLAlchemy does not know: {url.drivername}"
        ) from None


def _parse(url: str | URL) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            "url is no database URL such as postgresql://user:password@host/database"
        ) from None


def _create_sqlite(url: URL, options: dict[str, Any]) -> Engine:
    if url.host:
        raise ConfigurationError(
            "url has a host, and a file of SQLite's comes after three slashes, such as "
            "sqlite:////srv/orders/erp.sqlite3"
        )
    name = url.database or ":memory:"
    if ":memory:" in name or "mode=memory" in name or url.query.get("mode") == "memory":
        raise ConfigurationError(
            "url names a database in memory, which no other process sees; name a file, such as "
            "sqlite:////srv/orders/erp.sqlite3"
        )
    engine = create_engine(url, connect_args={"timeout": _LOCK_SECONDS}, **options)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediately)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    # SQLite takes bytes of any encoding as text; one such row must not make all unreadable.
    connection.text_factory = lambda text: text.decode(errors="replace")
    # The mode is the file's: if it is locked, another process is setting the same one right now.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode=WAL").close()


def _begin_immediately(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def fit_texts(engine: Engine) -> None:
    """Replace in every text that an engine sends what its database cannot hold."""
    encodings_of = {"postgresql": _of_postgresql, "mysql": _of_mysql, "mariadb": _of_mysql}
    find = encodings_of.get(engine.dialect.name)
    if find is not None:
        event.listen(engine, "connect", partial(_note_encodings, find))
    event.listen(engine, "before_cursor_execute", _fit_parameters, retval=True)


def fitted(text: str, encodings: Iterable[str] = ()) -> str:
    """Replace what is no character, and what one of the encodings lacks by a near letter or `?`.

    Encodings have Python's names, or MySQL's of the first 65,536 characters. The length stays.
    """
    if text.isascii() and "\0" not in text:
        return text
    text = _NOWHERE.sub(_UNKNOWN, text)
    for encoding in encodings:
        if encoding in _BMP:
            text = _BEYOND_BMP.sub(_UNKNOWN, text)
        else:
            text = "".join(_nearest(letter, encoding) for letter in text)
    return text


def _nearest(letter: str, encoding: str) -> str:
    for candidate in (letter, letter.translate(_NEAR), normalize("NFKD", letter)[0]):
        try:
            candidate.encode(encoding)
        except UnicodeEncodeError:
            continue
        return candidate
    return _UNKNOWN


def _fit_parameters(
    connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any
) -> tuple[str, Any]:
    return statement, _fit(parameters, connection.info.get(_INFO, ()))


def _fit(value: Any, encodings: Iterable[str]) -> Any:
    """Fit the texts in parameters of any of the shapes that drivers take."""
    if isinstance(value, str):
        return fitted(value, encodings)
    if isinstance(value, Mapping):
        return {name: _fit(part, encodings) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_fit(part, encodings) for part in value)
    return value


def _note_encodings(find: Any, connection: Any, record: Any) -> None:
    record.info[_INFO] = tuple(find(connection))


def _of_postgresql(connection: Any) -> list[str]:
    # Other drivers than psycopg do not say.
    info = getattr(connection, "info", None)
    name = (info and info.parameter_status("server_encoding")) or "UTF8"
    python_name = _python_name(_POSTGRESQL.get(name, name.replace("WIN", "cp")))
    return [python_name] if python_name and python_name != "utf-8" else []


def _of_mysql(connection: Any) -> list[str]:
    cursor = connection.cursor()
    cursor.execute(_MYSQL_ENCODINGS)
    names = {row[0] for row in cursor.fetchall()}
    if not names:
        cursor.execute("SELECT @@character_set_database")
        names = {row[0] for row in cursor.fetchall()}
    cursor.close()
    pythons = {
        name if name in _BMP else _python_name(_MYSQL.get(name, name)) for name in names - _ALL
    }
    return sorted(filter(None, pythons))


def _python_name(name: str) -> str | None:
    """Return Python's name of an encoding; None where it has none, so that nothing is replaced."""
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


@contextmanager
def explained(order: Order | None = None) -> Iterator[None]:
    """Raise what a failed statement means in place of what the database or its driver raises.

    The words of a rule are quoted where the `order` that they are about is known, so that what is
    personal in it can be blotted out of them.

    Raises:
        ErpRefused: a value does not fit into the tables, or a rule of the ERP's refuses the row.
        ErpUnavailable: the database is away, too slow or locked.
    """
    try:
        yield
    except PoolTimeoutError:
        raise ErpUnavailable(
            "All of this process's connections to the staging database are in use. Raise the "
            "adapter's option connections, or find out why its calls take so long."
        ) from None
    except _FAILURES as error:
        failure = read_failure(error)
        if failure.is_refusal:
            raise _refusal(failure, order) from None
        outage = outage_of(error)
        raise ErpUnavailable(
            f"The staging database {outage.behaviour} ({failure.code}). {outage.remedy(SETTING)}"
        ) from None


def is_refusal(error: Exception) -> bool:
    """Return whether the database refused the row, and so is there."""
    return read_failure(error).is_refusal


def _refusal(failure: Failure, order: Order | None) -> ErpRefused:
    if not failure.words:
        return ErpRefused(
            f"The staging tables cannot hold a value of this order ({failure.code}).",
            hint="Compare the order in VTEX with the columns' types in docs/staging-tables.md.",
        )
    if order is None:
        return ErpRefused(
            f"A rule of the ERP's database refuses it ({failure.code}).",
            hint="Find the rule (a trigger or a constraint) of the staging tables that raises "
            "this, and mend what it asks for.",
        )
    words = without_personal(failure.words, personal_texts(order))
    return ErpRefused(f"The ERP's database refuses it: {words} ({failure.code})")
