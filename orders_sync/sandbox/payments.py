"""How an order was paid: `paymentData`."""

from __future__ import annotations

from random import Random
from typing import Any, Final

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
