"""The desk's languages: texts of pages, times, numbers, sums, and texts kept in the ledger.

English is the source. A text that the ledger keeps in English (reasons, hints, findings, problems
of fields) is matched with the catalogue's own texts, some of which have places, as `{sku}`. What
stands in one may be such a text itself, a code that has a name, or cents; and what is kept may be
several texts with a colon, a semicolon or a full stop between.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from gettext import GNUTranslations
from importlib import resources
from itertools import starmap
from types import MappingProxyType
from typing import Final

from babel import Locale
from babel.dates import format_datetime, format_timedelta
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal

from orders_sync.gateway.desk.names import CAUSES, DONE, FIELDS, KINDS, N_, PLACES, SOURCES

#: Each language by its code, as it calls itself.
LANGUAGES: Final[Mapping[str, str]] = MappingProxyType(
    {"en": "English", "pt": "Português", "es": "Español"}
)
_LOCALES: Final = {"en": "en_GB", "pt": "pt_BR", "es": "es_419"}

#: The contexts in the catalogues of texts that the ledger keeps, and of those that others quote.
KEPT: Final = ("hint", "finding", "problem", "reason", "count")
_QUOTED: Final = ("problem", "reason", "count")
_NOTHING: Final = "\N{EN DASH}"

_PLACE: Final = re.compile(r"\{(\w+)\}")
_GLUE: Final = (". ", ": ", "; ")
#: A longer text is none of ours, and looking for ours in it takes its time.
_LONGEST: Final = 2000
#: Ids and statuses: with a blank in its place a text is another's, and looks like ours.
_ONE_WORD: Final = frozenset({
    "account", "becomes", "command_id", "id", "invoice_number", "kind", "line_id", "number",
    "order_id", "sku", "status", "stray_id", "was",
})  # fmt: skip
#: What is counted: with a word in its place a text is another's, as "invalid order" is.
NUMBERS: Final = frozenset({"available", "count", "failures", "hours", "missing", "quantity"})
#: A longer one is no sum of an order.
_CENTS: Final = re.compile(r"-?[0-9]{1,15}")
#: What stays as it is, and what it does not hold: ours may follow a sentence of another's, the name
#: of a call, or what a field may be.
_FOREIGN: Final = {
    "choices": "; ",
    "message": ". ",
    "operation": ": ",
    "quoted": ". ",
    "request": ": ",
    "shown": ": ",
}


class Words:
    """One language."""

    def __init__(
        self, language: str, translations: GNUTranslations, kept: Mapping[str, Sequence[KeptText]]
    ) -> None:
        self.language = language
        self.translations = translations
        self._locale = Locale.parse(_LOCALES[language])
        texts = [text for context in KEPT for text in kept[context]]
        quoted = [text for context in _QUOTED for text in kept[context]]
        self._kept = KeptTexts(texts, quoted, self._name)

    def __call__(self, text: str) -> str:
        """Return a text of the desk's own."""
        return self.translations.gettext(text) if text else text

    def cause(self, code: str | None) -> str:
        """Return the name of a cause; its code where it is an adapter's own."""
        name = CAUSES.get(code or "")
        return self(name) if name else code or self(N_("Unknown cause"))

    def field(self, text: str | None) -> str:
        """Return the description of a command's field."""
        return self.translations.pgettext("field", text) if text else ""

    def act(self, did: str) -> str:
        """Return what a person did about an order, with the id of a command."""
        room, _, rest = did.partition(" ")
        verb, _, command_id = rest.partition(" ")
        if name := DONE.get(f"{room} {verb}"):
            return f"{self(name)} {command_id}".rstrip()
        return f"{self(KINDS[room])} {rest}" if room in KINDS else did

    def kept(self, text: str | None) -> str:
        """Return what the ledger keeps in English; as it is where it is another's words."""
        return self._kept.translate(text) if text else ""

    def _name(self, place: str, value: str) -> str | None:
        """Return what stands in a place of a kept text: cents, fields, or a code with a name."""
        if place.endswith("cents") and _CENTS.fullmatch(value):
            return self.money(int(value), None)
        if place in {"field", "fields"}:
            names = (self(FIELDS.get(field, field)) for field in value.split(", "))
            return ", ".join(map(_in_sentence, names))
        name = PLACES.get(place, {}).get(value)
        return name and _in_sentence(self(name))

    def at(self, moment: datetime | None) -> str:
        """Return an instant, in UTC."""
        if moment is None:
            return _NOTHING
        return format_datetime(moment.astimezone(UTC), "medium", locale=self._locale)

    def ago(self, moment: datetime | None, now: datetime) -> str:
        """Return how long ago an instant is, or in how long it comes."""
        if moment is None:
            return _NOTHING
        return format_timedelta(moment - now, add_direction=True, locale=self._locale)

    def span(self, seconds: float | None) -> str:
        """Return a length of time."""
        if seconds is None:
            return _NOTHING
        return format_timedelta(round(seconds), format="short", locale=self._locale)

    def number(self, value: float | None) -> str:
        """Return a number."""
        return _NOTHING if value is None else format_decimal(value, locale=self._locale)

    def money(self, cents: int, currency: str | None) -> str:
        """Return a sum."""
        if currency and re.fullmatch(r"[A-Z]{3}", currency):
            return format_currency(cents / 100, currency, locale=self._locale)
        return format_decimal(cents / 100, "#,##0.00", locale=self._locale)


