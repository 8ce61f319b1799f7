"""The desk speaks three languages, whole: its pages, and what the ledger keeps in English."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from support.busy_desk import BusyDesk
from support.desk_site import Desk
from support.fulfilments import NOTHING_KNOWN, ORDER
from support.kept_texts import kept
from support.messages import messages
from support.office import ORDER as ORDER_ID
from support.office import STORE, Office
from support.parking import parked_invoice

from orders_sync.backoffice.order_report import Situation
from orders_sync.commands import KINDS
from orders_sync.commands.cancel import CONFIRMATION, REQUEST
from orders_sync.commands.invoice import InvoiceBody, judge_invoice
from orders_sync.commands.verdicts import NotAllowed
from orders_sync.domain.amounts import Reason
from orders_sync.domain.rules import Action, Progress, Standing
from orders_sync.domain.steps import Step
from orders_sync.erp.base import CancelAnswer, ChangeAnswer, Verdict
from orders_sync.gateway.desk import names
from orders_sync.gateway.desk.words import KEPT, NUMBERS, load_languages, preferred, read_catalogue
from orders_sync.gateway.rights import SCOPES
from orders_sync.outbound.accept import Source

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LANGUAGES = load_languages()


@pytest.mark.parametrize("language", ["pt", "es"])
def test_every_text_is_translated_and_no_other(language: str) -> None:
    translated = {
        (message.context, message.id): message.string
        for message in read_catalogue(language)
        if message.id
    }

    assert set(translated) == messages()
    assert [key for key, said in translated.items() if not all(_forms(said))] == []


@pytest.mark.parametrize("language", ["en", "pt", "es"])
def test_a_translation_fills_in_what_its_source_does(language: str) -> None:
    place = re.compile(r"%\(\w+\)s|\{\w+\}")

    for message in read_catalogue(language):
        sources, targets = _forms(message.id), _forms(message.string)
        if message.id and message.context not in KEPT:
            assert [set(place.findall(each)) for each in sources] == [
                set(place.findall(each)) for each in targets
            ]
        elif message.id:
            assert set(place.findall(targets[0])) <= set(place.findall(sources[0]))


def _forms(texts: Any) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)


def test_what_english_words_otherwise_is_a_text_of_ours() -> None:
    reworded = {(message.context, message.id) for message in read_catalogue("en") if message.id}

    assert reworded <= messages()


def test_every_code_has_a_name() -> None:
    causes = {cause for cause in kept("cause") if "{" not in cause}

    assert causes == set(names.CAUSES)
    assert {kind.name for kind in KINDS} == set(names.KINDS)
    assert set(Standing) == set(names.STANDINGS)
    assert set(Step) == set(names.STEPS)
    assert set(Situation) == set(names.SITUATIONS)
    assert set(SCOPES) == set(names.SCOPES)
    assert set(Action) == set(names.ACTIONS)
    assert set(Progress) == set(names.PROGRESS)
    assert set(Reason) == set(names.DIFFERENCES)
    assert set(get_args(Source)) == set(names.SOURCES)
    assert {*CancelAnswer, *ChangeAnswer, *Verdict} == set(names.ANSWERS)
    assert {REQUEST, CONFIRMATION} == set(names.PLACES["content"])
    assert {what for what in kept("what") if "{" not in what} <= set(names.HAPPENED)


def test_a_hint_is_told_with_what_it_names() -> None:
    hint = "Create or map SKU 4/7 in the ERP, then retry the order."

    said = LANGUAGES["pt"].kept(hint)

    assert said == "Crie ou mapeie o SKU 4/7 no ERP, depois tente o pedido de novo."


def test_a_hint_that_tells_of_a_terminal_is_worded_for_the_desk() -> None:
    assert LANGUAGES["en"].kept("Correct it: orders-sync parked edit 7") == "Correct it here."


@pytest.mark.parametrize("language", ["pt", "es"])
def test_no_kept_text_is_taken_for_another(language: str) -> None:
    place = re.compile(r"\{(\w+)\}")
    kept_texts = [message for message in read_catalogue(language) if message.context in KEPT]
    values = {**dict.fromkeys(NUMBERS, "3"), "source": "erp"}
    told = {**values, "source": LANGUAGES[language](names.SOURCES["erp"])}

    def fill(text: Any, values: dict[str, str]) -> str:
        return place.sub(lambda name: values.get(name[1], f"x-{name[1]}"), text)

    wrong = {}
    for message in kept_texts:
        source, target = fill(message.id, values), fill(message.string, told)
        if (said := LANGUAGES[language].kept(source)) != target:
            wrong[source] = said

    assert len(kept_texts) > 300
    assert wrong == {}


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Invoice 7 asks for 99.99, and 13.00 of the order's 13.00 are left to invoice."),
        ("pt", "A nota 7 pede 99,99, e do valor do pedido, 13,00, resta faturar 13,00."),
        ("es", "La factura 7 pide 99.99, y del valor del pedido, 13.00, queda por facturar 13.00."),
    ],
)
def test_a_reason_is_told_with_its_sums_as_money(language: str, said: str) -> None:
    verdict = judge_invoice(InvoiceBody(number="7", value_cents=99_99), ORDER, NOTHING_KNOWN)

    assert isinstance(verdict, NotAllowed)
    assert LANGUAGES[language].kept(verdict.reason) == said


@pytest.mark.parametrize("language", ["en", "pt", "es"])
def test_what_no_order_is_worth_is_shown_as_it_is(language: str) -> None:
    cents = "9" * 400

    said = LANGUAGES[language].kept(
        f"Discarded: Nothing of the order's {cents} cents is left for invoice 7."
    )

    assert cents in said


#: What the ledger keeps, and the same in Portuguese.
QUOTING = """
Waited 3 days, 2 hours: the order is not ready for handling.
Esperou 3 dias e 2 horas: o pedido não está pronto para o manuseio.

