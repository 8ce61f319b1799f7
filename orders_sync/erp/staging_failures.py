"""What a failed statement on the staging tables means for an order.

The ERP's people put rules on the tables: triggers, checks, foreign keys. A rule that refuses an
order says why in the words of its author, which may name the customer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from orders_sync.database_failures import Failure, outage_of, read_failure
from orders_sync.erp.foreign_words import personal_texts, without_personal
from orders_sync.errors import ErpRefused, ErpUnavailable

if TYPE_CHECKING:
    from orders_sync.domain.order import Order

#: A driver raises the latter two for a number or a text that its database has no form for.
_FAILURES: Final = (SQLAlchemyError, OverflowError, UnicodeError)

#: Where the database's URL is.
SETTING: Final = "the url of the account's ERP_OPTIONS"


@contextmanager
def explained(order: Order | None = None) -> Iterator[None]:
    """Raise what a failed statement means in place of what the database or its driver raises.

    The words of a rule are quoted where the `order` that they are about is known, so that what is
    personal in it can be blotted out of them.

    Raises:
        ErpRefused: a value does not fit into the tables, or a rule of the ERP's refuses the row.
        ErpUnavailable: the database is away, too slow or locked.
    """
    try:
        yield
    except PoolTimeoutError:
        raise ErpUnavailable(
            "All of this process's connections to the staging database are in use. Raise the "
            "adapter's option connections, or find out why its calls take so long."
        ) from None
    except _FAILURES as error:
        failure = read_failure(error)
        if failure.is_refusal:
            raise _refusal(failure, order) from None
        outage = outage_of(error)
        raise ErpUnavailable(
            f"The staging database {outage.behaviour} ({failure.code}). {outage.remedy(SETTING)}"
        ) from None


def is_refusal(error: Exception) -> bool:
    """Return whether the database refused the row, and so is there."""
    return read_failure(error).is_refusal


def _refusal(failure: Failure, order: Order | None) -> ErpRefused:
    if not failure.words:
        return ErpRefused(
            f"The staging tables cannot hold a value of this order ({failure.code}).",
            hint="Compare the order in VTEX with the columns' types in docs/staging-tables.md.",
        )
    if order is None:
        return ErpRefused(
            f"A rule of the ERP's database refuses it ({failure.code}).",
            hint="Find the rule (a trigger or a constraint) of the staging tables that raises "
            "this, and mend what it asks for.",
        )
    words = without_personal(failure.words, personal_texts(order))
    return ErpRefused(f"The ERP's database refuses it: {words} ({failure.code})")
