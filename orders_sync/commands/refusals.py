"""What a person can do about VTEX's own refusals, by VTEX's code.

VTEX publishes no list for the OMS; these are from its guides and known issues.
https://developers.vtex.com/docs/guides/order-modifications
"""

from __future__ import annotations

import re
from typing import Final

_CODE: Final = re.compile(r"\b(?:[A-Z]{3}\d{3,5}|SalesOrderSystem\d{3})\b")

_HINTS: Final = {
    "OMS003": "The order left the status that the call needs. Retry: it is read again first.",
    "OMS007": "VTEX has no such order in this account. Check the order id and the account.",
    "ORD039": "The order takes no invoice in its status. Retry once it is in handling.",
    "FMT001": "A field is not what VTEX takes. Correct the command: orders-sync parked edit.",
    "CHK0202": "VTEX cancels no order in this status. If it is invoiced, take the goods back with "
    "an Input invoice; else retry once its status has changed.",
    "CHK0022": "VTEX does not know an item. Name the order's own lines or SKUs: parked edit.",
    "CHK0034": "The change is worth more than the order. Lower it: orders-sync parked edit.",
    "CHK0095": "Orders of a chain of sellers take no change. Ask the selling account for it.",
    "CHK0124": "VTEX takes no such change for this order, or the account has changes switched off "
    "(Order settings in VTEX's Admin). Switch them on, or discard the command.",
    "CHK0196": "The order has no such payment. Look at its transaction in VTEX's Admin.",
    "CHK00342": "The payment does not allow a higher total. Make a new order for what is added.",
    "SalesOrderSystem010": "VTEX has no such item to sell. Check the SKU: orders-sync parked edit.",
    "SalesOrderSystem011": "VTEX finds less of an item than is removed. Correct the quantity.",
    "SalesOrderSystem015": "The order was changed by VTEX's legacy API and takes no other change. "
    "Set ORDERS_SYNC_CHANGE_API=v1 if the account still has it, or discard the command.",
    "SalesOrderSystem026": "The quantity is none that VTEX takes. Correct it: parked edit.",
    "SalesOrderSystem029": "An order with several addresses takes no new product. Order it anew.",
    "SalesOrderSystem046": "The item is invoiced already. Take it back with an Input invoice.",
    "SalesOrderSystem055": "VTEX refuses the price. Correct price_cents: orders-sync parked edit.",
}


def hint_for(code: str, message: str, otherwise: str) -> str:
    """Find what helps against a refusal, by its code or by one that its message names."""
    for found in (code, *_CODE.findall(message)):
        if found in _HINTS:
            return _HINTS[found]
    return otherwise
