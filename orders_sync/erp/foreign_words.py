"""Words of an ERP's about an order, which may name the customer, made fit to be kept and logged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Final
from unicodedata import combining, normalize

if TYPE_CHECKING:
    from orders_sync.domain.order import Address, Customer, Order

_LONGEST_WORDS: Final = 300
_SHORTEST_NAME: Final = 3
_BLOT: Final = "***"
_EMAIL: Final = re.compile(r"[^\s@\"'<>]+@[^\s@\"'<>]+")
#: A document, phone or postal code, with what is written between its digits.
_NUMBER: Final = re.compile(r"\d(?:[-./() ]{0,2}\d){6,}")
_WORD: Final = re.compile(r"\w+")

#: Of a customer and an address, what is told of thousands alike.
_COMMON: Final = frozenset(
    {"document_type", "customer_class", "customer_code", "kind", "state", "country"}
)


def without_personal(words: str, personal: Iterable[str]) -> str:
    """Make words of the ERP's one short line, without numbers, addresses and the given texts.

    Names are found in any case and without their accents, as ERPs write them.
    """
    names = {_folded(name) for text in personal for name in _WORD.findall(text)}
    names = {name for name in names if len(name) >= _SHORTEST_NAME}

    def blotted(match: re.Match[str]) -> str:
        return _BLOT if _folded(match[0]) in names else match[0]

    visible = "".join(letter if letter.isprintable() else " " for letter in words)
    line = _EMAIL.sub(_BLOT, " ".join(visible[: _LONGEST_WORDS * 4].split()))
    line = _NUMBER.sub(_BLOT, _WORD.sub(blotted, line))
    return line if len(line) <= _LONGEST_WORDS else f"{line[: _LONGEST_WORDS - 1]}…"


def personal_texts(order: Order) -> Iterator[str]:
    """Yield every text of an order that is about a person."""
    deliveries = [delivery.address for delivery in order.deliveries]
    for part in (order.customer, order.address, order.invoice_address, *deliveries):
        if part is not None:
            yield from _texts(part)
    yield from filter(None, (order.remark, order.custom_data))


def _texts(part: Customer | Address) -> Iterator[str]:
    for field in fields(part):
        value = getattr(part, field.name)
        if field.name not in _COMMON and isinstance(value, str):
            yield value


def _folded(text: str) -> str:
    plain = (letter for letter in normalize("NFKD", text) if not combining(letter))
    return "".join(plain).casefold()
