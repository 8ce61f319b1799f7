"""Writes to VTEX whose outcome is not known yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic import AwareDatetime, TypeAdapter, ValidationError


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to be sent to VTEX; the ledger notes it before the write.

    It is open until VTEX's answer is in the ledger, or the order shows the effect. `at` is when the
    write began; once its answer is lost, when that was noticed. `number` is an invoice's number as
    VTEX has it. `content` tells what is sent from what else may be there, and only the kind's own
    judge reads it. `is_edited`: a person has changed since what is to be sent.
    """

    kind: str
    at: AwareDatetime
    number: str | None = None
    value_cents: int | None = None
    content: str | None = None
    is_edited: bool = False

    def to_json(self) -> str:
        """Return it as compact JSON."""
        return _INTENTS.dump_json(self, exclude_defaults=True).decode()

    @staticmethod
    def from_json(text: str) -> Intent:
        """Return the intent that `to_json` wrote.

        Raises:
            ValueError: the text is no intent; the error does not quote it.
        """
        try:
            return _INTENTS.validate_json(text)
        except ValidationError:
            raise ValueError("The text is not the JSON of an intent.") from None


_INTENTS: Final = TypeAdapter(Intent)
