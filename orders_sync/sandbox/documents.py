"""An order's document, in the shape and the arithmetic of VTEX's Get order.

https://developers.vtex.com/docs/api-reference/orders-api#get-/api/oms/pvt/orders/-orderId-
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from orders_sync.sandbox.goods import CartLine, draw_lines, item_json
from orders_sync.sandbox.people import Shopper, draw_person, draw_shipping, invoice_data
from orders_sync.sandbox.wire import offset_text, to_json, to_ticks


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


#: group: (paymentSystem, paymentSystemName)
_KINDS: Final = {
    "creditCard": (("2", "Visa"), ("4", "Mastercard")),
    "debitCard": (("44", "Maestro"),),
    "bankInvoice": (("6", "Boleto Bancário"),),
    "instantPayment": (("125", "Pix"),),
    "promissory": (("201", "Dinheiro na entrega"),),
    "giftCard": (("16", "Vale"),),
}


def draw_payments(
    random: Random, account: str, value: int, *, is_elsewhere: bool = False
) -> dict[str, Any]:
    """Write `paymentData`, whose payments add up to `value` cents.

    Of an order that was sold elsewhere, the marketplace took the money, and VTEX says so in one of
    two ways.
    """
    if is_elsewhere:
        return _from_affiliate(random, account, value)
    group = random.choices(tuple(_KINDS), (40, 10, 10, 30, 5, 5))[0]
    if group == "giftCard" and value > 1:
        part = random.randint(1, value - 1)
        payments = [
            _payment(random, "giftCard", part),
            _payment(random, "creditCard", value - part),
        ]
    else:
        payments = [_payment(random, group, value)]
    transaction = {
        "isActive": True,
        "transactionId": f"{random.getrandbits(128):032X}",
        "merchantName": account.upper(),
        "payments": payments,
    }
    return {"transactions": [transaction], "giftCards": []}


def _from_affiliate(random: Random, account: str, value: int) -> dict[str, Any]:
    is_native = random.random() < 0.5
    payment = _payment(random, "promissory", value)
    if is_native:
        authorization = f"{random.randrange(10**8):08}"
        payment["connectorResponses"] = {"authId": authorization, "acquirerCnpj": "00000000000191"}
    payment |= {"paymentSystem": "0" if is_native else "201"}
    payment |= {"paymentSystemName": "Visa" if is_native else "Assumed value by affiliate"}
    transaction = {
        "isActive": True,
        "transactionId": "PAYMENT-FROM-AFFILIATE" if is_native else None,
        "merchantName": account.upper(),
        "payments": [payment],
    }
    return {"transactions": [transaction], "giftCards": []}


def payment_names(data: dict[str, Any]) -> str:
    """List the names of the payment systems, as a row of List orders does."""
    payments = data["transactions"][0]["payments"]
    return ",".join(payment["paymentSystemName"] for payment in payments)


def _payment(random: Random, group: str, value: int) -> dict[str, Any]:
    system, name = random.choice(_KINDS[group])
    card = group in {"creditCard", "debitCard"}
    tid = str(random.randrange(10**8))
    return {
        "id": f"{random.getrandbits(128):032X}",
        "paymentSystem": system,
        "paymentSystemName": name,
        "value": value,
        "installments": random.randint(1, 12) if group == "creditCard" else 1,
        "referenceValue": value,
        "cardHolder": None,
        "cardNumber": None,
        "firstDigits": "444433" if card else None,
        "lastDigits": "1111" if card else None,
        "cvv2": None,
        "expireMonth": None,
        "expireYear": None,
        "url": None,
        "giftCardId": "796" if group == "giftCard" else None,
        "giftCardName": None,
        "giftCardCaption": None,
        "redemptionCode": None,
        "group": group,
        "tid": tid if card else None,
        "dueDate": None,
        "connectorResponses": {"Tid": tid, "ReturnCode": "200", "Message": None} if card else {},
        "giftCardProvider": None,
        "giftCardAsDiscount": None,
        "koinUrl": None,
        "accountId": None,
        "parentAccountId": None,
        "bankIssuedInvoiceIdentificationNumber": None,
        "bankIssuedInvoiceIdentificationNumberFormatted": None,
        "bankIssuedInvoiceBarCodeNumber": None,
        "bankIssuedInvoiceBarCodeType": None,
        "billingAddress": None,
        "paymentOrigin": None,
    }


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
    lines: tuple[CartLine, ...]
    person: Shopper
    fields: bytes
    lingering: tuple[CartLine, ...] = ()
    sold: tuple[CartLine, ...] = ()
    manual_cents: int = 0
    shipping_cents: int = 0
    other_cents: int = 0

    @property
    def shown_lines(self) -> tuple[CartLine, ...]:
        """The lines that `items` shows, in its order."""
        return self.sold or (*self.lines, *self.lingering)

    @property
    def placed_lines(self) -> tuple[CartLine, ...]:
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


def totals_json(lines: Sequence[CartLine], shipping_cents: int) -> list[dict[str, Any]]:
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


def _identity(ids: OrderIds, account: str, person: Shopper, created: str) -> dict[str, Any]:
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


def _profile(random: Random, person: Shopper) -> dict[str, Any]:
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


def _rest(account: str, person: Shopper) -> dict[str, Any]:
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
