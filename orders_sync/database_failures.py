"""What an error of a database means: whether it refuses a row, or why it cannot be used.

An error is read from its code. A connection that is refused has no SQLSTATE in libpq, only the
server's words, so those of the commonest reasons are known here. No user, password, host or value
is repeated.

Sources of the codes:
https://www.postgresql.org/docs/current/errcodes-appendix.html
https://mariadb.com/kb/en/mariadb-error-code-reference/
https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
https://www.sqlite.org/rescode.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

#: Classes of SQLSTATE that say nothing about the row: the server, the connection, the statement or
#: its user is not as it should be, or somebody else was in the way. All others are about the row,
#: since the people of a database may raise any code of their own.
_NOT_OF_THE_ROW: Final = frozenset(
    {"00", "01", "02", "03", "07", "08", "0A", "0B", "0L", "0P", "24", "25", "26", "28", "2B"}
    | {"2D", "34", "37", "3B", "3D", "3F", "40", "42", "53", "55", "57", "58", "72", "F0", "HV"}
    | {"HY", "HZ", "IM", "S0", "S1", "XX"}
)
#: The class whose messages quote the value.
_DATA: Final = "22"

#: MySQL and MariaDB: a rule refuses the row, as do SIGNAL (1644), a check (3819, 4025), a foreign
#: key, a column that must have a value, a view's check option.
_RULES: Final = frozenset(
    {1048, 1216, 1217, 1364, 1369, 1451, 1452, 1643, 1644, 1761, 1762, 3819, 4025}
)
#: MySQL and MariaDB: a value does not fit, or is there already; the messages quote it.
_VALUES: Final = frozenset(
    {1062, 1118, 1153, 1172, 1242, 1264, 1265, 1292, 1329, 1366, 1406, 1411, 1441, 1586, 1690}
    | {3140, 4038}
)
#: Numbers that no server uses for itself, and so an ERP's SIGNAL may (SET MYSQL_ERRNO).
_OWN_NUMBERS: Final = (range(6000, 10_000), range(20_000, 65_536))

_SQLITE_RULE: Final = "SQLITE_CONSTRAINT"
_SQLITE_VALUES: Final = frozenset({"SQLITE_MISMATCH", "SQLITE_TOOBIG"})


@dataclass(frozen=True, slots=True)
class Failure:
    """What a statement failed with.

    `code` is the SQLSTATE, SQLite's name or the driver's number of it, or the error's class where
    there is none. `is_refusal` says that the statement's row is refused, so that the database is
    there and other rows are not concerned. `words` are what a rule says in the words of its
    maker; "" where the words are the database's about a value, which they quote.
    """

    code: str
    is_refusal: bool
    words: str = ""


def read_failure(error: Exception) -> Failure:
    """Return what an error of SQLAlchemy or of a driver means."""
    origin = origin_of(error)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return Failure(_state(origin) or type(origin).__name__, is_refusal=False)
    name = getattr(origin, "sqlite_errorname", None)
    if name:
        return _of_sqlite(name, str(origin))
    # A driver refuses what its database has no form for, and SQLAlchemy what is of another type.
    is_of_value = isinstance(error, (IntegrityError, DataError, OverflowError, UnicodeError)) or (
        isinstance(error, StatementError) and not isinstance(error, DBAPIError)
    )
    number, state = _number(origin), _state(origin)
    if number:
        failure = _of_mysql(number, state, str(origin.args[-1]))
        return replace(failure, is_refusal=failure.is_refusal or is_of_value)
    if state:
        return _of_state(state, origin)
    return Failure(type(origin).__name__, is_of_value)


def origin_of(error: Exception) -> BaseException:
    """Return the driver's error behind one of SQLAlchemy's, or the error itself."""
    if isinstance(error, StatementError) and error.orig is not None:
        return error.orig
    return error


def _of_sqlite(name: str, words: str) -> Failure:
    is_rule = name.startswith(_SQLITE_RULE)
    return Failure(name, is_rule or name in _SQLITE_VALUES, words if is_rule else "")


def _of_mysql(number: int, state: str, words: str) -> Failure:
    """Judge by the number first: the SQLSTATE of most errors is HY000, and some drivers give none.

    A SIGNAL has the number 1644 or one of its own, and any SQLSTATE.
    """
    code = state if state and state != "HY000" else str(number)
    if number in _RULES or any(number in own for own in _OWN_NUMBERS):
        return Failure(code, is_refusal=True, words=words)
    return Failure(code, number in _VALUES or state.startswith(_DATA))


def _of_state(state: str, origin: BaseException) -> Failure:
    is_refusal = state[:2] not in _NOT_OF_THE_ROW
    diagnostics = getattr(origin, "diag", None)
    words = getattr(diagnostics, "message_primary", None) or ""
    is_quotable = is_refusal and not state.startswith(_DATA)
    return Failure(state, is_refusal, words if is_quotable else "")


def _number(origin: BaseException) -> int | None:
    """Return the number of an error of MySQL's or MariaDB's, whichever driver raised it."""
    number = getattr(origin, "errno", None) or next(iter(origin.args), None)
    is_number = isinstance(number, int) and not isinstance(origin, OSError)
    return number if is_number else None


def _state(origin: BaseException) -> str:
    """Return the SQLSTATE; drivers keep it in one of these places."""
    first = next(iter(origin.args), None)
    candidates = (getattr(origin, "sqlstate", None), getattr(origin, "pgcode", None), first)
    return next((text for text in candidates if isinstance(text, str) and _is_state(text)), "")


def _is_state(text: str) -> bool:
    return len(text) == 5 and text.isascii() and text.isalnum() and text.upper() == text


class Outage(Enum):
    """A reason: how the database behaves, and what to do; `{setting}` is where its URL is."""

    LOGIN = ("refuses the user or the password", "Correct them in {setting}.")
    DATABASE = ("is not there, but its server is", "Correct its name in {setting}, or create it.")
    RIGHT = ("refuses the user a right", "Grant it: the user owns its tables, or may make them.")
    NO_ENTRY = (
        "is not there, or refuses the user",
        "Correct its name in {setting}, or create it; else grant the user all rights in it.",
    )
    PORT = (
        "does not answer: nothing listens at its address",
        "Start its server, or correct host and port in {setting}.",
    )
    HOST = ("has a host whose name is unknown", "Correct the host in {setting}, or the DNS.")
    SILENT = (
        "does not answer: the server, or the network to it, is silent",
        "Look for a firewall in between, and whether the server hangs.",
    )
    CUT = (
        "does not answer: the connection was cut, or its server starts or stops",
        "Check that it runs and that {setting} points to it.",
    )
    CONNECTIONS = (
        "takes no more connections",
        "Raise its max_connections, or lower the connections that processes may have.",
    )
    READ_ONLY = (
        "is read-only, as a standby is, or a server that was failed over",
        "Have {setting} point to the primary.",
    )
    FULL = ("has no room left on its disk", "Make room there.")
    BUSY = (
        "keeps what is needed locked, or is too slow",
        "Look for a transaction that stays open.",
    )
    TLS = ("agrees on no TLS", "Correct the TLS parameters in {setting}, or the certificates.")
    TABLES = ("lacks a table or a column", "Compare its tables with the documentation.")
    FILE = (
        "is a file that cannot be opened or written",
        "Check {setting}, its folder and who owns it.",
    )
    BROKEN = ("is a file that is no sound database", "Restore it from a backup.")
    UNKNOWN = ("does not answer", "Check that it runs and that {setting} points to it.")

    @property
    def behaviour(self) -> str:
        """Return how the database behaves, as the end of a sentence that begins with its name."""
        return self.value[0]

    def remedy(self, setting: str) -> str:
        """Return what to do, as a sentence."""
        return self.value[1].format(setting=setting)


_DIGITS: Final = 4

#: SQLSTATE or its class, MySQL's number, SQLite's name or its beginning.
_BY_CODE: Final = {
    Outage.LOGIN: ("28", "1045", "1698"),
    Outage.DATABASE: ("3D", "1049"),
    Outage.RIGHT: ("42501", "1142", "1143", "SQLITE_PERM", "SQLITE_AUTH"),
    Outage.NO_ENTRY: ("1044",),
    Outage.CUT: ("08", "57P", "1053", "1927"),
    Outage.CONNECTIONS: ("53300", "1040", "1203", "1226"),
    Outage.READ_ONLY: ("25006", "1290", "1792", "1836", "SQLITE_READONLY"),
    Outage.FULL: ("53100", "1021", "1114", "SQLITE_FULL"),
    Outage.BUSY: ("55", "57014", "25P03", "40", "1205", "1213", "SQLITE_BUSY", "SQLITE_LOCKED"),
    Outage.TABLES: ("42P01", "42703", "1054", "1146"),
    Outage.FILE: ("SQLITE_CANTOPEN", "SQLITE_IOERR"),
    Outage.BROKEN: ("SQLITE_NOTADB", "SQLITE_CORRUPT"),
}

#: Words of servers, libpq and the system, for errors that have no code of their own.
_BY_WORDS: Final = {
    Outage.LOGIN: r"authentication failed|no pg_hba|role .* does not exist|no such user",
    Outage.DATABASE: r"database .* does not exist|no such database",
    Outage.CONNECTIONS: r"too many clients|too many connections|connection slots|max_client_conn",
    Outage.PORT: r"refused|No such file or directory|Errno 2\]",
    Outage.HOST: r"resolve host|translate host name|Name or service not known|nodename",
    Outage.SILENT: r"timed? ?out|timeout expired|is silent|unreachable|No route",
    Outage.TLS: r"certificate|support SSL|SSL was required|wrong version number|tlsv1",
    Outage.READ_ONLY: r"read-only|session is not read-write|hot standby",
    Outage.CUT: r"starting up|shutting down|recovery|unexpectedly|EOF|gone away|Lost conn",
    Outage.TABLES: r"no such (?:table|column)",
}


def outage_of(error: Exception) -> Outage:
    """Return why a database failed that did not refuse a row."""
    origin = origin_of(error)
    codes = (read_failure(error).code, str(next(iter(origin.args), "")))
    matches = (
        (len(begin), outage)
        for outage, beginnings in _BY_CODE.items()
        for begin in beginnings
        for code in codes
        if code == begin or (code.startswith(begin) and not _is_number(code))
    )
    _, by_code = max(matches, key=lambda match: match[0], default=(0, None))
    by_words = next(
        (
            outage
            for outage, words in _BY_WORDS.items()
            if re.search(words, str(origin), re.IGNORECASE)
        ),
        None,
    )
    return by_code or by_words or Outage.UNKNOWN


def _is_number(code: str) -> bool:
    """Return whether a code is MySQL's number, which has no classes, and no SQLSTATE."""
    return code.isdigit() and len(code) == _DIGITS
