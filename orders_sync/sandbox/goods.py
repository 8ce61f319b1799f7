"""What is in the cart: order lines whose cents add up as VTEX's do."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Sku:
    """One article of the store; `price_cents` is for one `unit_multiplier` of it."""

    id: str
    ref_id: str | None
    name: str
    price_cents: int
    unit: str = "un"
    unit_multiplier: float = 1.0
    tax_percent: int = 0


CATALOGUE: Final = (
    Sku("18", "BIGBML", "Camiseta Algodão L", 4_990),
    Sku("19", "BIGBMM", "Camiseta Algodão M", 4_990),
    Sku("2001", "CAFE-500", "Café torrado em grãos 500 g", 3_749),
    Sku("2002", None, "Piñata de papel maché", 15_999),
    Sku("2003", "QJO-KG", "Queijo Minas padrão", 1_833, "kg", 0.25),
    Sku("2004", "CABLE-M", "Cable eléctrico 2,5 mm²", 799, "m", 0.5),
    Sku("310114", "TNS/42", 'Tênis "Órbita" nº 42', 29_990, tax_percent=12),
    Sku("310115", "TNS/43", 'Tênis "Órbita" nº 43', 29_990, tax_percent=12),
    Sku("77", "MATE-1", "Mate de calabaza & bombilla", 8_333),
    Sku("78", "YERBA-1", "Yerba mate 1 kg", 2_101),
    Sku("90001", "SOFA-3L", "Sofá 3 lugares <cinza>", 189_900),
    Sku("90002", "LAMP", "Luminária de pé", 24_901, tax_percent=7),
    Sku("400", "AGUA-6", "Água mineral 6 x 1,5 L", 1_499),
    Sku("401", "VINO-T", "Vino Malbec 750 ml", 11_111, tax_percent=25),
)
_GIFT: Final = Sku("999", "BRINDE", "Brinde: chaveiro", 1_990)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a cart; `discount_cents` is taken off the whole line."""

    sku: Sku
    unique_id: str
    quantity: int
    discount_cents: int
    is_gift: bool = False

    @property
    def gross_cents(self) -> int:
        """What the line costs before its discount."""
        return self.sku.price_cents * self.quantity

    @property
    def total_cents(self) -> int:
        """What the line costs, without tax and shipping."""
        return self.gross_cents - self.discount_cents

    @property
    def tax_cents(self) -> int:
        """The line's tax, on top of its total."""
        return self.total_cents * self.sku.tax_percent // 100

    def selling_prices(self) -> list[dict[str, int]]:
        """Split the total over the units; where it does not divide, some units cost a cent more."""
        unit, dearer = divmod(self.total_cents, self.quantity)
        prices = [{"value": unit, "quantity": self.quantity - dearer}]
        if dearer:
            prices.append({"value": unit + 1, "quantity": dearer})
        return prices


def draw_lines(random: Random) -> list[Line]:
    """Fill a cart: one to five articles, at times one of them twice, discounted or with a gift."""
    skus = random.sample(CATALOGUE, random.choices((1, 2, 3, 5), (4, 3, 2, 1))[0])
    if random.random() < 0.25:
        skus.append(skus[0])
    lines = [_draw_line(random, sku) for sku in skus]
    if random.random() < 0.1:
        lines.append(Line(_GIFT, _unique_id(random), 1, _GIFT.price_cents, is_gift=True))
    return lines


def _draw_line(random: Random, sku: Sku) -> Line:
    quantity = random.choices((1, 2, 3, 7), (6, 2, 1, 1))[0]
    gross = sku.price_cents * quantity
    discount = random.randint(1, gross // 3) if random.random() < 0.4 else 0
    return Line(sku, _unique_id(random), quantity, discount)


def _unique_id(random: Random) -> str:
    return f"{random.getrandbits(128):032X}"


def item_json(line: Line, index: int, group: str) -> dict[str, Any]:
    """Write a line as an element of `items`."""
    sku = line.sku
    prices = line.selling_prices()
    return {
        "uniqueId": line.unique_id,
        "id": sku.id,
        "productId": sku.id[:4],
        "ean": f"789{int(sku.id):010}",
        "lockId": f"00-{group}-01",
        "quantity": line.quantity,
        "seller": "1",
        "name": sku.name,
        "refId": sku.ref_id,
        "price": sku.price_cents,
        "listPrice": sku.price_cents * 5 // 4,
        "priceTags": _price_tags(line),
        "imageUrl": f"https://images.example/ids/{sku.id}.jpg?v=635918402228600000",
        "detailUrl": f"/{sku.id}/p",
        "sellerSku": sku.id,
        "tax": line.tax_cents,
        "additionalInfo": _additional_info(),
        "measurementUnit": sku.unit,
        "unitMultiplier": sku.unit_multiplier,
        "sellingPrice": prices[0]["value"],
        "isGift": line.is_gift,
        "priceDefinition": {
            "sellingPrices": prices,
            "calculatedSellingPrice": prices[0]["value"],
            "total": line.total_cents,
            "reason": None,
        },
        "parentItemIndex": 0 if line.is_gift and index else None,
        "costPrice": sku.price_cents // 2,
        **_left_empty(),
    }


def _left_empty() -> dict[str, Any]:
    """List the members of an item that a plain sale does not use."""
    lists = ("attachments", "components", "bundleItems", "params", "offerings", "assemblies")
    nulls = (
        "manualPrice",
        "priceValidUntil",
        "preSaleDate",
        "shippingPrice",
        "taxCode",
        "parentAssemblyBinding",
        "callCenterOperator",
        "serialNumbers",
    )
    return {
        "itemAttachment": {"content": {}, "name": None},
        "attachmentOfferings": [],
        "commission": 0,
        "freightCommission": 0,
        "rewardValue": 0,
        **{name: [] for name in lists},
        **dict.fromkeys(nulls),
    }


def _price_tags(line: Line) -> list[dict[str, Any]]:
    if not line.discount_cents:
        return []
    return [
        {
            "name": "discount@price-2a7acc17-1eb9-4541-8ac6-2776ce9628e6#0",
            "value": -line.discount_cents,
            "rawValue": -line.discount_cents / 100,
            "isPercentual": False,
            "identifier": "2a7acc17-1eb9-4541-8ac6-2776ce9628e6",
        }
    ]


def _additional_info() -> dict[str, Any]:
    return {
        "brandName": "Marca Própria",
        "brandId": "2000000",
        "categoriesIds": "/9/",
        "categories": [{"id": 9, "name": "Geral"}],
        "productClusterId": "135",
        "commercialConditionId": "1",
        "dimension": {
            "cubicweight": 1.0,
            "height": 10.0,
            "length": 10.0,
            "weight": 10.0,
            "width": 10.0,
        },
        "offeringInfo": None,
        "offeringType": None,
        "offeringTypeId": None,
    }
