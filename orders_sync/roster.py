"""The accounts in force: those of the settings, and those that the ledger keeps beside them.

Settings are a snapshot. `Roster.settings` gives the present one, so whoever asks it each time
follows what people change with `orders-sync accounts`, and nothing has to be restarted. An account
of the settings is as the settings have it; whether it is disabled, the ledger says of any.
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

#: How old the snapshot may be; one query tells whether anything changed.
REFRESH_SECONDS: Final = 3.0

#: What of an account nobody may read, beside those options of its ERP that hold words.
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
    """Gives the settings with all accounts that are in force, a few seconds old at most.

    `follow` is called with them before they are given to anybody, by the thread that noticed a
    change. While the ledger is away, the last ones stay in force. What cannot be used `is_told` to
    the log.
    """

    def __init__(
        self,
        settings: Settings,
        kept: KeptAccounts,
        *,
        follow: Callable[[Settings], None] = lambda _: None,
        is_told: bool = True,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._own = self._settings = settings
        self._kept = kept
        self._follow = follow
        self._is_told = is_told
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
        """The settings of now; where they are old, one thread reads them and the others go on."""
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
        """Check whether an account, if it is one, is the ledger's and not the settings'."""
        return account not in self._own.accounts

    def find(self, account: str) -> AccountSettings | None:
        """Return an account; about one that is not known here the ledger is asked at once.

        Raises:
            AccountUnusable: it is kept, and this process cannot read it.
            LedgerUnavailable: it is not known here, and the ledger cannot be asked.
        """
        known = self.settings.accounts.get(account)
        if known is None:
            self.look()
            known = self._settings.accounts.get(account)
        if known is None and account in self._troubles:
            raise AccountUnusable(f"{account}: {self._troubles[account]}.", REFRESH_SECONDS)
        return known

    def refresh(self) -> None:
        """Look whether anything changed, if that was a while ago; a ledger that is away waits."""
        with self._lock:
            if not self._is_old:
                return
            try:
                self.look()
            except LedgerUnavailable as error:
                log.warning("accounts.not_read", reason=str(error))
                self._looked_at = self._clock()

    def look(self) -> None:
        """Look whether anything changed.

        Raises:
            LedgerUnavailable: the ledger cannot be asked; all stays as it is.
        """
        with self._lock:
            if not is_missing(self._own.ledger):
                self._take_in()
            self._looked_at = self._clock()

    def keep_fresh(self) -> None:
        """Have a thread look from now on, so that nobody who asks waits for the ledger."""
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

    def _take_in(self) -> None:
        rows = self._kept.changed_since(self._revision)
        if self._revision and not rows:
            # The ledger is an earlier one's copy.
            self._rows, self._opened, self._troubles = {}, {}, {}
            rows = self._kept.changed_since(0)
            self._revision = 0
            self._publish()
        changed = [row for row in rows if self._rows.get(row.account) != row]
        self._rows.update({row.account: row for row in changed})
        self._revision = max((row.revision for row in rows), default=self._revision)
        news = {row.account for row in changed}
        news.update(name for name, row in self._rows.items() if self._has_moved(row))
        for name in sorted(news):
            self._open(self._rows[name])
        if news:
            self._publish()

    def _has_moved(self, row: KeptAccount) -> bool:
        """Check whether a file that an account's secrets lie in is another than it was."""
        if row.settings is None or _FILE not in row.settings:
            return False
        stamps = [_stamp(place) for place in _places(row.settings)]
        before = self._files.get(row.account)
        self._files[row.account] = stamps
        return before != stamps

    def _open(self, row: KeptAccount) -> None:
        """Read an account's secrets; what is as it was stays the same object."""
        name, own = row.account, self._own.accounts.get(row.account)
        before, trouble = self._opened.pop(name, None), self._troubles.pop(name, None)
        if own is None and row.settings is None:
            return
        try:
            account = own or read_account(open_account(row, self._cipher))
        except WrongAccount as error:
            self._troubles[name] = str(error)
            if trouble != str(error) and self._is_told:
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
    """Read the accounts that the ledger keeps, once; return the settings with them, and troubles.

    Raises:
        LedgerUnavailable: there is a ledger, and it does not answer.
    """
    if is_missing(settings.ledger):
        return settings, {}
    with closing(Database(settings.ledger, read_only=True)) as database:
        roster = Roster(settings, KeptAccounts(database), is_told=False)
        roster.look()
        return roster.settings, roster.troubles


def seal_account(
    name: str, values: Mapping[str, Any], cipher: Cipher, *, revision: int = 0
) -> KeptAccount:
    """Part an account's settings from its secrets, and encrypt these.

    `values` has the names of `AccountSettings`. What says where a secret lies is none. `revision`
    is that of what is changed by it.

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
    """Check an account's settings, with the secrets from where they lie.

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
    """Give the files that are named in an account's settings; broken JSON names none."""
    with suppress(ValueError, AttributeError):
        settings = json.loads(plain)
        for value in (*settings.values(), *settings.get(_OPTIONS, {}).values()):
            if isinstance(value, str) and value.startswith(_FILE):
                yield value


def _stamp(place: str) -> tuple[int, ...] | None:
    """Return what changes with a file; Kubernetes puts another in its place."""
    try:
        stat = Path(place.removeprefix(_FILE)).stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _fetch(name: str, value: Any) -> Any:
    """Return a secret from where it lies, without the line's end that an editor puts behind it."""
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
