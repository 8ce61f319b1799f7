"""The errors of orders_sync, a family for each thing that can be done next.

OrdersSyncError
├── ConfigurationError          a person corrects a setting; nothing was started
├── LeaseLost                   another worker took the order over; this one must not write
├── RetryableError              the same step is tried again later, and the attempt counts
│   ├── Unavailable             the peer did not take the call; no effect took place
│   ├── OutcomeUnknown          the call was sent and its answer was lost; read before you repeat
│   └── ErpUnavailable          the ERP did not take the call
├── WaitError                   the step is put back for a while, and no attempt is counted
│   ├── RateLimited             VTEX asked for fewer calls
│   ├── AuthFailed              VTEX refused the account's credentials; the account waits
│   └── LedgerUnavailable       the ledger cannot be reached; nothing was done
└── ParkedError                 trying again cannot help; a person decides
    ├── NotFound                VTEX knows nothing under that id
    ├── Refused                 VTEX said no, and why
    │   └── AlreadySo           VTEX said no because the order is past that point
    ├── Unreadable              an answer or a document is not what it must be
    ├── ErpRefused              the ERP said no, and why
    ├── ErpUnmapped             the mapping file has no row for a carrier or a payment
    └── ItemUnmapped            the ERP has no product for a SKU

Every error survives pickling, and no message carries personal data.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

__all__ = [
    "AlreadySo",
    "AuthFailed",
    "ConfigurationError",
    "ErpRefused",
    "ErpUnavailable",
    "ErpUnmapped",
    "ItemUnmapped",
    "LeaseLost",
    "LedgerUnavailable",
    "NotFound",
    "OrdersSyncError",
    "OutcomeUnknown",
    "ParkedError",
    "RateLimited",
    "Refused",
    "RetryableError",
    "Unavailable",
    "Unreadable",
    "WaitError",
]


class OrdersSyncError(Exception):
    """Base class for everything that orders_sync raises on purpose."""


class ConfigurationError(OrdersSyncError):
    """Raised when a setting is missing or wrong; the message names it and shows a right value."""


class LeaseLost(OrdersSyncError):
    """Raised when a worker writes under a lease that another worker has taken over since."""


class RetryableError(OrdersSyncError):
    """Raised when the same step may succeed later.

    `retry_after` is what the peer asked for, in seconds, or None where it did not say.
    """

    cause: ClassVar[str] = "retryable"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after)
        self.message = message
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.message


class Unavailable(RetryableError):
    """Raised when VTEX did not take the call: no connection, or a 5xx to a read."""

    cause = "vtex.unavailable"


class OutcomeUnknown(RetryableError):
    """Raised when a write may have taken effect or not; look for it before you repeat the write."""

    cause = "vtex.outcome_unknown"


class ErpUnavailable(RetryableError):
    """Raised by an adapter when the ERP cannot be reached or is too busy to answer."""

    cause = "erp.unavailable"


class WaitError(OrdersSyncError):
    """Raised when the step must wait for something else; waiting is not a failed attempt."""

    cause: ClassVar[str] = "order.not_ready"

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message, seconds)
        self.message = message
        self.seconds = seconds

    def __str__(self) -> str:
        return self.message


class RateLimited(WaitError):
    """Raised when VTEX answers 429: the account's calls are used up for now.

    Where VTEX does not say for how long, its guide asks for a minute.
    https://developers.vtex.com/docs/guides/orders-feed
    """

    cause = "vtex.rate_limited"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message, 60.0 if retry_after is None else retry_after)
        self.retry_after = retry_after


class AuthFailed(WaitError):
    """Raised when VTEX answers 401 or 403, or shows its login page instead of data."""

    cause = "vtex.auth_failed"

    def __init__(self, message: str, seconds: float = 60.0) -> None:
        super().__init__(message, seconds)


class LedgerUnavailable(WaitError):
    """Raised when the ledger's database cannot be reached or stays locked."""

    cause = "ledger.unavailable"

    def __init__(self, message: str, seconds: float = 5.0) -> None:
        super().__init__(message, seconds)


class ParkedError(OrdersSyncError):
    """Raised when only a person can decide what happens next.

    `cause` groups parked work; `hint` says what to do before it is retried.
    """

    cause: str = "parked"
    hint: str = "Read the reason, mend what it names, then retry the order."

    def __init__(self, message: str, *, cause: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause or type(self).cause
        self.hint = hint or type(self).hint

    def __str__(self) -> str:
        return self.message


class NotFound(ParkedError):
    """Raised when VTEX answers 404."""

    cause = "vtex.not_found"
    hint = (
        "VTEX has no such order in this account: it was removed, or its id belongs to another "
        "account (a marketplace's). Retry it once VTEX shows it, or leave it parked."
    )


class Refused(ParkedError):
    """Raised when VTEX refuses a call; `code` and `message` are VTEX's own."""

    cause = "vtex.refused"
    hint = "VTEX refused the call; its reason says what must change in the order before a retry."

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"VTEX refused: {code}: {message}")
        self.code = code
        self.vtex_message = message

    def __reduce__(self) -> tuple[type[Refused], tuple[str, str]]:
        return (type(self), (self.code, self.vtex_message))


class AlreadySo(Refused):
    """Raised when VTEX refuses because the order left the status the call needs (OMS003)."""

    cause = "vtex.already_so"


class Unreadable(ParkedError):
    """Raised when an answer, an event or a document cannot be read as what it must be."""

    cause = "vtex.unreadable"
    hint = "Look at the order in VTEX's Admin; when its document is complete there, retry it."


class ErpRefused(ParkedError):
    """Raised by an adapter when the ERP refuses an order; the message is the ERP's reason."""

    cause = "erp.refused"
    hint = "Mend in the ERP what its reason names, then retry the order."


class ErpUnmapped(ParkedError):
    """Raised when `file` has no row that says what `name` of VTEX is in the ERP.

    `table` and `row` are as they are written in the mapping file; see `erp.mapping`.
    """

    cause = "erp.unmapped"

    def __init__(self, table: str, name: str, *, file: str, row: str) -> None:
        super().__init__(
            f"The mapping's {table} have no row for {name!r}.",
            hint=f"Add to {file}: {row}, then retry the order.",
        )
        self.table = table
        self.name = name
        self.file = file
        self.row = row

    def __reduce__(self) -> tuple[partial[ErpUnmapped], tuple[str, str]]:
        return (partial(type(self), file=self.file, row=self.row), (self.table, self.name))


class ItemUnmapped(ParkedError):
    """Raised by an adapter when the ERP has no product for one of the order's SKUs.

    Where the SKU is looked up in a mapping file, `file` is that, and `row` what it lacks.
    """

    cause = "erp.item_unmapped"

    def __init__(self, sku: str, *, file: str | None = None, row: str | None = None) -> None:
        super().__init__(
            f"The ERP has no product for SKU {sku}.",
            hint=f"Create or map SKU {sku} in the ERP, then retry the order."
            if file is None
            else f"Add to {file}: {row}, then retry the order.",
        )
        self.sku = sku
        self.file = file
        self.row = row

    def __reduce__(self) -> tuple[partial[ItemUnmapped], tuple[str]]:
        return (partial(type(self), file=self.file, row=self.row), (self.sku,))