class KeptText:
    """A text that the ledger keeps, with its translation."""

    def __init__(self, source: str, target: str) -> None:
        self.source, self.target = source, target
        parts = _PLACE.split(source.removesuffix("."))
        self._words, self._names = parts[::2], parts[1::2]
        #: How specific it is: by what it begins with, and by the characters outside places.
        self.weight = (bool(self._words[0]), sum(map(len, self._words)))

    def places_of(self, text: str) -> Mapping[str, str] | None:
        """Return what stands in the places of a text that matches; None where it is another.

        A full stop at the end counts for nothing. Each place is taken as short as may be, in a time
        that grows with the text alone.
        """
        text = text.removesuffix(".")
        first, last = self._words[0], self._words[-1]
        if not self._names:
            return {} if text == first else None
        if not (text.startswith(first) and text.endswith(last)):
            return None
        values: list[str] = []
        begin, end = len(first), len(text) - len(last)
        for words in self._words[1:-1]:
            until = text.find(words, begin + 1, end)
            if until < 0:
                return None
            values.append(text[begin:until])
            begin = until + len(words)
        values.append(text[begin:end] if begin < end else "")
        places = dict(zip(self._names, values, strict=True))
        return places if all(starmap(_may_stand, places.items())) else None

    def filled(self, text: str, values: Mapping[str, str]) -> str:
        """Return the translation of a text that matches, with what stands in its places."""
        target = _PLACE.sub(lambda place: values.get(place[1], place[0]), self.target)
        if text.endswith(".") == self.source.endswith("."):
            return target
        return f"{target}." if text.endswith(".") else target.removesuffix(".")


def _may_stand(place: str, value: str) -> bool:
    if place in _FOREIGN:
        return _FOREIGN[place] not in value
    if place in NUMBERS:
        return value.isascii() and value.isdigit()
    if place == "source":
        return value in SOURCES
    return bool(value) and not (place in _ONE_WORD and " " in value)


class KeptTexts:
    """The texts of one language; what stands in places may be of those that are `quoted`.

    `name` returns what a place's name and value are called, and None where that is not known.
    """

    def __init__(
        self,
        texts: Iterable[KeptText],
        quoted: Iterable[KeptText],
        name: Callable[[str, str], str | None],
    ) -> None:
        self._texts = _by_weight(texts)
        self._quoted = _by_weight(quoted)
        self._name = name

    def translate(self, text: str) -> str:
        """Return the translation of a text; as it is where it is none of ours."""
        return self._translate(text, self._texts) if len(text) <= _LONGEST else text

    def _translate(self, text: str, among: Iterable[KeptText]) -> str:
        for known in among:
            places = known.places_of(text)
            if places is not None:
                values = {place: self._fill(place, value) for place, value in places.items()}
                return known.filled(text, values)
        words = text.removesuffix(".")
        for glue in _GLUE:
            if glue in words:
                parts = (self._translate(part, self._quoted) for part in words.split(glue))
                return glue.join(parts) + text[len(words) :]
        return text

    def _fill(self, place: str, value: str) -> str:
        if place in _FOREIGN:
            return value
        return self._name(place, value) or self._translate(value, self._quoted)


def _by_weight(texts: Iterable[KeptText]) -> list[KeptText]:
    """Return the most specific text first."""
    return sorted(texts, key=lambda text: text.weight, reverse=True)


def read_catalogue(language: str) -> Catalog:
    """Return the catalogue of a language, as it is in the package."""
    text = (resources.files("orders_sync.gateway.desk") / "locale" / f"{language}.po").read_bytes()
    return read_po(io.BytesIO(text), language)


@cache
def load_languages() -> Mapping[str, Words]:
    """Return every language."""
    return MappingProxyType({language: _words(language) for language in LANGUAGES})


def _words(language: str) -> Words:
    catalogue = read_catalogue(language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    kept: dict[str, list[KeptText]] = {context: [] for context in KEPT}
    for message in catalogue:
        if message.context in kept:
            kept[message.context].append(KeptText(str(message.id), str(message.string)))
    return Words(language, GNUTranslations(compiled), kept)


def _in_sentence(name: str) -> str:
    """Return a name as it stands inside a sentence; an abbreviation stays."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


def preferred(accepted: str) -> str:
    """Return the language of ours that an Accept-Language header prefers."""
    preferences: list[tuple[float, str]] = []
    for part in accepted.split(",")[:20]:
        tag, _, weight = part.partition(";")
        language = tag.strip().lower().partition("-")[0]
        match = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", weight)
        quality = float(match[1]) if match else float(not weight)
        if language in LANGUAGES and quality:
            preferences.append((quality, language))
    return max(preferences, key=lambda pair: pair[0], default=(0.0, "en"))[1]