Given up after 8 tries: get_order 12-01: VTEX answered 503: Try: later.
Parou após 8 tentativas: get_order 12-01: a VTEX respondeu 503: Try: later.

Given up after 9 hours: invoice 1-01: the answer was lost (X). Read the order before you repeat it.
Parou após 9 horas: invoice 1-01: a resposta se perdeu (X). Leia o pedido antes de repetir.

get_order 1-01: VTEX answered 403: No. Give the key's role in License Manager the resource Orders.
get_order 1-01: a VTEX respondeu 403: No. Dê ao perfil da chave no License Manager o recurso Orders.

mystore: erp: VTEX refuses the account's key and token; correct them.
mystore: erp: a VTEX recusa a chave e o token da conta; corrija-os.

number: is missing; type: Input should be 'Output' or 'Input'; for: Extra inputs are not permitted
number: falta; type: deve ser 'Output' or 'Input'; for: este campo não existe

revision 2, the ERP answered too_late: SKU 17 added (2); delivery address; carrier none -> Fast
revisão 2, o ERP respondeu: tarde demais (SKU 17 acrescentado (2); endereço de entrega; \
transportadora nada -> Fast)

ready.unknown: ready-for-handling in VTEX's list, placed and waiting here
ready.unknown: ready-for-handling na lista da VTEX; aqui: no ERP, espera pela próxima tentativa

invoice 77 from erp
nota fiscal 77, de: o ERP

Invoice 7 is in VTEX with another cfop, items.
A nota 7 está na VTEX com outros dados: CFOP, itens.

