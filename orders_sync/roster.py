"""The accounts in force: those of the settings, and those that the ledger keeps beside them.

Settings are a snapshot, and `Roster.settings` is the present one: code that reads it each time
follows changes made with `orders-sync accounts`, without a restart. An account of the settings
keeps their values; the ledger says of any account whether it is disabled.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final

import structlog
from pydantic import ValidationError

from orders_sync.database_engines import is_missing
from orders_sync.encryption import Cipher, NotDecrypted
from orders_sync.errors import (
    ConfigurationError,
    LedgerUnavailable,
    OrdersSyncError,
    WaitError,
)
from orders_sync.ledger.account_settings import KeptAccount, KeptAccounts
from orders_sync.ledger.engine import Database
from orders_sync.settings import Settings, environment_variable
from orders_sync.settings_parts import AccountSettings
from orders_sync.vtex.exchange import Credentials

log = structlog.get_logger(__name__)

#: The longest age of a snapshot; one query shows whether anything changed.
REFRESH_SECONDS: Final = 3.0

#: The secret settings of an account, beside those options of its ERP that hold text.
SECRETS: Final = ("app_key", "app_token", "hook_secret", "hook_old_secret")
_OPTIONS: Final = "erp_options"
_FILE: Final = "file:"
_ENV: Final = "env:"
_LONGEST_SECRET: Final = 64 * 1024


class AccountUnusable(WaitError):
    """Raised where this process cannot use a kept account as it is; its work waits for that."""

    cause = "account.unusable"


class WrongAccount(OrdersSyncError):
    """Raised for an account that cannot be used as it is given; the message quotes no secret."""


class Roster:
    """The settings with all accounts that are in force, a few seconds old at most.

    `follow` is called with changed settings before they are visible, by the thread that noticed the
    change. While the ledger is away, the last settings stay in force. `is_logged`: accounts that
    cannot be used are written to the log.
    """

    def __init__(
        self,
        settings: Settings,
        kept: KeptAccounts,
        *,
        follow: Callable[[Settings], None] = lambda _: None,
        is_logged: bool = True,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._own = self._settings = settings
        self._kept = kept
        self._follow = follow
        self._is_logged = is_logged
        self._clock = clock
        self._cipher = Cipher(settings.secrets_key)
        self._rows: dict[str, KeptAccount] = {}
        self._files: dict[str, object] = {}
        self._opened: dict[str, AccountSettings] = {}
        self._troubles: dict[str, str] = {}
        self._revision = 0
        self._looked_at: float | None = None
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._is_kept_fresh = False

    @property
    def settings(self) -> Settings:
        """The present settings; where they are old, one thread reads them and the others go on."""
        is_first = self._looked_at is None
        if self._is_old and not self._is_kept_fresh and self._lock.acquire(blocking=is_first):
            try:
                self.refresh()
            finally:
                self._lock.release()
        return self._settings

    @property
    def troubles(self) -> Mapping[str, str]:
        """Why this process cannot read some accounts, by their names."""
        return self._troubles

    def is_kept(self, account: str) -> bool:
        """Check whether the settings lack an account, so that only the ledger can keep it."""
        return account not in self._own.accounts

    def find(self, account: str) -> AccountSettings | None:
        """Return an account; the ledger is read at once for one that is not known here.

        Raises:
            AccountUnusable: it is kept, and this process cannot read it.
            LedgerUnavailable: it is not known here, and the ledger does not answer.
        """
        known = self.settings.accounts.get(account)
        if known is None:
            self.look()
            known = self._settings.accounts.get(account)
        if known is None and account in self._troubles:
            raise AccountUnusable(f"{account}: {self._troubles[account]}.", REFRESH_SECONDS)
        return known

    def refresh(self) -> None:
        """Read changes if the snapshot is old; a ledger that is away is tried again later."""
        with self._lock:
            if not self._is_old:
                return
            try:
                self.look()
            except LedgerUnavailable as error:
                log.warning("accounts.not_read", reason=str(error))
                self._looked_at = self._clock()

    def look(self) -> None:
        """Read changes from the ledger.

        Raises:
            LedgerUnavailable: the ledger does not answer; all stays as it is.
        """
        with self._lock:
            if not is_missing(self._own.ledger):
                self._read_changes()
            self._looked_at = self._clock()

    def keep_fresh(self) -> None:
        """Start a thread that reads changes, so that no reader of settings waits for the ledger."""
        self.refresh()
        self._is_kept_fresh = True
        threading.Thread(target=self._run, name="roster", daemon=True).start()

    def close(self) -> None:
        """End the thread."""
        self._stopped.set()

    @property
    def _is_old(self) -> bool:
        return self._looked_at is None or self._clock() - self._looked_at >= REFRESH_SECONDS

    def _run(self) -> None:
        while not self._stopped.wait(REFRESH_SECONDS):
            try:
                self.refresh()
            except Exception:
                log.exception("accounts.not_read")

    def _read_changes(self) -> None:
        rows = self._kept.changed_since(self._revision)
        if self._revision and not rows:
            # The ledger was restored from an earlier copy.
            self._rows, self._opened, self._troubles = {}, {}, {}
            rows = self._kept.changed_since(0)
            self._revision = 0
            self._publish()
        changed = [row for row in rows if self._rows.get(row.account) != row]
        self._rows.update({row.account: row for row in changed})
        self._revision = max((row.revision for row in rows), default=self._revision)
        stale = {row.account for row in changed}
        stale.update(name for name, row in self._rows.items() if self._has_moved(row))
        for name in sorted(stale):
            self._open(self._rows[name])
        if stale:
            self._publish()

    def _has_moved(self, row: KeptAccount) -> bool:
        """Check whether a file with secrets of an account has changed."""
        if row.settings is None or _FILE not in row.settings:
            return False
        stamps = [_stamp(place) for place in _places(row.settings)]
        before = self._files.get(row.account)
        self._files[row.account] = stamps
        return before != stamps

    def _open(self, row: KeptAccount) -> None:
        """Read an account and its secrets; an unchanged account stays the same object."""
        name, own = row.account, self._own.accounts.get(row.account)
        before, trouble = self._opened.pop(name, None), self._troubles.pop(name, None)
        if own is None and row.settings is None:
            return
        try:
            account = own or read_account(open_account(row, self._cipher))
        except WrongAccount as error:
            self._troubles[name] = str(error)
            if trouble != str(error) and self._is_logged:
                log.error("account.unusable", account=name, reason=str(error))  # noqa: TRY400 - it is all.
            return
        if row.disabled_at is not None:
            account = account.model_copy(update={"enabled": False})
        self._opened[name] = before if before == account else account

    def _publish(self) -> None:
        settings = self._own.model_copy(update={"accounts": {**self._own.accounts, **self._opened}})
        if self._looked_at is not None:
            log.info(
                "accounts.changed",
                accounts=len(settings.accounts),
                enabled=len(settings.enabled_accounts),
                unusable=len(self._troubles),
            )
        self._follow(settings)
        self._settings = settings


def settings_in_force(settings: Settings) -> tuple[Settings, Mapping[str, str]]:
    """Return the settings with the accounts of the ledger, read once, and why some are unusable.

    Raises:
        LedgerUnavailable: there is a ledger, and it does not answer.
    """
    if is_missing(settings.ledger):
        return settings, {}
    with closing(Database(settings.ledger, read_only=True)) as database:
        roster = Roster(settings, KeptAccounts(database), is_logged=False)
        roster.look()
        return roster.settings, roster.troubles


def seal_account(
    name: str, values: Mapping[str, Any], cipher: Cipher, *, revision: int = 0
) -> KeptAccount:
    """Return an account's row, with its secrets encrypted apart from the other settings.

    `values` has the names of `AccountSettings`. The place of a secret (`file:`, `env:`) is no
    secret. `revision` is that of the row that this one replaces.

    Raises:
        ConfigurationError: there are secrets, and no key.
    """
    plain: dict[str, Any] = {}
    secret: dict[str, Any] = {}
    for field, value in values.items():
        if field == _OPTIONS:
            for option, given in value.items():
                side = secret if _is_secret(given) else plain
                side.setdefault(_OPTIONS, {})[option] = given
        else:
            (secret if field in SECRETS and not _is_place(value) else plain)[field] = value
    sealed = cipher.encrypt(json.dumps(secret)) if secret else None
    return KeptAccount(name, json.dumps(plain), sealed, revision=revision)


def open_account(row: KeptAccount, cipher: Cipher) -> dict[str, Any]:
    """Return an account's settings with its secrets, as they were given.

    Raises:
        WrongAccount: the secrets cannot be decrypted here, or the row is broken.
    """
    try:
        secret = json.loads(cipher.decrypt(row.secrets)) if row.secrets else {}
        plain = json.loads(row.settings or "{}")
        options = {**plain.get(_OPTIONS, {}), **secret.get(_OPTIONS, {})}
    except NotDecrypted as error:
        raise WrongAccount(f"its secrets cannot be read: {error}") from None
    except (ValueError, TypeError, AttributeError):
        raise WrongAccount("its row in the ledger cannot be read") from None
    return {**plain, **secret, **({_OPTIONS: options} if options else {})}


def read_account(values: Mapping[str, Any]) -> AccountSettings:
    """Return an account's settings, validated, with secrets read from their places.

    Raises:
        WrongAccount: a setting is wrong, or a secret is not where it should be.
    """
    there = {
        field: _fetch(field, value) if field in SECRETS else value
        for field, value in values.items()
    }
    if isinstance(there.get(_OPTIONS), dict):
        there[_OPTIONS] = {name: _fetch(name, value) for name, value in there[_OPTIONS].items()}
    try:
        account = AccountSettings.model_validate(there)
        Credentials(account.app_key, account.app_token)
    except ConfigurationError as error:
        raise WrongAccount(str(error)) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise WrongAccount(f"{where} is wrong: {first['msg']}") from None
    return account


def _is_secret(option: Any) -> bool:
    return isinstance(option, str | list | dict) and not _is_place(option)


def _is_place(value: Any) -> bool:
    return isinstance(value, str) and value.startswith((_FILE, _ENV))


def _places(plain: str) -> Iterator[str]:
    """Yield the files that are named in an account's settings; broken JSON names none."""
    with suppress(ValueError, AttributeError):
        settings = json.loads(plain)
        for value in (*settings.values(), *settings.get(_OPTIONS, {}).values()):
            if isinstance(value, str) and value.startswith(_FILE):
                yield value


def _stamp(place: str) -> tuple[int, ...] | None:
    """Return a stamp that changes with a file; Kubernetes puts another file in its place."""
    try:
        stat = Path(place.removeprefix(_FILE)).stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _fetch(name: str, value: Any) -> Any:
    """Return a secret from its place, without the line break that an editor adds."""
    if not _is_place(value):
        return value
    if value.startswith(_ENV):
        text = environment_variable(value.removeprefix(_ENV))
        if not text:
            raise WrongAccount(f"{name} cannot be read: {value} is not set here")
        return text
    path = Path(value.removeprefix(_FILE))
    try:
        with path.open(encoding="utf-8") as stream:
            return stream.read(_LONGEST_SECRET).strip()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise WrongAccount(f"{name} cannot be read: {value}: {why}") from None
