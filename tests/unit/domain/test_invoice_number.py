from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_sync.domain.invoice_number import (
    is_routable,
    is_same_number,
    is_writable,
    may_be_same_number,
    to_vtex_number,
)


@pytest.mark.parametrize(
    ("number", "vtex"),
    [
        pytest.param("1001", "1001", id="plain"),
        pytest.param(" 10 01 ", "10-01", id="spaces"),
        pytest.param("1001/2", "1001-2", id="a slash"),
        pytest.param("000.123/1", "000.123-1", id="a dot, which VTEX's routes take"),
        pytest.param("NFé-7#1", "NFe-7-1", id="an accent and a hash"),
        pytest.param(" /#.", "", id="nothing left"),
    ],
)
def test_invoice_numbers_become_what_vtex_survives(number: str, vtex: str) -> None:
    assert to_vtex_number(number) == vtex


@pytest.mark.parametrize(
    ("one", "other", "is_same", "may_be_same"),
    [
        pytest.param("000.123/1", "000.123-1", True, True, id="as we write it"),
        pytest.param("000.123/1", "0001231", False, True, id="all set apart, and nothing"),
        pytest.param("123456 ", "123456", True, True, id="a blank at the end"),
        pytest.param("nf-7", "NF 7", True, True, id="capitals"),
        pytest.param("1/23", "12/3", False, False, id="two series"),
        pytest.param("1/23", "123", False, True, id="one that says nothing of its parts"),
        pytest.param("123", "0123", False, False, id="a zero before"),
        pytest.param("7", "8", False, False, id="others"),
    ],
)
def test_numbers_are_compared_by_what_they_are(
    one: str, other: str, *, is_same: bool, may_be_same: bool
) -> None:
    assert is_same_number(one, other) is is_same_number(other, one) is is_same
    assert may_be_same_number(one, other) is may_be_same_number(other, one) is may_be_same


@pytest.mark.parametrize("number", ["Ж12", "12٣", "\ufffd12", "1😀", "", " /-"])
def test_a_number_that_would_become_another_cannot_be_written(number: str) -> None:
    assert not is_writable(number)


@pytest.mark.parametrize("number", ["É-7", "n.º 12/3", "1–2"])  # noqa: RUF001 # as people write.
def test_accents_and_marks_cost_no_number_its_own(number: str) -> None:
    assert is_writable(number)
    assert is_same_number(number, to_vtex_number(number))


@pytest.mark.parametrize("number", ["000.123/1", "1 2", "1#2", "é", "", "..", "a%2fb"])
def test_what_vtexs_routes_break_on_is_known(number: str) -> None:
    assert not is_routable(number)


@given(st.text())
def test_a_number_as_we_write_it_is_routable_and_stays_the_same(number: str) -> None:
    once = to_vtex_number(number)

    assert once == "" or is_routable(once)
    assert to_vtex_number(once) == once
    assert not is_writable(number) or is_same_number(number, once)
