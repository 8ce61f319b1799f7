"""Texts as a database can hold them: what its encoding has no letter for is replaced.

A database in LATIN1 has no curly apostrophe, one in MySQL's utf8mb3 no emoji, none half a surrogate
pair. An order or an answer is not lost for such a character. Bytes, as `erp_orders.document` has
them, stay as they are.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final
from unicodedata import normalize

from sqlalchemy import Engine, event

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


def fit_texts(engine: Engine) -> None:
    """Have an engine replace in every text that it sends what its database cannot hold."""
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
