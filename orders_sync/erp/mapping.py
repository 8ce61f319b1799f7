"""The ERP's codes of VTEX's carriers, payments and SKUs, in a file that people write.

    carriers:
      Transportadora Ipê: "0042"
    payments:
      instantPayment: PIX
    sku_prefixes:
      ML-: ""
    skus:
      "881234": CAMISETA-P

A name is looked up by what it is: case, blanks around and between its words, and the ways to
compose a letter make no other name of it. Everything is text, as it is written: 0042 keeps its
zeros, and `no` is no boolean.
"""

from __future__ import annotations

import difflib
import json
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Protocol

import structlog
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from orders_sync.errors import ConfigurationError, ErpUnavailable, ErpUnmapped, ItemUnmapped

log = structlog.get_logger(__name__)

#: A file has room for some 40,000 SKUs, and is read within two seconds.
LARGEST_BYTES: Final = 1024 * 1024
#: No prefix is longer; what is looked up for one is so many lookups at most.
LONGEST_PREFIX: Final = 64
_LONGEST_SHOWN: Final = 80
_DEEPEST: Final = 8
_NULL: Final = "tag:yaml.org,2002:null"
#: What YAML takes a plain text for, https://yaml.org/type/
_TEXTS: Final = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "timestamp", "value")
)
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class MappingUnusable(ErpUnavailable):
    """Raised where a mapping file cannot be read, and no rows of it are in force yet."""

    cause: ClassVar[str] = "erp.mapping_unusable"


class ErpMapping(Protocol):
    """The ERP's codes of VTEX's carriers, payments and SKUs."""

    def carrier(self, *names: str | None) -> str:
        """Return the ERP's code of a carrier: of the first of its names that has a row.

        Raises:
            ErpUnmapped: none of them has.
        """
        ...

    def payment(self, *names: str | None) -> str:
        """Return the ERP's code of a means of payment: of the first of its names that has a row.

        Raises:
            ErpUnmapped: none of them has.
        """
        ...

    def item(self, sku: str) -> str:
        """Return the ERP's code of an item: its own row's, or by the longest prefix that has one.

        What follows the prefix in the SKU follows the prefix's code.

        Raises:
            ItemUnmapped: there is neither.
        """
        ...


def _same(name: str) -> str:
    """Return the form that all spellings of a name have in common."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def _by_name(rows: Mapping[str, str]) -> Mapping[str, str]:
    """Key rows by what their names have in common with other spellings; strip the codes."""
    by_name: dict[str, str] = {}
    for name, code in rows.items():
        if _same(name) in by_name:
            raise ValueError(f"{_shown(name)} has two rows")
        by_name[_same(name)] = code.strip()
    return MappingProxyType(by_name)


def _whole(rows: Mapping[str, str]) -> Mapping[str, str]:
    for name, code in rows.items():
        if not code:
            raise ValueError(f"{_shown(name)} has no code")
    return rows


def _short(rows: Mapping[str, str]) -> Mapping[str, str]:
    for prefix in rows:
        if len(prefix) > LONGEST_PREFIX:
            raise ValueError(f"{_shown(prefix)} is longer than {LONGEST_PREFIX} characters")
    return rows


_Prefixes = Annotated[Mapping[str, str], AfterValidator(_by_name), AfterValidator(_short)]
_Rows = Annotated[Mapping[str, str], AfterValidator(_by_name), AfterValidator(_whole)]


class MappingTables(BaseModel):
    """The rows of a mapping: VTEX's name to the ERP's code; see `ErpMapping`.

    `file` is where a person adds rows, for hints.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    file: str = "the file of the account's ERP_MAPPING"
    carriers: _Rows = Field(default_factory=dict)
    payments: _Rows = Field(default_factory=dict)
    sku_prefixes: _Prefixes = Field(default_factory=dict)
    skus: _Rows = Field(default_factory=dict)

    @property
    def count(self) -> int:
        """The number of rows."""
        return sum(len(getattr(self, table)) for table in TABLES)

    def carrier(self, *names: str | None) -> str:
        """Return the ERP's code of a carrier; see `ErpMapping`."""
        return self._code("carriers", self.carriers, names)

    def payment(self, *names: str | None) -> str:
        """Return the ERP's code of a means of payment; see `ErpMapping`."""
        return self._code("payments", self.payments, names)

    def item(self, sku: str) -> str:
        """Return the ERP's code of an item; see `ErpMapping`."""
        code = self.skus.get(_same(sku)) or self._by_prefix(sku.strip())
        if not code:
            raise ItemUnmapped(sku, file=self.file, row=_row("skus", sku))
        return code

    def _code(self, table: str, rows: Mapping[str, str], names: tuple[str | None, ...]) -> str:
        given = [name for name in names if name and name.strip()] or [""]
        for name in given:
            code = rows.get(_same(name))
            if code is not None:
                return code
        name = given[0].strip()[:_LONGEST_SHOWN]
        raise ErpUnmapped(table, name, file=self.file, row=_row(table, name))

    def _by_prefix(self, sku: str) -> str | None:
        """Put the code of the longest prefix that has a row in its place."""
        if not self.sku_prefixes:
            return None
        for end in range(min(len(sku), LONGEST_PREFIX), -1, -1):
            code = self.sku_prefixes.get(_same(sku[:end]))
            if code is not None:
                return code + sku[end:]
        return None


#: The tables that a file may have.
TABLES: Final = tuple(name for name in MappingTables.model_fields if name != "file")


