"""What is in the cart: order lines whose cents add up as VTEX's do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Sku:
    """One article of the store; `unit_cents` is for one `unit`, a piece is `unit_multiplier` of it.

    `parts` are SKU and quantity of what is in it, if it is a kit.
    """

    id: str
    ref_id: str | None
    name: str
    unit_cents: int
    unit: str = "un"
    unit_multiplier: float = 1.0
    tax_percent: int = 0
    parts: tuple[tuple[str, int], ...] = ()

    def cents_of(self, pieces: int) -> int:
        """Price pieces, rounded half up."""
        exact = Decimal(self.unit_cents) * Decimal(repr(self.unit_multiplier)) * pieces
        return int(exact.to_integral_value(ROUND_HALF_UP))


CATALOGUE: Final = (
    Sku("18", "BIGBML", "Camiseta Algodão L", 4_990),
    Sku("19", "BIGBMM", "Camiseta Algodão M", 4_990),
    Sku("2001", "CAFE-500", "Café torrado em grãos 500 g", 3_749),
    Sku("2002", None, "Piñata de papel maché", 15_999),
    Sku("2003", "QJO-KG", "Queijo Minas padrão", 7_333, "kg", 0.25),
    Sku("2004", "CABLE-M", "Cable eléctrico 2,5 mm²", 1_599, "m", 0.5),
    Sku("2005", "PICANHA", "Picanha fatiada", 8_990, "kg", 0.3, tax_percent=4),
    Sku("500", "CESTA", "Cesta de café da manhã", 18_990, parts=(("2001", 2), ("400", 1))),
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
#: All that the store sells or gives away.
SKUS: Final = (*CATALOGUE, _GIFT)


@dataclass(frozen=True, slots=True)
class LineService:
    """A service sold with a line, such as gift wrapping; `price_cents` is for one."""

    id: int
    name: str
    quantity: int
    price_cents: int


@dataclass(frozen=True, slots=True)
class CartLine:
    """One line of a cart; `discount_cents` is taken off the whole line.

    `by_tax_service` where a tax service computes the tax: of the whole line, in a price tag.
    """

    sku: Sku
    unique_id: str
    quantity: int
    discount_cents: int
    is_gift: bool = False
    service: LineService | None = None
    by_tax_service: bool = False

    @property
    def gross_cents(self) -> int:
        """What the line costs before its discount."""
        return self.sku.cents_of(self.quantity)

    @property
    def total_cents(self) -> int:
        """What the line costs, without tax, services and shipping."""
        return self.gross_cents - self.discount_cents

    @property
    def piece_tax_cents(self) -> int:
        """The tax of one piece, on top of its price."""
        return self.total_cents * self.sku.tax_percent // (100 * self.quantity)

    @property
    def tax_cents(self) -> int:
        """The line's tax, on top of its total."""
        if self.by_tax_service:
            return self.total_cents * self.sku.tax_percent // 100
        return self.piece_tax_cents * self.quantity

    @property
    def service_cents(self) -> int:
        """What its service costs."""
        return self.service.quantity * self.service.price_cents if self.service else 0

    def selling_prices(self) -> list[dict[str, int]]:
        """Split the total over the units; where it does not divide, some units cost a cent more."""
        unit, dearer = divmod(self.total_cents, self.quantity)
        prices = [{"value": unit, "quantity": self.quantity - dearer}]
        if dearer:
            prices.append({"value": unit + 1, "quantity": dearer})
        return prices


_WRAPPING: Final = LineService(1033, "Embalagem para presente", 1, 450)


def draw_lines(random: Random) -> list[CartLine]:
    """Fill a cart: one to five articles, at times one of them twice, discounted or with a gift."""
    skus = random.sample(CATALOGUE, random.choices((1, 2, 3, 5), (4, 3, 2, 1))[0])
    if random.random() < 0.25:
        skus.append(skus[0])
    lines = [_draw_line(random, sku) for sku in skus]
    if random.random() < 0.1:
        lines.append(CartLine(_GIFT, _unique_id(random), 1, _GIFT.unit_cents, is_gift=True))
    return lines


def _draw_line(random: Random, sku: Sku) -> CartLine:
    quantity = random.choices((1, 2, 3, 7), (6, 2, 1, 1))[0]
    gross = sku.cents_of(quantity)
    discount = random.randint(1, gross // 3) if random.random() < 0.4 else 0
    service = _WRAPPING if random.random() < 0.1 else None
    if service is not None:
        service = replace(service, quantity=quantity)
    by_tax_service = bool(sku.tax_percent) and random.random() < 0.3
    return CartLine(
        sku, _unique_id(random), quantity, discount, service=service, by_tax_service=by_tax_service
    )


def _unique_id(random: Random) -> str:
    return f"{random.getrandbits(128):032X}"


def item_json(line: CartLine, index: int, group: str, *, is_chain: bool = False) -> dict[str, Any]:
    """Write a line as an element of `items`.

    In a chain order the price definition follows the price (known issue 663203).
    """
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
        "price": sku.unit_cents,
        "listPrice": sku.unit_cents * 5 // 4,
        "priceTags": _price_tags(line),
        "imageUrl": f"https://images.example/ids/{sku.id}.jpg?v=635918402228600000",
        "detailUrl": f"/{sku.id}/p",
        "sellerSku": sku.id,
        "tax": 0 if line.by_tax_service else line.piece_tax_cents,
        "additionalInfo": _additional_info(),
        "measurementUnit": sku.unit,
        "unitMultiplier": sku.unit_multiplier,
        "sellingPrice": prices[0]["value"],
        "isGift": line.is_gift,
        "priceDefinition": {
            "sellingPrices": prices,
            "calculatedSellingPrice": prices[0]["value"],
            "total": line.gross_cents if is_chain else line.total_cents,
            "reason": None,
        },
        "parentItemIndex": 0 if line.is_gift and index else None,
        "costPrice": sku.unit_cents // 2,
        **_left_empty(),
        "components": [_component(*part) for part in sku.parts],
        "bundleItems": [_bundle_item(line.service)] if line.service else [],
    }


def _component(sku: str, quantity: int) -> dict[str, Any]:
    return {
        "uniqueId": f"part-{sku}",
        "id": sku,
        "sellerSku": sku,
        "refId": None,
        "name": next(part.name for part in CATALOGUE if part.id == sku),
        "quantity": quantity,
        "price": 0,
        "sellingPrice": 0,
    }


def _bundle_item(service: LineService) -> dict[str, Any]:
    return {
        "id": service.id,
        "name": service.name,
        "type": "Gift",
        "price": service.price_cents,
        "quantity": service.quantity,
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


def _price_tags(line: CartLine) -> list[dict[str, Any]]:
    rule = "2a7acc17-1eb9-4541-8ac6-2776ce9628e6"
    tags = []
    if line.discount_cents:
        tags.append((f"discount@price-{rule}#0", -line.discount_cents))
    if line.by_tax_service:
        tags.append((f"TAXHUB@price-{rule}#1", line.tax_cents))
    return [
        {
            "name": name,
            "value": cents,
            "rawValue": cents / 100,
            "isPercentual": False,
            "identifier": rule,
        }
        for name, cents in tags
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
