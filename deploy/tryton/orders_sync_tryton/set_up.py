"""Sets a Tryton database up for orders_sync: what is there already is let be.

It is run beside Tryton's own programs, in the same environment and with the same configuration;
see README.md beside this package.
"""

import csv
import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from trytond import admin, backend
from trytond.commandline import get_parser_admin
from trytond.pool import Pool
from trytond.transaction import Transaction, TransactionError

MODULE = "orders_sync"

#: The states of Brazil, as in ISO 3166-2:BR.
_STATES = {
    "AC": "Acre", "AL": "Alagoas", "AM": "Amazonas", "AP": "Amapá", "BA": "Bahia",
    "CE": "Ceará", "DF": "Distrito Federal", "ES": "Espírito Santo", "GO": "Goiás",
    "MA": "Maranhão", "MG": "Minas Gerais", "MS": "Mato Grosso do Sul", "MT": "Mato Grosso",
    "PA": "Pará", "PB": "Paraíba", "PE": "Pernambuco", "PI": "Piauí", "PR": "Paraná",
    "RJ": "Rio de Janeiro", "RN": "Rio Grande do Norte", "RO": "Rondônia", "RR": "Roraima",
    "RS": "Rio Grande do Sul", "SC": "Santa Catarina", "SE": "Sergipe", "SP": "São Paulo",
    "TO": "Tocantins",
}  # fmt: skip
_ADDRESS_FORMAT = """${attn}
${party_name}
${street}
${neighborhood}
${city} - ${subdivision_code}
${postal_code}
${COUNTRY}"""
_CHARGES = {
    "service": "Serviços",
    "freight": "Frete",
    "discount": "Descontos",
    "tax": "Impostos",
    "change": "Alterações",
    "other": "Outros",
    "difference": "Diferença",
}
_PEOPLE_GROUPS = (
    "sale.group_sale",
    "sale.group_sale_admin",
    "stock.group_stock",
    "stock.group_stock_force_assignment",
    "account.group_account",
)


@dataclass(frozen=True)
class Store:
    """What is to be there: a store that sells through one VTEX account, and who may log in."""

    account: str
    company: str
    login: str
    password: str
    language: str = "pt"
    product_code: str = "ref_id"
    products: Path | None = None
    clerk: str | None = None


def set_up(database, store, today):
    """Make everything that is missing, from the database's tables to the user's rights."""
    if not _has_module(database):
        asked = ["--database", database, "--update", "ir", MODULE, "--activate-dependencies"]
        options = get_parser_admin().parse_args(
            [*asked, "--language", store.language, "--password"]
        )
        options.email = ""  # Else it asks for one.
        admin.run(options)
    if database not in Pool.database_list():
        Pool(database).init()
    company = _work(database, lambda: _company(store))
    _work(database, lambda: _store(store, company, today), company=company)


def _work(database, work, **context):
    """Do something in one transaction; begin anew where Tryton wants a lock first."""
    extras = {}
    while True:
        with Transaction().start(database, 0, context=context, **extras) as transaction:
            try:
                done = work()
            except TransactionError as error:
                transaction.rollback()
                error.fix(extras)
                continue
            transaction.commit()
            return done


def _store(store, company, today):
    """Make what a company sells by, and whoever does."""
    _accounting(company, today)
    category = _category(company)
    charges = {part: _charge(part, name, category) for part, name in _CHARGES.items()}
    if store.products:
        with store.products.open(encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows):
                _product(row["code"], row["name"], row.get("unit"), row.get("type"), category)
    _vtex_account(store, company, charges)
    _user(store.login, store.password, [f"{MODULE}.group_bridge"], company)
    if store.clerk:
        _carrier(charges["freight"])
        _user("clerk", store.clerk, _PEOPLE_GROUPS, company)


def _has_module(database):
    """Return whether the module and the administrator are there; make the database if not."""
    with Transaction().start(None, 0, close=True, autocommit=True) as transaction:
        if database not in _databases(transaction):
            transaction.database.create(transaction.connection, database)
    server = backend.Database(database)
    server.connect()
    if not server.test():
        return False
    Pool(database).init()
    with Transaction().start(database, 0, readonly=True):
        is_there = _found("ir.module", [("name", "=", MODULE), ("state", "=", "activated")])
        administrator = _found("res.user", [("login", "=", "admin")])
        return bool(is_there and administrator and administrator.password_hash)


def _databases(transaction):
    """Return the names of all databases, also of those that are none of Tryton's."""
    if backend.name == "sqlite":
        return transaction.database.list()
    cursor = transaction.connection.cursor()
    cursor.execute("SELECT datname FROM pg_database")
    return [name for (name,) in cursor.fetchall()]


def _found(model, domain):
    rows = Pool().get(model).search(domain, order=[("id", "ASC")], limit=1)
    return rows[0] if rows else None


def _made(model, **values):
    return Pool().get(model).create([values])[0]


def _ref(name):
    module, xml_id = name.split(".")
    return Pool().get("ir.model.data").get_id(module, xml_id)


def _company(store):
    """Return the id of the company, with its currency, and the country of its customers."""
    country = _found("country.country", [("code", "=", "BR")])
    if country is None:
        country = _made(
            "country.country", name="Brazil", code="BR", code3="BRA", code_numeric="076"
        )
        for code, name in _STATES.items():
            _made(
                "country.subdivision",
                name=name,
                code=f"BR-{code}",
                type="state",
                country=country.id,
            )
    if _found("party.address.format", [("country_code", "=", "BR")]) is None:
        _made("party.address.format", country_code="BR", format_=_ADDRESS_FORMAT)
    currency = _currency("BRL", "986", "Real", "R$")
    if store.clerk:
        _currency("ARS", "032", "Peso argentino", "AR$")
        _currency("MXN", "484", "Peso mexicano", "MX$")
    company = _found("company.company", [("party.name", "=", store.company)])
    if company is None:
        party = _made("party.party", name=store.company)
        company = _made(
            "company.company",
            party=party.id,
            currency=currency.id,
            timezone="America/Sao_Paulo",
        )
    return company.id