class MappingFile:
    """The mapping of a file as it is: read again by the first look-up after it changes.

    One that cannot be read is logged, and the rows that were in force stay so. Where there
    are none yet, each look-up raises `MappingUnusable`: the account's orders wait until a person
    mends the file, and those of other accounts do not.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = None
        self._tables: MappingTables | None = None
        self._trouble = ""
        self._read()

    @property
    def tables(self) -> MappingTables:
        """The rows in force; where the file is another, one thread reads it while others go on.

        Raises:
            MappingUnusable: there are none.
        """
        if _stamp(self._path) != self._stamp and self._lock.acquire(blocking=False):
            try:
                self._read()
            finally:
                self._lock.release()
        if self._tables is None:
            raise MappingUnusable(self._trouble)
        return self._tables

    def carrier(self, *names: str | None) -> str:
        """Return the ERP's code of a carrier; see `ErpMapping`."""
        return self.tables.carrier(*names)

    def payment(self, *names: str | None) -> str:
        """Return the ERP's code of a means of payment; see `ErpMapping`."""
        return self.tables.payment(*names)

    def item(self, sku: str) -> str:
        """Return the ERP's code of an item; see `ErpMapping`."""
        return self.tables.item(sku)

    def _read(self) -> None:
        # Before it is read: a change meanwhile is seen by the next call.
        self._stamp = _stamp(self._path)
        try:
            tables = read_mapping(self._path)
        except ConfigurationError as error:
            self._trouble = str(error)
            log.error("erp.mapping_not_read", reason=self._trouble)  # noqa: TRY400 - it is all.
        else:
            self._tables = tables
            log.info("erp.mapping_read", file=str(self._path), rows=tables.count)


def read_mapping(path: Path) -> MappingTables:
    """Read a mapping file.

    Raises:
        ConfigurationError: it cannot be read, or is not what it must be; the message names the
            line, and what to write there.
    """
    text = _text(path)
    try:
        _require_shallow(path, text)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        raise _wrong(path, line, f"it is not valid YAML: {error.problem}") from None
    except yaml.YAMLError:
        raise _wrong(path, None, "it is not valid YAML: it holds a control character") from None
    tables: dict[str, dict[str, str]] = {}
    for key, node in _pairs(path, root, "the file"):
        table = _word(path, key, "a table's name")
        line = key.start_mark.line + 1
        if table not in TABLES:
            close = difflib.get_close_matches(table, TABLES, n=1)
            do = f"did you mean {close[0]}?" if close else f"it may have {', '.join(TABLES)}"
            raise _wrong(path, line, f"there is no table {_shown(table)}; {do}")
        if table in tables:
            raise _wrong(path, line, f"the table {table} stands there twice; make one of both")
        tables[table] = _rows(path, table, node)
    return MappingTables(file=str(path), **tables)


def _require_shallow(path: Path, text: str) -> None:
    """Refuse what is nested deep, whose nodes PyYAML composes until the process has no stack left.

    https://github.com/yaml/pyyaml/blob/main/yaml/_yaml.pyx
    """
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            line = event.start_mark.line + 1 if event.start_mark else None
            raise _wrong(path, line, "it is nested too deep; a table has rows, each as NAME: CODE")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) > LARGEST_BYTES:
        raise _wrong(path, None, f"it is larger than {LARGEST_BYTES // 1024} KiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _wrong(path, line, "it is not text in UTF-8; save it as that") from None


def _rows(path: Path, table: str, node: Any) -> dict[str, str]:
    """Read a table's rows, and refuse one that the model would, by its line."""
    rows: dict[str, str] = {}
    lines: dict[str, int] = {}
    for key, value in _pairs(path, node, f"the table {table}"):
        name = _word(path, key, f"a name in {table}")
        line = key.start_mark.line + 1
        code = _word(path, value, f"the code of {_shown(name)} in {table}")
        if _same(name) in lines:
            other = lines[_same(name)]
            raise _wrong(path, line, f"{_shown(name)} has a row in line {other} already")
        if not code.strip() and table != "sku_prefixes":
            raise _wrong(path, line, f"{_shown(name)} has no code of the ERP's; write it behind it")
        if table == "sku_prefixes" and len(_same(name)) > LONGEST_PREFIX:
            raise _wrong(path, line, f"a prefix has at most {LONGEST_PREFIX} characters")
        lines[_same(name)] = line
        rows[name] = code
    return rows


def _pairs(path: Path, node: Any, what: str) -> Iterator[tuple[Any, Any]]:
    """Yield the keys and values of a YAML mapping; what is empty has none."""
    if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == _NULL):
        return
    if not isinstance(node, yaml.MappingNode):
        line = node.start_mark.line + 1
        raise _wrong(path, line, f"{what} must have rows, each as NAME: CODE")
    yield from node.value


def _word(path: Path, node: Any, what: str) -> str:
    """Return a text as it is written, whatever YAML takes it for."""
    if not isinstance(node, yaml.ScalarNode) or node.tag not in _TEXTS:
        line = node.start_mark.line + 1
        raise _wrong(path, line, f'{what} must be a text or a number, as "0042"')
    text: str = node.value
    return text


def _row(table: str, name: str) -> str:
    return f"{table}: {{{_shown(name)}: ...}}"


def _shown(name: str) -> str:
    """Write a name as YAML takes it, whatever is in it."""
    return json.dumps(name[:_LONGEST_SHOWN], ensure_ascii=False)


def _wrong(path: Path, line: int | None, problem: str) -> ConfigurationError:
    where = f"{path}, line {line}" if line else f"{path}"
    return ConfigurationError(f"{where}: {problem}.")


def _stamp(path: Path) -> tuple[int, ...] | None:
    """Return what changes with a file; Kubernetes puts another in its place."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
