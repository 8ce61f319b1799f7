from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_sync.domain.invoice_number import is_routable, is_same_number, to_vtex_number


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
    ("one", "other", "is_same"),
    [
        pytest.param("000.123/1", "000.123-1", True, id="as we write it"),
        pytest.param("000.123/1", "0001231", True, id="all set apart, and nothing"),
        pytest.param("123456 ", "123456", True, id="a blank at the end"),
        pytest.param("nf-7", "NF 7", True, id="capitals"),
        pytest.param("1/23", "12/3", False, id="two series"),
        pytest.param("1/23", "123", True, id="one that says nothing of its parts"),
        pytest.param("123", "0123", False, id="a zero before"),
        pytest.param("7", "8", False, id="others"),
    ],
)
def test_numbers_are_compared_by_what_they_are(one: str, other: str, *, is_same: bool) -> None:
    assert is_same_number(one, other) is is_same
    assert is_same_number(other, one) is is_same


@pytest.mark.parametrize("number", ["000.123/1", "1 2", "1#2", "é", "", "..", "a%2fb"])
def test_what_vtexs_routes_break_on_is_known(number: str) -> None:
    assert not is_routable(number)


@given(st.text())
def test_a_number_as_we_write_it_is_routable_and_stays_the_same(number: str) -> None:
    once = to_vtex_number(number)

    assert once == "" or is_routable(once)
    assert to_vtex_number(once) == once
    assert once == "" or is_same_number(number, once)