def _currency(code, number, name, symbol):
    """Return a currency of two digits; one that is made has a rate to be mended by people."""
    currency = _found("currency.currency", [("code", "=", code)])
    if currency is None:
        rate = {"date": dt.date(2000, 1, 1), "rate": Decimal(1)}
        currency = _made(
            "currency.currency",
            name=name,
            symbol=symbol,
            code=code,
            numeric_code=number,
            rounding=Decimal("0.01"),
            digits=2,
            rates=[("create", [rate])],
        )
    return currency


def _accounting(company_id, today):
    """Make the chart of accounts and this year's and the next year's fiscal year."""
    pool = Pool()
    company = pool.get("company.company")(company_id)
    if _found("account.account", [("company", "=", company_id)]) is None:
        _chart(company)
    for year in (today.year, today.year + 1):
        start = dt.date(year, 1, 1)
        is_of_year = [("company", "=", company_id), ("start_date", "=", start)]
        if _found("account.fiscalyear", is_of_year) is None:
            _fiscal_year(company_id, year)


def _chart(company):
    """Make Tryton's universal chart of accounts, and say which accounts are for what."""
    Create = Pool().get("account.create_chart", type="wizard")
    session, _, _ = Create.create()
    wizard = Create(session)
    template = Pool().get("account.account.template")(_ref("account.account_template_root_en"))
    wizard.account.account_template = template
    wizard.account.company = company
    wizard.transition_create_account()
    for field, kind in (
        ("account_receivable", "receivable"),
        ("account_payable", "payable"),
        ("category_account_revenue", "revenue"),
        ("category_account_expense", "expense"),
    ):
        setattr(wizard.properties, field, _account(kind, company.id))
    wizard.properties.company = company
    wizard.transition_create_properties()


def _account(kind, company):
    """Return the first account of a kind that can be booked on."""
    domain = [(f"type.{kind}", "=", True), ("company", "=", company), ("closed", "!=", True)]
    if kind in {"receivable", "payable"}:
        domain.append(("party_required", "=", True))
    return _found("account.account", domain)


def _fiscal_year(company, year):
    def sequence(kind):
        types = Pool().get("ir.sequence.type").search([("name", "=", kind)], limit=1)
        name = f"{kind} {year}"
        return _made("ir.sequence.strict", name=name, sequence_type=types[0].id, company=company).id

    invoices = sequence("Invoice")
    names = ("in_invoice", "in_credit_note", "out_invoice", "out_credit_note")
    sequences = {f"{name}_sequence": invoices for name in names}
    fiscal_year = _made(
        "account.fiscalyear",
        name=str(year),
        start_date=dt.date(year, 1, 1),
        end_date=dt.date(year, 12, 31),
        company=company,
        move_sequence=sequence("Account Move"),
        invoice_sequences=[("create", [{**sequences, "company": company}])],
    )
    Pool().get("account.fiscalyear").create_period([fiscal_year])


def _category(company):
    """Return the id of the category of products whose revenue is the store's."""
    category = _found("product.category", [("name", "=", "VTEX"), ("accounting", "=", True)])
    if category is None:
        category = _made(
            "product.category",
            name="VTEX",
            accounting=True,
            account_revenue=_account("revenue", company).id,
            account_expense=_account("expense", company).id,
        )
    return category.id


def _charge(part, name, category):
    return _product(f"VTEX-{part.upper()}", name, None, "service", category)


def _product(code, name, unit, kind, category):
    """Return the id of the product of a code; `unit` is the symbol of a unit, a piece if None."""
    product = _found("product.product", [("code", "=", code)])
    if product is None:
        unit = _found("product.uom", [("symbol", "=", unit)]) if unit else None
        template = _made(
            "product.template",
            name=name,
            type=kind or "goods",
            default_uom=unit.id if unit else _ref("product.uom_unit"),
            list_price=Decimal(0),
            salable=True,
            sale_uom=unit.id if unit else _ref("product.uom_unit"),
            account_category=category,
            products=[("create", [{"suffix_code": code}])],
        )
        product = template.products[0]
    return product.id


def _carrier(product):
    """Make a carrier, without which no shipment is packed unasked."""
    if _found("carrier", []) is None:
        party = _made("party.party", name="Transportadora Ipê")
        _made("carrier", party=party.id, carrier_product=product)


def _vtex_account(store, company, charges):
    if _found("orders_sync.account", [("name", "=", store.account)]) is None:
        company = Pool().get("company.company")(company)
        warehouse = _found("stock.location", [("type", "=", "warehouse")])
        _made(
            "orders_sync.account",
            name=store.account,
            company=company.id,
            currency=company.currency.id,
            warehouse=warehouse.id,
            product_code=store.product_code,
            **{f"{part}_product": product for part, product in charges.items()},
        )


def _user(login, password, groups, company):
    """Make a user with no more rights than those of groups, or give it the password."""
    user = _found("res.user", [("login", "=", login)])
    if user is not None:
        Pool().get("res.user").write([user], {"password": password})
        return
    _made(
        "res.user",
        name=login,
        login=login,
        password=password,
        companies=[("add", [company])],
        company=company,
        groups=[("add", [_ref(group) for group in groups])],
    )
