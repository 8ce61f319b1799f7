from __future__ import annotations

from orders_sync.domain.differences import (
    Changes,
    DeliveryChange,
    DeliveryPart,
    LineChange,
    LineState,
    PaymentChange,
    PaymentPart,
)


def state(quantity: int = 1, *, total_cents: int = 1000, unit_multiplier: float = 1) -> LineState:
    return LineState(quantity, unit_multiplier, 1000, total_cents, 0)


def line(before: LineState | None, after: LineState | None) -> LineChange:
    return LineChange(0, "L0", "17", before, after)


def test_changes_are_described_in_words() -> None:
    changes = Changes(
        2,
        10_000,
        9_005,
        lines=(
            line(state(3), state(2)),
            line(None, state(4)),
            line(state(5), None),
            line(state(unit_multiplier=0.5), state(unit_multiplier=0.412)),
            line(state(total_cents=1000), state(total_cents=905)),
        ),
        deliveries=(
            DeliveryChange(0, DeliveryPart.CARRIER, "Fast", "Slow"),
            DeliveryChange(1, DeliveryPart.CARRIER, "Fast", "Slow"),
            DeliveryChange(0, DeliveryPart.ADDRESS),
        ),
        payments=(PaymentChange("P1", PaymentPart.AUTHORIZATION, None, "A-7"),),
    )

    assert changes.describe() == (
        "value 100.00 -> 90.05; SKU 17 3 -> 2; SKU 17 added (4); SKU 17 removed (5); "
        "SKU 17 weight 0.5 -> 0.412; SKU 17 10.00 -> 9.05; delivery address; "
        "carrier Fast -> Slow; payment authorization none -> A-7"
    )


def test_a_value_that_stayed_is_not_told() -> None:
    changes = Changes(2, 10_000, 10_000, deliveries=(DeliveryChange(0, DeliveryPart.ADDRESS),))

    assert not changes.is_of_value
    assert changes.describe() == "delivery address"
