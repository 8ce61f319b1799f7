from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_sync.domain.invoice_number import to_vtex_number


@pytest.mark.parametrize(
    ("number", "vtex"),
    [
        pytest.param("1001", "1001", id="plain"),
        pytest.param(" 10 01 ", "1001", id="spaces"),
        pytest.param("1001/2", "10012", id="a slash"),
        pytest.param("NFé-7#1", "NFe-71", id="an accent and a hash"),
        pytest.param(" /#", "", id="nothing left"),
    ],
)
def test_invoice_numbers_become_what_vtex_survives(number: str, vtex: str) -> None:
    assert to_vtex_number(number) == vtex


@given(st.text())
def test_a_normalised_number_is_safe_and_stays_the_same(number: str) -> None:
    once = to_vtex_number(number)

    assert all(
        character.isascii() and (character.isalnum() or character == "-") for character in once
    )
    assert to_vtex_number(once) == once
