"""How a cart reaches its customer: `shippingData`, and what it costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from orders_sync.sandbox.goods import Line
from orders_sync.sandbox.people import Person


def draw_shipping(
    random: Random, person: Person, lines: list[Line], created_at: float
) -> tuple[dict[str, Any], int]:
    """Write `shippingData`, and say what shipping costs in cents.

    A fifth of the orders is picked up in a store, and some are partly picked up. Of some the last
    line goes to another address, and some are delivered in the hours that the customer chose.
    """
    way = random.choices(("delivery", "pickup", "mixed", "two"), (70, 20, 5, 5))[0]
    home, store, work = _home(person), _store(person), _work(person)
    is_scheduled = random.random() < 0.1
    days = random.randint(1, 12)
    due = datetime.fromtimestamp(created_at, UTC) + timedelta(days=days)
    logistics = []
    for index, line in enumerate(lines):
        pickup = way == "pickup" or (way == "mixed" and index == 0)
        price = 0 if pickup or line.is_gift else random.choice((0, 733, 1_500, 2_999))
        place = store if pickup else home
        if way == "two" and index == len(lines) - 1:
            place = work
        info = _logistics(index, line, place, price, f"{days}bd", due)
        if is_scheduled and not pickup:
            info["deliveryWindow"] = _window(due)
        logistics.append(info)
    shipping = {
        "id": "shippingData",
        "address": store if way == "pickup" else home,
        "logisticsInfo": logistics,
        "trackingHints": None,
        "selectedAddresses": {
            "delivery": [home],
            "pickup": [store],
            "mixed": [home, store],
            "two": [home, work],
        }[way],
        "contactInformation": [],
    }
    return shipping, sum(info["sellingPrice"] for info in logistics)


def _logistics(
    index: int, line: Line, place: dict[str, Any], price: int, estimate: str, due: datetime
) -> dict[str, Any]:
    offer = _offer(place, price, estimate)
    channel = offer["deliveryChannel"]
    pickup = channel == "pickup-in-point"
    sla = "Retirada" if pickup else "Normal"
    return {
        **offer,
        "itemIndex": index,
        "selectedSla": sla,
        "listPrice": price,
        "sellingPrice": price,
        "deliveryCompany": None if pickup else "Todos os CEPs",
        "shippingEstimateDate": f"{due:%Y-%m-%dT%H:%M:%S}.1020453+00:00",
        "slas": [{"id": sla, "name": sla, **offer, "pickupDistance": 0.0}],
        "shipsTo": [place["country"]],
        "deliveryIds": [
            {
                "courierId": "136769c",
                "courierName": "Correios",
                "dockId": "dock_1f95",
                "quantity": line.quantity,
                "warehouseId": "warehouse_68d7",
                "accountCarrierName": None,
                "kitItemDetails": [],
            }
        ],
        "deliveryChannels": [{"id": channel, "stockBalance": 0}],
        "addressId": place["addressId"],
        "versionId": None,
        "entityId": None,
    }


def _offer(place: dict[str, Any], price: int, estimate: str) -> dict[str, Any]:
    pickup = place["addressType"] == "pickup"
    return {
        "shippingEstimate": estimate,
        "deliveryWindow": None,
        "price": price,
        "deliveryChannel": "pickup-in-point" if pickup else "delivery",
        "pickupStoreInfo": {
            "additionalInfo": None,
            "address": place if pickup else None,
            "dockId": "dock_balcao" if pickup else None,
            "friendlyName": "Loja Centro" if pickup else None,
            "isPickupStore": pickup,
        },
        "polygonName": "",
        "lockTTL": "10d",
        "pickupPointId": "1_loja-centro" if pickup else None,
        "transitTime": "3d",
    }


def _home(person: Person) -> dict[str, Any]:
    return {
        "addressType": "residential",
        "receiverName": f"{person.first_name} {person.last_name}",
        "addressId": f"casa-{person.postal_code}",
        "versionId": None,
        "entityId": None,
        "postalCode": person.postal_code,
        "city": person.city,
        "state": person.state,
        "country": person.country.code,
        "street": person.street,
        "number": person.number,
        "neighborhood": person.neighborhood,
        "complement": person.complement,
        "reference": None,
        "geoCoordinates": [-43.3373718, -23.0105873],
    }


def _window(due: datetime) -> dict[str, Any]:
    """Write the hours of a scheduled delivery, misspelt as VTEX does."""
    start = due.replace(hour=11, minute=0, second=0, microsecond=0)
    end = start + timedelta(hours=3)
    return {
        "startDateUtc": start.isoformat(),
        "endDateUtc": end.isoformat(),
        "price": 0,
        "lisPrice": 0,
        "tax": 0,
    }


def invoice_data(person: Person) -> dict[str, Any] | None:
    """Write `invoiceData`: a company has its invoice sent to an address of its own."""
    if person.corporate_name is None:
        return None
    address = {**_work(person), "addressType": "invoice"}
    return {"address": address, "userPaymentInfo": None}


def _work(person: Person) -> dict[str, Any]:
    return {
        **_home(person),
        "addressType": "commercial",
        "addressId": f"trabalho-{person.postal_code}",
        "street": "Alameda dos Escritórios",
        "number": "77",
        "complement": None,
    }


def _store(person: Person) -> dict[str, Any]:
    return {
        **_home(person),
        "addressType": "pickup",
        "addressId": "1_loja-centro",
        "postalCode": "22250-040",
        "street": "Praça da Estação",
        "number": "300",
        "neighborhood": "Centro",
        "complement": "",
        "geoCoordinates": [],
    }
