"""An order's document, in the shape and the arithmetic of VTEX's Get order.

https://developers.vtex.com/docs/api-reference/orders-api#get-/api/oms/pvt/orders/-orderId-
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from orders_sync.sandbox.goods import Line, draw_lines, item_json
from orders_sync.sandbox.order_ids import OrderIds
from orders_sync.sandbox.payments import draw_payments, payment_names
from orders_sync.sandbox.people import Person, draw_person
from orders_sync.sandbox.shipping import draw_shipping, invoice_data
from orders_sync.sandbox.timestamps import offset_text, to_ticks
from orders_sync.sandbox.wire import to_json


@dataclass(frozen=True, slots=True)
class Document:
    """What of an order does not change with its status, only with a change of the order.

    `lingering` are lines that a change has removed and that still show, `sold` those that `items`
    shows where changes leave it as it was sold. `manual_cents` is what changes put on beside the
    lines, and `shipping_cents` and `other_cents` are what was sold beside them. `fields` is JSON
    text: the members of the document without the braces, so that those of the status can be put
    before them and nothing is serialised twice.
    """

    ids: OrderIds
    value_cents: int
    currency: str
    payment_names: str
    lines: tuple[Line, ...]
    person: Person
    fields: bytes
    lingering: tuple[Line, ...] = ()
    sold: tuple[Line, ...] = ()
    manual_cents: int = 0
    shipping_cents: int = 0
    other_cents: int = 0

    @property
    def shown_lines(self) -> tuple[Line, ...]:
        """The lines that `items` shows, in its order."""
        return self.sold or (*self.lines, *self.lingering)

    @property
    def placed_lines(self) -> tuple[Line, ...]:
        """The lines by their places: those that a change added come last."""
        if not self.sold:
            return self.lines
        shown = {line.unique_id for line in self.sold}
        return (*self.sold, *(line for line in self.lines if line.unique_id not in shown))


def draw_document(random: Random, ids: OrderIds, account: str, created_at: float) -> Document:
    """Invent an order: a customer, a cart, its shipping and its payment."""
    person = draw_person(random)
    lines = draw_lines(random)
    shipping, shipping_cents = draw_shipping(random, person, lines, created_at)
    is_chain = ids.origin == "Chain"
    totals = totals_json(lines, shipping_cents)
    totals += _of_marketplace(random, ids, totals)
    # A marketplace's order may differ from its totals by right.
    differs = bool(ids.affiliate_id) and random.random() < 0.1
    value = sum(total["value"] for total in totals) - (random.randint(2, 99) if differs else 0)
    payments = draw_payments(random, account, value, is_elsewhere=bool(ids.affiliate_id))
    items = [
        item_json(line, index, ids.order_group, is_chain=is_chain)
        for index, line in enumerate(lines)
    ]
    if random.random() < 0.05:
        items = [_spelt_otherwise(item) for item in items]
    data = {
        **_identity(ids, account, person, offset_text(to_ticks(created_at))),
        "value": value,
        "totals": totals,
        "items": items,
        "clientProfileData": _profile(random, person),
        "paymentData": payments,
        "shippingData": shipping,
        **_rest(account, person),
    }
    return Document(
        ids=ids,
        value_cents=value,
        currency=person.country.currency,
        payment_names=payment_names(payments),
        lines=tuple(lines),
        person=person,
        shipping_cents=shipping_cents,
        other_cents=value - sum(total["value"] for total in totals[:4]),
        fields=to_json(data)[1:-1],
    )


def totals_json(lines: Sequence[Line], shipping_cents: int) -> list[dict[str, Any]]:
    """Write `totals`, whose values add up to the order's."""
    sums = (
        ("Items", "Total dos Itens", sum(line.gross_cents + line.service_cents for line in lines)),
        ("Discounts", "Total dos Descontos", -sum(line.discount_cents for line in lines)),
        ("Shipping", "Total do Frete", shipping_cents),
        ("Tax", "Total da Taxa", sum(line.tax_cents for line in lines)),
    )
    return [{"id": key, "name": name, "value": value} for key, name, value in sums]


