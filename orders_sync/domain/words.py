"""How numbers read in a sentence."""

from __future__ import annotations


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun: 1 order, 2 orders. An `s` makes the plural."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def was_or_were(number: int) -> str:
    """Return the verb that follows so many, for what is past."""
    return "was" if number == 1 else "were"
