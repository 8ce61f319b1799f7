"""Customers who never were, and how a cart reaches them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from orders_sync.sandbox.goods import CartLine


@dataclass(frozen=True, slots=True)
class Country:
    """Where a customer buys, and what VTEX says about the store there."""

    code: str
    currency: str
    symbol: str
    locale: str
    time_zone: str
    sales_channel: str
    document_type: str
    phone_prefix: str


BRAZIL: Final = Country(
    "BRA", "BRL", "R$", "pt-BR", "E. South America Standard Time", "1", "cpf", "+5511"
)
ARGENTINA: Final = Country(
    "ARG", "ARS", "$", "es-AR", "Argentina Standard Time", "2", "dni", "+5411"
)
MEXICO: Final = Country(
    "MEX", "MXN", "$", "es-MX", "Central Standard Time (Mexico)", "3", "rfc", "+5255"
)

_NAMES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "pt": (
        ("Conceição", "João", "Inês", "Antônio", "Luíza", "Zé", "Vitória", "Caetano", "Iara",
         "Thaís", "Estêvão", "Jussara", "Otávio", "Graça", "Ubirajara", "Ângela"),
        ("Gonçalves d'Ávila", "Araújo Simões", "Brandão", "Assunção", "Magalhães", "Falcão Neto",
         "Cavalcânti", "Sant'Anna", "Guimarães", "Leitão", "Bragança", "Muniz de Aragão"),
    ),
    "es": (
        ("Íñigo", "María José", "Begoña", "Ramón", "Lucía", "Nicolás", "Guadalupe", "Joaquín",
         "Ximena", "Andrés", "Itzel", "Álvaro", "Facundo", "Soledad", "Martín", "Úrsula"),
        ("Núñez", "Peña Ibáñez", "Güemes", "Echeverría", "Ordóñez", "Zúñiga", "Yáñez", "Muñoz",
         "Villafañe", "de la Cruz", "Saldívar", "Ibargüengoitia"),
    ),
}  # fmt: skip

_PLACES: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "BRA": (
        ("São Paulo", "SP", "Itaim Bibi"),
        ("Rio de Janeiro", "RJ", "Botafogo"),
        ("Florianópolis", "SC", "Trindade"),
        ("Maceió", "AL", "Pajuçara"),
    ),
    "ARG": (
        ("Buenos Aires", "CABA", "Palermo"),
        ("Córdoba", "Córdoba", "Nueva Córdoba"),
        ("San Miguel de Tucumán", "Tucumán", "Barrio Norte"),
    ),
    "MEX": (
        ("Ciudad de México", "CDMX", "Coyoacán"),
        ("Mérida", "Yucatán", "Itzimná"),
        ("San Luis Potosí", "San Luis Potosí", "Tangamanga"),
    ),
}


@dataclass(frozen=True, slots=True)
class Shopper:
    """One customer; every field could be searched for in a log."""

    country: Country
    first_name: str
    last_name: str
    document: str
    email: str
    phone: str
    street: str
    number: str
    complement: str | None
    neighborhood: str
    city: str
    state: str
    postal_code: str
    corporate_name: str | None
    corporate_document: str | None
    trade_name: str | None = None
    state_inscription: str | None = None
    remark: str | None = None
    custom_data: dict[str, Any] | None = None
    former_streets: tuple[str, ...] = ()

    def traces(self) -> list[str]:
        """List what must never be seen outside the ledger and the ERP."""
        texts = [
            f"{self.first_name} {self.last_name}",
            self.document,
            self.email,
            self.phone,
            self.street,
            *self.former_streets,
        ]
        others = (self.corporate_name, self.corporate_document, self.remark)
        return texts + [text for text in others if text]


def draw_person(random: Random) -> Shopper:
    """Invent a customer."""
    country = random.choices((BRAZIL, ARGENTINA, MEXICO), (6, 2, 2))[0]
    language = country.locale[:2]
    given, family = _NAMES[language]
    city, state, neighborhood = random.choice(_PLACES[country.code])
    company = random.random() < 0.1
    last_name = random.choice(family)
    return Shopper(
        country=country,
        first_name=random.choice(given),
        last_name=last_name,
        document=_digits(random, 11),
        email=_alias(random),
        phone=_phone(random, country),
        street=draw_street(random, country),
        number=str(random.randint(1, 9999)),
        complement=random.choice(_COMPLEMENTS),
        neighborhood=neighborhood,
        city=city,
        state=state,
        postal_code=_digits(random, 8) if country is BRAZIL else _digits(random, 5),
        corporate_name=f"Comercial {last_name} {_digits(random, 4)} Ltda" if company else None,
        corporate_document=_digits(random, 14) if company else None,
        trade_name=f"{last_name} & Cia" if company else None,
        state_inscription=random.choice(("Isento", _digits(random, 9))) if company else None,
        remark=f"Entregar na portaria {_digits(random, 9)}" if random.random() < 0.1 else None,
        custom_data=_custom_data(random) if random.random() < 0.1 else None,
    )


#: VTEX takes any text, also one with a NUL or with half a surrogate pair.
_COMPLEMENTS: Final = (
    None, "10", "Apto 31 - Bloco B", "2º piso", "fundos", "casa\x002", "torre \ud83c",
)  # fmt: skip


def _phone(random: Random, country: Country) -> str:
    phone = country.phone_prefix + "9" + _digits(random, 8)
    # VTEX validates no phone (known issue 680500).
    return phone + "0" * 400 if random.random() < 0.03 else phone


def _custom_data(random: Random) -> dict[str, Any]:
    fields = {"costCenter": _digits(random, 4)}
    return {"customApps": [{"id": "erp", "major": 1, "fields": fields}], "customFields": []}


def draw_street(random: Random, country: Country) -> str:
    """Invent a street, named after somebody."""
    language = country.locale[:2]
    given, family = _NAMES[language]
    kind = random.choice(("Rua", "Avenida") if language == "pt" else ("Calle", "Avenida"))
    return f"{kind} {random.choice(given)} {random.choice(family)}"


def _alias(random: Random) -> str:
    # VTEX masks the shopper's address, one alias an order:
    # https://help.vtex.com/en/tutorial/how-the-communication-with-the-client-works--tutorials_195
    token = f"{random.getrandbits(128):032x}"
    if random.random() < 0.8:
        return f"{token}@ct.vtex.com.br"
    return f"cliente{token[:6]}@correio.example-{token[6:19]}.ct.vtex.com.br"


def _digits(random: Random, count: int) -> str:
    return f"{random.randrange(10**count):0{count}}"


def draw_shipping(
    random: Random, person: Shopper, lines: list[CartLine], created_at: float
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
    index: int, line: CartLine, place: dict[str, Any], price: int, estimate: str, due: datetime
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


def _home(person: Shopper) -> dict[str, Any]:
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


def invoice_data(person: Shopper) -> dict[str, Any] | None:
    """Write `invoiceData`: a company has its invoice sent to an address of its own."""
    if person.corporate_name is None:
        return None
    address = {**_work(person), "addressType": "invoice"}
    return {"address": address, "userPaymentInfo": None}


def _work(person: Shopper) -> dict[str, Any]:
    return {
        **_home(person),
        "addressType": "commercial",
        "addressId": f"trabalho-{person.postal_code}",
        "street": "Alameda dos Escritórios",
        "number": "77",
        "complement": None,
    }


def _store(person: Shopper) -> dict[str, Any]:
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