def _of_marketplace(
    random: Random, ids: OrderIds, totals: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Write what a marketplace takes off by itself."""
    if not ids.affiliate_id or random.random() < 0.6:
        return []
    cents = random.randint(1, totals[0]["value"] // 20 + 1)
    return [{"id": "DiscountMarketplace", "name": "Desconto", "value": -cents}]


def _spelt_otherwise(item: dict[str, Any]) -> dict[str, Any]:
    """Spell numbers as VTEX sometimes does: as text, or not at all where they are nothing."""
    texts = {name: str(item[name]) for name in ("quantity", "price", "listPrice", "sellingPrice")}
    return {**item, **texts, "tax": item["tax"] or None}


def _identity(ids: OrderIds, account: str, person: Person, created: str) -> dict[str, Any]:
    return {
        "orderId": ids.order_id,
        "sequence": ids.sequence,
        "marketplaceOrderId": ids.marketplace_order_id,
        "marketplaceServicesEndpoint": f"http://oms.vtexinternal.com.br/api/oms?an={account}",
        "sellerOrderId": ids.seller_order_id,
        "origin": ids.origin,
        "affiliateId": ids.affiliate_id,
        "salesChannel": person.country.sales_channel,
        "merchantName": None,
        "creationDate": created,
        "orderGroup": ids.order_group,
        "followUpEmail": person.email,
        "hostname": account,
        "roundingError": 0,
        "isCheckedIn": False,
    }


def _profile(random: Random, person: Person) -> dict[str, Any]:
    company = person.corporate_name is not None
    return {
        "id": "clientProfileData",
        "email": person.email,
        "firstName": person.first_name,
        "lastName": person.last_name,
        "documentType": person.country.document_type,
        "document": person.document,
        "phone": person.phone,
        "corporateName": person.corporate_name,
        "tradeName": person.trade_name,
        "corporateDocument": person.corporate_document,
        "stateInscription": person.state_inscription,
        "corporatePhone": person.phone if company else None,
        "isCorporate": company,
        "userProfileId": f"{random.getrandbits(128):032x}",
        "userProfileVersion": None,
        "customerClass": None,
        "customerCode": None,
    }


def _rest(account: str, person: Person) -> dict[str, Any]:
    country = person.country
    return {
        "orderFormId": "33c887b2bf494a188a0aacc6b0d724bf",
        "checkedInPickupPointId": None,
        "sellers": [{"id": "1", "name": account, "logo": "", "fulfillmentEndpoint": None}],
        "clientPreferencesData": {"locale": country.locale, "optinNewsLetter": False},
        "taxData": None,
        "subscriptionData": None,
        "itemMetadata": {"Items": []},
        "marketplace": {"baseURL": "", "isCertified": None, "name": account},
        "storePreferencesData": {
            "countryCode": country.code,
            "currencyCode": country.currency,
            "currencyFormatInfo": {
                "CurrencyDecimalDigits": 2,
                "CurrencyDecimalSeparator": ",",
                "CurrencyGroupSeparator": ".",
                "CurrencyGroupSize": 3,
                "StartsWithCurrencySymbol": True,
            },
            "currencyLocale": 1046,
            "currencySymbol": country.symbol,
            "timeZone": country.time_zone,
        },
        "customData": person.custom_data,
        "commercialConditionData": None,
        "openTextField": {"value": person.remark} if person.remark else None,
        "invoiceData": invoice_data(person),
        "changesAttachment": None,
        "callCenterOperatorData": None,
        "ratesAndBenefitsData": {"id": "ratesAndBenefitsData", "rateAndBenefitsIdentifiers": []},
        "marketingData": None,
        "giftRegistryData": None,
        "marketplaceItems": [],
        "authorizationPolicyData": [],
    }
