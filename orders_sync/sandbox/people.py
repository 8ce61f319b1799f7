"""Customers who never were: Portuguese and Spanish names, documents, addresses."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any, Final


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
class Person:
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

    def traces(self) -> list[str]:
        """List what must never be seen outside the ledger and the ERP."""
        found = [
            f"{self.first_name} {self.last_name}",
            self.document,
            self.email,
            self.phone,
            self.street,
        ]
        others = (self.corporate_name, self.corporate_document, self.remark)
        return found + [text for text in others if text]


def draw_person(random: Random) -> Person:
    """Invent a customer."""
    country = random.choices((BRAZIL, ARGENTINA, MEXICO), (6, 2, 2))[0]
    language = country.locale[:2]
    given, family = _NAMES[language]
    city, state, neighborhood = random.choice(_PLACES[country.code])
    company = random.random() < 0.1
    last_name = random.choice(family)
    return Person(
        country=country,
        first_name=random.choice(given),
        last_name=last_name,
        document=_digits(random, 11),
        email=_alias(random),
        phone=_phone(random, country),
        street=_street(random, language),
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


def _street(random: Random, language: str) -> str:
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
