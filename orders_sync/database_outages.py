"""Why a database cannot be used, and what to do about it, for the databases that are supported.

A connection that is refused has no SQLSTATE in libpq, only the server's words, so those of the
commonest reasons are known here. No user, password, host or value is repeated.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from orders_sync.database_failures import origin_of, read_failure


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