it is off since 2026-11-27 12:00 UTC: it failed for too long; 3 events for it
desligado desde 2026-11-27 12:00 UTC: falhou por tempo demais; 3 eventos para ele
"""


@pytest.mark.parametrize("pair", QUOTING.replace("\\\n", "").strip().split("\n\n"))
def test_what_a_text_quotes_of_ours_is_told_too(pair: str) -> None:
    text, said = pair.splitlines()

    assert LANGUAGES["pt"].kept(text) == said


@pytest.mark.parametrize("language", ["en", "pt", "es"])
@pytest.mark.parametrize(
    "text",
    [
        "Frag nach.",
        "Fehler 12: invoice already exists; the order is not mine. Frag nach.",
        "E-12: invalid order; duplicate message. Product 17 from warehouse",
        "a: " * 600,
        "a: " * 2000,
    ],
)
def test_what_an_adapter_says_stays_as_it_is(language: str, text: str) -> None:
    assert LANGUAGES[language].kept(text) == text
    assert LANGUAGES[language].cause("acme.no_credit") == "acme.no_credit"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt"),
        ("es-MX", "es"),
        ("de, es;q=0.5, en;q=0.4", "es"),
        ("fr", "en"),
        ("", "en"),
        ("pt;q=0, es", "es"),
        ("pt;q=x", "en"),
    ],
)
def test_the_browsers_wish_is_heard(accepted: str, language: str) -> None:
    assert preferred(accepted) == language


@pytest.mark.parametrize(
    ("language", "money", "ago", "span"),
    [
        ("en", "R$1,234.50", "2 hours ago", "3 mins"),
        ("pt", "R$\xa01.234,50", "há 2 horas", "3 min"),
        ("es", "BRL1,234.50", "hace 2 horas", "3 min"),
    ],
)
def test_sums_and_times_are_written_as_the_language_does(
    language: str, money: str, ago: str, span: str
) -> None:
    words = LANGUAGES[language]

    assert words.money(123_450, "BRL") == money
    assert words.ago(NOW - timedelta(hours=2), NOW) == ago
    assert words.span(180) == span


@pytest.mark.parametrize(
    ("language", "title"), [("pt", "Precisa de você"), ("es", "Le necesita"), ("en", "Needs you")]
)
def test_a_page_comes_in_the_browsers_language(busy: BusyDesk, language: str, title: str) -> None:
    page = busy.desk.visitor("vera").gets("/desk/", headers={"Accept-Language": language}).text

    assert f'<html lang="{language}">' in page
    assert f"<h1>{title}</h1>" in page


def test_a_person_keeps_the_language_that_was_chosen(busy: BusyDesk) -> None:
    visitor = busy.desk.visitor("otto")

    visitor.posts("/desk/me", "/desk/me/language", {"language": "pt"})

    page = visitor.gets("/desk/", headers={"Accept-Language": "es"}).text
    assert "<h1>Precisa de você</h1>" in page
    assert "Foi faturado mais do que o pedido vale" in page
    assert "Corrija o valor (ele inclui o frete), ou desista do comando." in page


def test_a_reason_of_ours_is_told_in_the_pages_language_and_other_words_are_marked(
    busy: BusyDesk,
) -> None:
    visitor, headers = busy.desk.visitor("vera"), {"Accept-Language": "pt"}

    command = visitor.gets(f"/desk/command?id={busy.commands['over']}", headers=headers).text
    order = visitor.gets(f"/desk/order?account={STORE}&id={busy.orders[0]}", headers=headers).text

    told = '<p class="reason">A nota 7 pede 999.999,99, e do valor do pedido, 507,44, resta'
    assert told in command
    assert "· um serviço</dd>" in command
    assert "A VTEX mostra ready-for-handling: é entregue ao ERP</span>" in order
    assert '<span class="reason" lang="en">Fulfillment</span>' in order
    assert f"nota fiscal {busy.commands['over']}, de: um serviço</span>" in order


def test_why_a_decision_is_refused_is_told_in_the_visitors_language(
    desk: Desk, office: Office
) -> None:
    command_id = parked_invoice(office)
    visitor, headers = desk.visitor("otto"), {"Accept-Language": "pt"}
    fields = {"id": command_id, "did": "retry"}

    without_why = visitor.posts(
        "/desk/me", "/desk/command", {**fields, "did": "discard"}, headers=headers
    )
    visitor.posts("/desk/me", "/desk/command", fields)
    again = visitor.posts("/desk/me", "/desk/command", fields, headers=headers)

    assert (without_why.status_code, again.status_code) == (409, 409)
    assert '<p class="reason">Diga por que desiste.</p>' in without_why.text
    said = f"O comando {command_id} já não espera por uma pessoa: a caminho."
    assert f'<p class="reason">{said}</p>' in again.text
    order = visitor.gets(f"/desk/order?account={STORE}&id={ORDER_ID}", headers=headers).text
    assert f"otto: tentou de novo {command_id}" in " ".join(order.split())
