"""The desk speaks three languages, whole: its pages, and what the ledger keeps in English."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.busy_desk import BusyDesk
from support.kept_texts import kept
from support.messages import messages

from orders_sync.backoffice.order_report import Situation
from orders_sync.commands import KINDS
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Step
from orders_sync.gateway.desk import names
from orders_sync.gateway.desk.words import KEPT, load_languages, preferred, read_catalogue
from orders_sync.gateway.rights import SCOPES

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
    assert {what for what in kept("what") if "{" not in what} <= set(names.HAPPENED)


def test_a_hint_is_told_with_what_it_names() -> None:
    hint = "Create or map SKU 4/7 in the ERP, then retry the order."

    said = LANGUAGES["pt"].kept(hint)

    assert said == "Crie ou mapeie o SKU 4/7 no ERP, depois tente o pedido de novo."


def test_a_hint_that_tells_of_a_terminal_is_worded_for_the_desk() -> None:
    assert LANGUAGES["en"].kept("Correct it: orders-sync parked edit 7") == "Correct it here."


@pytest.mark.parametrize("language", ["en", "pt", "es"])
def test_what_an_adapter_says_stays_as_it_is(language: str) -> None:
    assert LANGUAGES[language].kept("Frag nach.") == "Frag nach."
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
