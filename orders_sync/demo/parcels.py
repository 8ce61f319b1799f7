"""What a carrier reports of the parcels of a demo, and how parcels are packed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from orders_sync.demo.records import ErpOrder, ParcelEvent

_JOURNEY = (
    ParcelEvent("Objeto postado", "São Paulo", "SP", "2026-11-27"),
    ParcelEvent("Em trânsito", "Goiânia", "GO", "2026-11-28"),
    ParcelEvent("Entregue", "Belém", "PA", "2026-11-30"),
)

#: When the last event of every journey happened.
DELIVERED_AT = "2026-11-30 15:30:00"


def draw_journey(random: Random) -> tuple[ParcelEvent, ...]:
    """Draw what happens to a parcel, delivery last."""
    direct = (_JOURNEY[0], _JOURNEY[-1])
    return random.choice((direct, _JOURNEY))


def pack(order: ErpOrder, random: Random) -> list[Counter[str]]:
    """Part an order into two or three parcels, as pieces by line id; one piece makes one parcel."""
    pieces = [line.line_id for line in order.lines for _ in range(line.quantity)]
    parcels = min(random.choice((2, 3)), len(pieces))
    cuts = sorted(random.sample(range(1, len(pieces)), parcels - 1)) if parcels > 1 else []
    return [
        Counter(pieces[start:end])
        for start, end in zip([0, *cuts], [*cuts, len(pieces)], strict=True)
    ]


def share(cents: int, parts: Sequence[object]) -> list[int]:
    """Part a sum; the last part takes what does not divide."""
    each = cents // len(parts)
    return [each] * (len(parts) - 1) + [cents - each * (len(parts) - 1)]
