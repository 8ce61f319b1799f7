"""Order ids of every shape that VTEX makes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random


@dataclass(frozen=True, slots=True)
class OrderIds:
    """An order's id and its relatives; `affiliate_id` is empty for an order of the store's own."""

    order_id: str
    order_group: str
    sequence: str
    marketplace_order_id: str
    seller_order_id: str
    affiliate_id: str
    origin: str


def draw_ids(random: Random, account: str, number: int) -> OrderIds:
    """Name the order with this running `number`; no two numbers share an id.

    An external marketplace's ids are free text, so they hold what a URL must quote.
    """
    sequence = 500_000 + number * 3 + random.randrange(3)
    group = 1_172_452_900_000 + number * 10 + random.randrange(10)
    long_id, short_id = f"{group}-01", f"v{sequence}{_letters(account)}-01"
    shape = random.random()
    if shape < 0.6:
        return _own_store(long_id, str(group), sequence)
    if shape < 0.85:
        return _own_store(short_id, short_id.removesuffix("-01"), sequence)
    if shape < 0.92:
        return _from_marketplace("SLR", short_id, sequence)
    if shape < 0.95:
        return replace(_from_marketplace("CHN", short_id, sequence), origin="Chain")
    foreign = random.choice(
        (
            f"abc/{number} 2",
            f"2000-{number}#A",
            f"Nº {number}?b=1&c",
            f"{number}+1%20",
            f"é:{number}",
        )
    )
    return _from_marketplace("MNG", foreign, sequence)


def _own_store(order_id: str, group: str, sequence: int) -> OrderIds:
    return OrderIds(order_id, group, str(sequence), order_id, f"00-{order_id}", "", "Marketplace")


def _from_marketplace(affiliate: str, marketplace_order_id: str, sequence: int) -> OrderIds:
    order_id = f"{affiliate}-{marketplace_order_id}"
    return OrderIds(
        order_id=order_id,
        order_group=order_id,
        sequence=str(sequence),
        marketplace_order_id=marketplace_order_id,
        seller_order_id=order_id,
        affiliate_id=affiliate,
        origin="Fulfillment",
    )


def _letters(account: str) -> str:
    return (account + "store")[:4]
