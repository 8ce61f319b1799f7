"""Customers by their documents, and their addresses: each once, whoever comes first.

A party has no key of its own in Tryton. So the key stands in a table beside it, and the database
decides which of two transactions makes the party; the other one is begun anew by Tryton itself
(see `unique`), and finds it.
"""

import hashlib
import json
from contextlib import contextmanager

from stdnum import get_cc_module
from trytond import backend
from trytond.model import Index, ModelSQL, Unique, fields
from trytond.model.exceptions import SQLConstraintError
from trytond.pool import Pool, PoolMeta

_ADDRESS_FIELDS = (
    "party_name",
    "street_name",
    "building_number",
    "unit_number",
    "neighborhood",
    "landmark",
    "postal_code",
    "city",
    "country",
    "state",
)


@contextmanager
def unique():
    """Have a transaction that meets another one's new key begun anew.

    Tryton's dispatcher does that for what `backend` calls an operational error, five times, which
    is its own way with transactions that cannot be serialized.
    """
    try:
        yield
    except SQLConstraintError as error:
        raise backend.DatabaseOperationalError("another transaction has the key") from error


class Customer(ModelSQL):
    """The party of a document, such as a CPF."""

    __name__ = "orders_sync.customer"

    key = fields.Char("Key", required=True)
    party = fields.Many2One("party.party", "Party", required=True, ondelete="CASCADE")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints.append(
            ("key_unique", Unique(table, table.key), "orders_sync.msg_key_unique")
        )

    @classmethod
    def party_of(cls, facts):
        """Return the party of a customer's document; make it where there is none.

        One that people made by hand is known by its identifier.
        """
        rows = cls.search([("key", "=", facts["key"])])
        if rows:
            return rows[0].party
        party = _known_by_identifier(facts["code"]) or _new_party(facts)
        with unique():
            cls.create([{"key": facts["key"], "party": party.id}])
        return party


class CustomerAddress(ModelSQL):
    """The address of a party with certain words."""

    __name__ = "orders_sync.customer.address"

    key = fields.Char("Key", required=True)
    address = fields.Many2One("party.address", "Address", required=True, ondelete="CASCADE")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints.append(
            ("key_unique", Unique(table, table.key), "orders_sync.msg_key_unique")
        )

    @classmethod
    def address_of(cls, party, facts):
        """Return the party's address with these words; make it where there is none.

        One that people mended or put away is let be: the words of the next order make a new one.
        """
        words = [facts.get(name) for name in _ADDRESS_FIELDS]
        key = hashlib.sha256(json.dumps([party.id, *words]).encode()).hexdigest()
        rows = cls.search([("key", "=", key)])
        if rows and rows[0].address.active:
            return rows[0].address
        address = _new_address(party, facts)
        if rows:
            cls.write(rows, {"address": address.id})
        else:
            with unique():
                cls.create([{"key": key, "address": address.id}])
        return address


class Address(metaclass=PoolMeta):
    """An address has what a Brazilian one has."""

    __name__ = "party.address"

    neighborhood = fields.Char("Neighborhood")
    landmark = fields.Char("Landmark", help="What the address is beside of, for the carrier.")

    def _get_address_substitutions(self):
        substitutions = super()._get_address_substitutions()
        for name in ("neighborhood", "landmark"):
            words = getattr(self, name, None) or ""
            substitutions[name] = words
            substitutions[name.upper()] = words.upper()
        return substitutions


class Identifier(metaclass=PoolMeta):
    """An identifier is found by its code, however many there are."""

    __name__ = "party.identifier"

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.add(Index(table, (table.code_compact, Index.Equality())))


class Replace(metaclass=PoolMeta):
    """Whoever merges two parties takes the keys along."""

    __name__ = "party.replace"

    @classmethod
    def fields_to_replace(cls):
        """Return the fields that name a party."""
        return [*super().fields_to_replace(), ("orders_sync.customer", "party")]


def _known_by_identifier(code):
    if not code:
        return None
    Identifier = Pool().get("party.identifier")
    rows = Identifier.search([("code_compact", "=", code)], order=[("id", "ASC")], limit=1)
    return rows[0].party if rows else None


def _new_party(facts):
    pool = Pool()
    Party, Lang = pool.get("party.party"), pool.get("ir.lang")
    party = {"name": facts["name"], "addresses": None}
    languages = Lang.search([("code", "=", "pt"), ("translatable", "=", True)])
    if languages:
        party["lang"] = languages[0].id
    if facts["code"]:
        identifier = {"code": facts["code"], "type": _valid_type(facts)}
        party["identifiers"] = [("create", [identifier])]
    return Party.create([party])[0]


def _valid_type(facts):
    """Return the identifier's type where Tryton would take the code for one of it, else None."""
    kind = facts["type"]
    Identifier = Pool().get("party.identifier")
    if not kind or kind not in dict(Identifier.get_types()):
        return None
    return kind if get_cc_module(*kind.split("_", 1)).is_valid(facts["code"]) else None


def _new_address(party, facts):
    pool = Pool()
    Country, Subdivision = pool.get("country.country"), pool.get("country.subdivision")
    values = {name: facts.get(name) for name in _ADDRESS_FIELDS if name not in {"country", "state"}}
    countries = Country.search([("code3", "=", facts.get("country") or "")])
    if countries:
        values["country"] = countries[0].id
        code = f"{countries[0].code}-{facts.get('state')}"
        places = Subdivision.search([("country", "=", countries[0].id), ("code", "=", code)])
        if places:
            values["subdivision"] = places[0].id
    return pool.get("party.address").create([{**values, "party": party.id}])[0]
