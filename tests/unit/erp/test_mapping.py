"""What VTEX's names are in the ERP is found however it is spelt, and a wrong file says where."""

from __future__ import annotations

import pickle
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from orders_sync.erp import registry
from orders_sync.erp.base import ErpBase
from orders_sync.erp.mapping import (
    LARGEST_BYTES,
    MappingFile,
    MappingTables,
    MappingUnusable,
    read_mapping,
)
from orders_sync.errors import ConfigurationError, ErpUnmapped, ItemUnmapped, ParkedError

ROWS = """
carriers:
  Expressão  Paulista: 0042
  7: no
payments:
  instantPayment: PIX
  "": NONE
sku_prefixes:
  ML-: ""
  ML-X: 'X.'
skus:
  ML-9: NINE
  00123: "0123"
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "mapping.yml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    "name",
    [
        "Expressão  Paulista",
        "expressão paulista",
        " EXPRESSÃO\tPAULISTA\n",
        "Expressão\u00a0Paulista",
        unicodedata.normalize("NFD", "Expressão Paulista"),
        unicodedata.normalize("NFD", "EXPRESSÃO PAULISTA"),
    ],
)
def test_a_name_is_found_however_it_is_spelt(name: str, write: Write) -> None:
    assert read_mapping(write(ROWS)).carrier(name) == "0042"


def test_what_looks_like_a_number_or_a_boolean_is_text_as_it_is_written(write: Write) -> None:
    mapping = read_mapping(write(ROWS))

    assert mapping.carrier("7") == "no"
    assert mapping.item("00123") == "0123"
    with pytest.raises(ItemUnmapped):
        mapping.item("123")


def test_the_first_name_that_has_a_row_counts_and_no_name_has_its_own(write: Write) -> None:
    mapping = read_mapping(write(ROWS))

    assert mapping.carrier(None, "unknown", "expressão paulista", "7") == "0042"
    assert mapping.payment(None, " ", "") == "NONE"
    assert mapping.payment() == "NONE"


@pytest.mark.parametrize(
    ("sku", "code"),
    [
        ("ML-9", "NINE"),
        ("ml-9", "NINE"),
        ("ML-81a", "81a"),
        (" ML-81a ", "81a"),
        ("ml-xB7", "X.B7"),
        ("ML-X", "X."),
    ],
)
def test_a_skus_own_row_is_before_its_longest_prefix(sku: str, code: str, write: Write) -> None:
    assert read_mapping(write(ROWS)).item(sku) == code


def test_an_empty_prefix_is_of_every_sku() -> None:
    mapping = MappingTables(sku_prefixes={"": "V-", "ML-": ""})

    assert [mapping.item(sku) for sku in ("81", "ML-81")] == ["V-81", "81"]


@pytest.mark.parametrize(
    ("look_up", "cause", "row"),
    [
        pytest.param(
            lambda m: m.carrier(None, "Correios PAC", "PAC"),
            "erp.unmapped",
            'carriers: {"Correios PAC": ...}',
            id="carrier",
        ),
        pytest.param(
            lambda m: m.payment('Vale "Já"'),
            "erp.unmapped",
            r'payments: {"Vale \"Já\"": ...}',
            id="payment",
        ),
        pytest.param(lambda m: m.carrier(None), "erp.unmapped", 'carriers: {"": ...}', id="none"),
        pytest.param(
            lambda m: m.item("77"), "erp.item_unmapped", 'skus: {"77": ...}', id="no prefix"
        ),
        pytest.param(
            lambda m: m.item("ML-"), "erp.item_unmapped", 'skus: {"ML-": ...}', id="only a prefix"
        ),
    ],
)
def test_a_row_that_is_missing_is_told_as_it_is_to_be_written(
    look_up: Callable[[MappingTables], str], cause: str, row: str, write: Write
) -> None:
    path = write(ROWS)

    with pytest.raises(ParkedError) as raised:
        look_up(read_mapping(path).model_copy(update={"payments": {}}))

    error = raised.value
    assert error.cause == cause
    assert error.hint == f"Add to {path}: {row}, then retry the order."
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own.
    assert (type(copy), str(copy), copy.hint) == (type(error), str(error), error.hint)
    code_added = row.replace("...", "CODE")
    assert look_up(read_mapping(write(code_added))) == "CODE"


def test_without_a_file_the_hint_names_the_setting() -> None:
    with pytest.raises(ErpUnmapped) as raised:
        MappingTables().carrier("PAC")

    assert "ERP_MAPPING" in raised.value.hint


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "carriers:\n", "carriers: {}\nskus: ~"])
def test_a_file_may_have_no_rows(text: str, write: Write) -> None:
    assert read_mapping(write(text)).count == 0


def test_a_windows_editors_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yml"
    path.write_bytes(ROWS.replace("\n", "\r\n").encode("utf-8-sig"))

    assert read_mapping(path).carrier("expressão paulista") == "0042"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("\ncarrier: {}", r"line 2: .*did you mean carriers\?", id="misspelt table"),
        pytest.param("x: {}", "line 1: .*it may have carriers, payments, sku_", id="no such table"),
        pytest.param("skus: {}\nskus: {}", "line 2: the table skus stands there twice", id="twice"),
        pytest.param("- a", "line 1: the file must have rows", id="a list"),
        pytest.param("carriers: PAC", "line 1: the table carriers must have rows", id="a word"),
        pytest.param("carriers:\n  a: 1\n  b: [1]", 'line 3: the code of "b"', id="list of codes"),
        pytest.param("carriers:\n  [a]: 1", "line 2: a name in carriers", id="list for a name"),
        pytest.param("carriers:\n  a: !!python/name:os 1", "line 2: ", id="an object"),
        pytest.param("carriers:\n  <<: {a: 1}", "line 2: a name in carriers", id="a merge"),
        pytest.param("carriers:\n  PAC:", 'line 2: the code of "PAC"', id="no code"),
        pytest.param("carriers:\n  PAC: ' '", 'line 2: "PAC" has no code', id="an empty code"),
        pytest.param("skus: {A: 1, ' a': 2}", 'line 1: " a" has a row in line 1', id="two rows"),
        pytest.param("skus:\n  A: 1\n  a: 2", 'line 3: "a" has a row in line 2', id="spelt twice"),
        pytest.param(f"sku_prefixes:\n  {'A' * 65}: x", "line 2: .*at most 64", id="long prefix"),
        pytest.param("carriers:\n  a: 'b", r"line \d: it is not valid YAML", id="no YAML"),
        pytest.param("a: 1\n--- \nb: 2", r"line \d: it is not valid YAML", id="two documents"),
        pytest.param("a: \x07", "it is not valid YAML", id="a control character"),
        pytest.param("skus: " + "[" * 100_000, "line 1: it is n", id="a nest without end"),
        pytest.param("skus: " + "[" * 20, "line 1: it is nested too deep", id="a deep nest"),
        pytest.param("#" * (LARGEST_BYTES + 1), "larger than 1024 KiB", id="too large"),
    ],
)
def test_a_wrong_file_says_where_and_what_to_write(text: str, says: str, write: Write) -> None:
    with pytest.raises(ConfigurationError, match=says) as raised:
        read_mapping(write(text))

    assert "\n" not in str(raised.value)
    assert "mapping.yml" in str(raised.value)


def test_a_file_of_another_encoding_or_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yml"
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_mapping(path)
    path.write_bytes("carriers:\n  Expressão: 1".encode("cp1252"))

    with pytest.raises(ConfigurationError, match="line 2: it is not text in UTF-8"):
        read_mapping(path)


def test_tables_cannot_be_changed_or_hold_a_name_twice() -> None:
    mapping = MappingTables(carriers={"PAC": "1"})

    with pytest.raises(TypeError):
        mapping.carriers["SEDEX"] = "2"  # type: ignore[index]
    with pytest.raises(ValidationError, match="two rows"):
        MappingTables(carriers={"PAC": "1", "pac": "2"})
    with pytest.raises(ValidationError, match="no code"):
        MappingTables(carriers={"PAC": " "})


def test_a_file_that_changes_is_in_force_for_whoever_asks_next(write: Write) -> None:
    mapping = MappingFile(write("carriers: {PAC: 1}"))

    write("carriers: {PAC: 22}\npayments: {a: b}\nsku_prefixes: {'': ''}")

    assert (mapping.carrier("PAC"), mapping.payment("a"), mapping.item("7")) == ("22", "b", "7")


def test_another_file_in_its_place_is_read_too(tmp_path: Path, write: Write) -> None:
    path = write("carriers: {PAC: 1}")
    mapping = MappingFile(path)
    other = tmp_path / "new"
    other.write_text("carriers: {PAC: 2}")

    other.replace(path)

    assert mapping.carrier("PAC") == "2"


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_file_that_becomes_wrong_leaves_what_was_in_force_and_is_told_once(
    is_gone: bool, write: Write
) -> None:
    path = write("carriers: {PAC: 1}")
    mapping = MappingFile(path)
    if is_gone:
        path.unlink()
    else:
        write("carriers: {PAC: [")

    with capture_logs() as told:
        codes = [mapping.carrier("PAC") for _ in range(3)]

    assert codes == ["1"] * 3
    assert [line["event"] for line in told] == ["erp.mapping_not_read"]
    write("carriers: {PAC: 333}")
    assert mapping.carrier("PAC") == "333"


def test_an_adapter_has_the_mapping_of_its_account(tmp_path: Path, write: Write) -> None:
    path = write("carriers: {PAC: 1}")

    erp, without = (
        registry.create("console", account="mystore", options={}, home=tmp_path, mapping=mapping)
        for mapping in (path, None)
    )

    assert isinstance(erp, ErpBase)
    assert isinstance(without, ErpBase)
    assert erp.mapping.carrier("PAC") == "1"
    with pytest.raises(ErpUnmapped):
        without.mapping.carrier("PAC")


def test_an_account_whose_mapping_is_wrong_from_the_start_waits_until_it_is_mended(
    tmp_path: Path, write: Write
) -> None:
    path = write("carrier: {PAC: 1}")
    with capture_logs() as told:
        erp = registry.create("console", account="mystore", options={}, home=tmp_path, mapping=path)
    assert isinstance(erp, ErpBase)

    for look_up in (erp.mapping.carrier, erp.mapping.payment, erp.mapping.item):
        with pytest.raises(MappingUnusable, match="line 1: there is no table"):
            look_up("PAC")

    assert [line["event"] for line in told] == ["erp.mapping_not_read"]
    write("carriers: {PAC: 22}")
    assert erp.mapping.carrier("PAC") == "22"
