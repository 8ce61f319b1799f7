"""Finds an account's ERP adapter by name among the installed packages.

A package offers one by an entry point in the group `orders_sync.erp`:

    [project.entry-points."orders_sync.erp"]
    acme = "acme_erp:AcmeErp"

https://packaging.python.org/en/latest/specifications/entry-points/
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from typing import Any, TypeAlias

from orders_sync.erp.base import Erp, ErpBase
from orders_sync.erp.mapping import MappingFile
from orders_sync.erp.tokens import TokenStore
from orders_sync.errors import ConfigurationError

GROUP = "orders_sync.erp"

#: What an entry point names, usually a class: account, options and home in, an adapter out.
ErpFactory: TypeAlias = Callable[[str, Mapping[str, Any], Path], Erp]


def installed() -> list[str]:
    """List the names of the adapters that can be chosen."""
    return sorted({point.name for point in _offered(tuple(sys.path))})


def load(name: str, *, account: str = "<NAME>") -> ErpFactory:
    """Import the adapter of that name; `account` is for the message only.

    Raises:
        ConfigurationError: It is not installed, is offered by two packages, or does not import.
    """
    setting = _setting(account)
    point = _find(name, setting)
    try:
        factory = point.load()
    except Exception as error:
        raise ConfigurationError(
            f"{setting}: the ERP adapter {name!r} ({point.value}) cannot be imported: "
            f"{_one_line(error)}. Mend or reinstall the package that offers it."
        ) from error
    if not callable(factory):
        raise ConfigurationError(
            f"{setting}: the ERP adapter {name!r} ({point.value}) is not a class. "
            "Let its entry point name the adapter's class."
        )
    return factory  # type: ignore[no-any-return]  # What an entry point names has no type.


def create(
    name: str,
    *,
    account: str,
    options: Mapping[str, Any],
    home: Path,
    tokens: TokenStore | None = None,
    mapping: Path | None = None,
) -> Erp:
    """Build the account's adapter; once for each process, after it was forked.

    An adapter that derives from `ErpBase` finds as its own `tokens`, and the `mapping` that is in
    that file.

    Raises:
        ConfigurationError: See `load`; or the adapter refuses its options, or is not complete.
    """
    factory = load(name, account=account)
    setting = _setting(account)
    try:
        erp = factory(account, options, home)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{setting}_OPTIONS: the ERP adapter {name!r} refuses its options: {_first(error)}."
        ) from error
    except Exception as error:
        # The error's own text is left out: it may repeat a password from the options.
        raise ConfigurationError(
            f"{setting}: the ERP adapter {name!r} cannot be built ({type(error).__name__}). "
            f"Look at {setting}_OPTIONS."
        ) from error
    if not isinstance(erp, Erp):
        raise ConfigurationError(
            f"{setting}: the ERP adapter {name!r} lacks methods of orders_sync.erp.base.Erp. "
            "Derive it from orders_sync.erp.base.ErpBase."
        )
    if tokens is not None and isinstance(erp, ErpBase):
        erp.tokens = tokens
    if mapping is not None and isinstance(erp, ErpBase):
        erp.mapping = MappingFile(mapping)
    return erp


@lru_cache(maxsize=1)
def _offered(_path: tuple[str, ...]) -> EntryPoints:
    """Return what the packages on the path offer: reading it takes longer than an adapter."""
    return entry_points(group=GROUP)


def _find(name: str, setting: str) -> EntryPoint:
    points = _offered(tuple(sys.path)).select(name=name)
    if not points:
        names = ", ".join(installed()) or "none; install orders-sync with pip"
        raise ConfigurationError(
            f"{setting}: there is no ERP adapter named {name!r}. Installed are: {names}."
        )
    if len({point.value for point in points}) > 1:
        values = ", ".join(sorted(point.value for point in points))
        raise ConfigurationError(
            f"{setting}: several packages offer an ERP adapter named {name!r} ({values}). "
            "Uninstall all but one."
        )
    return next(iter(points))


def _setting(account: str) -> str:
    return f"ORDERS_SYNC_ACCOUNTS__{account.upper()}__ERP"


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {_first(error)}"


def _first(error: BaseException) -> str:
    """Return the first line of an error's text, without a full stop."""
    return next(iter(str(error).splitlines()), "no reason given").rstrip(".")
