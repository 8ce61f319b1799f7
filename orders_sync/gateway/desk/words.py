"""The desk's languages: texts of pages, times, numbers, sums, and texts kept in the ledger.

English is the source. A text that the ledger keeps in English (hints, findings, problems of fields)
is matched with the catalogue's own texts, some of which have placeholders, as `{sku}`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from gettext import GNUTranslations
from importlib import resources
from types import MappingProxyType
from typing import Final

from babel import Locale
from babel.dates import format_datetime, format_timedelta
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal

from orders_sync.gateway.desk.names import CAUSES, N_

#: Each language by its code, as it calls itself.
LANGUAGES: Final[Mapping[str, str]] = MappingProxyType(
    {"en": "English", "pt": "Português", "es": "Español"}
)
_LOCALES: Final = {"en": "en_GB", "pt": "pt_BR", "es": "es_419"}

#: The contexts in the catalogues of texts that the ledger keeps.
KEPT: Final = ("hint", "finding", "problem")
_NOTHING: Final = "\N{EN DASH}"
_PLACE: Final = re.compile(r"\{(\w+)\}")


class Words:
    """One language."""

    def __init__(
        self, language: str, translations: GNUTranslations, kept: Sequence[KeptText]
    ) -> None:
        self.language = language
        self.translations = translations
        self._locale = Locale.parse(_LOCALES[language])
        self._kept = kept

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

    def kept(self, text: str | None) -> str:
        """Return a hint or a finding; as the ledger has it where the catalogue has none."""
        for known in self._kept:
            if text and (translated := known.translate(text)) is not None:
                return translated
        return text or ""

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
        self._target = target
        parts = _PLACE.split(source)
        #: The number of characters outside placeholders.
        self.weight = sum(map(len, parts[::2]))
        places = {f"p{index}": name for index, name in enumerate(parts[1::2])}
        self._names = places
        words = [re.escape(part) for part in parts[::2]]
        self._pattern = re.compile(
            "".join(
                word + (f"(?P<p{index}>.+?)" if index < len(places) else "")
                for index, word in enumerate(words)
            ),
            re.DOTALL,
        )

    def translate(self, text: str) -> str | None:
        """Return the translation of a text that matches; None where it is another text."""
        match = self._pattern.fullmatch(text)
        if match is None:
            return None
        filled = {name: match[group] for group, name in self._names.items()}
        return _PLACE.sub(lambda place: filled.get(place[1], place[0]), self._target)


def read_catalogue(language: str) -> Catalog:
    """Return the catalogue of a language, as it is in the package."""
    text = (resources.files("orders_sync.gateway.desk") / "locale" / f"{language}.po").read_bytes()
    return read_po(io.BytesIO(text), language)


def load_languages() -> Mapping[str, Words]:
    """Return every language."""
    return {language: _words(language) for language in LANGUAGES}


def _words(language: str) -> Words:
    catalogue = read_catalogue(language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    kept = [
        KeptText(str(message.id), str(message.string))
        for message in catalogue
        if message.context in KEPT
    ]
    # The most specific text is tried first.
    kept.sort(key=lambda text: text.weight, reverse=True)
    return Words(language, GNUTranslations(compiled), kept)


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
