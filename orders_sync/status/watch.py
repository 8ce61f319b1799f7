"""Looks at how accounts stand, and tells what needs a person; what was told is kept in a file.

What is to be told is written down before it is told, and again as soon as it was. So one that is
killed tells at most one message a second time, and leaves none out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from orders_sync.doctor.findings import Finding
from orders_sync.embedded.home import write_privately
from orders_sync.embedded.launcher import hold
from orders_sync.errors import OrdersSyncError
from orders_sync.private_files import private_folder
from orders_sync.status.alerts import Alert, QuietHours, Rules, follow
from orders_sync.status.channels import AlertChannel, NotTold, OutputChannel

_ALERTS: Final = TypeAdapter(list[Alert])

#: A channel that failed is left alone for so long, twice as long each time, and at most an hour.
_FIRST_REST: Final = timedelta(seconds=30)
_LONGEST_REST: Final = timedelta(hours=1)


class AlreadyWatched(OrdersSyncError):
    """Raised when another process watches in the same home folder."""


def state_file(home: Path) -> Path:
    """Return the file with what was told; it is as old as the last look."""
    return home / "watch.json"


@contextmanager
def sole_watch(home: Path) -> Iterator[None]:
    """Lock a home folder for the process that watches in it; its end unlocks the folder.

    Raises:
        AlreadyWatched: another process does.
    """
    private_folder(home)
    lock = home / "watch.lock"
    descriptor = hold(lock)
    if descriptor is None:
        raise AlreadyWatched(f"Process {lock.read_text()} watches in {home} already.")
    try:
        yield
    finally:
        os.close(descriptor)


class Watch:
    """Follows what needs a person from look to look, and tells it over its channels."""

    def __init__(
        self,
        home: Path,
        channels: Sequence[AlertChannel],
        *,
        lasts: timedelta,
        again: timedelta,
        complain: Callable[[str], None],
        quiet: QuietHours | None = None,
    ) -> None:
        self._file = state_file(home)
        self._channels = channels
        self._rules = Rules(lasts, again, tuple(channel.name for channel in channels))
        self._complain = complain
        self._quiet = quiet
        self._rests: dict[str, tuple[int, datetime]] = {}
        self._alerts = {alert.key: alert for alert in self._read()}

    def take_in(self, findings: Sequence[Finding], *, now: datetime) -> bool:
        """Send what a look asks for, and return whether all of it was sent.

        In quiet hours it is only printed; the rest is told once they end.
        """
        channels = self._channels
        if self._quiet is not None and self._quiet.covers(now.astimezone().time()):
            channels = [channel for channel in channels if channel.name == OutputChannel.name]
        alerts = follow(self._alerts.values(), findings, self._rules, now=now)
        self._alerts = {alert.key: alert for alert in alerts}
        self._write()
        for channel in channels:
            self._tell_all(channel, now)
        names = {channel.name for channel in channels}
        return not any(names.intersection(alert.owed) for alert in self._alerts.values())

    def _tell_all(self, channel: AlertChannel, now: datetime) -> None:
        failures, rests_until = self._rests.get(channel.name, (0, now))
        if rests_until > now:
            return
        for alert in [alert for alert in self._alerts.values() if channel.name in alert.owed]:
            try:
                channel.tell(alert)
            except NotTold as error:
                rest = min(_FIRST_REST * 2 ** min(failures, 10), _LONGEST_REST)
                self._rests[channel.name] = (failures + 1, now + rest)
                self._complain(f"An alert was not told, and will be again: {error}")
                return
            self._rests.pop(channel.name, None)
            left = tuple(name for name in alert.owed if name != channel.name)
            self._alerts[alert.key] = replace(alert, owed=left)
            self._write()

    def _read(self) -> list[Alert]:
        with suppress(FileNotFoundError):
            try:
                alerts = _ALERTS.validate_json(self._file.read_bytes())
            except ValidationError:
                self._complain(f"{self._file} cannot be read; all that is wrong is told again.")
                return []
            names = set(self._rules.channels)
            # A channel that is not asked for any more is owed nothing.
            return [replace(a, owed=tuple(n for n in a.owed if n in names)) for a in alerts]
        return []

    def _write(self) -> None:
        write_privately(self._file, _ALERTS.dump_json(list(self._alerts.values())).decode())
