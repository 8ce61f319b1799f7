"""Channels that tell people of an alert, each in a bounded time: a command, mail, apprise."""

from __future__ import annotations

import json
import logging
import os
import shlex
import signal
import smtplib
import ssl
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, Protocol

from pydantic import SecretStr

from orders_sync.doctor.findings import State
from orders_sync.errors import ConfigurationError, OrdersSyncError
from orders_sync.settings import child_environment
from orders_sync.settings_parts import MailSettings
from orders_sync.settings_variables import ALERT_PREFIX
from orders_sync.status.alerts import WORDS, Alert, AlertEvent
from orders_sync.terminal import legible

#: How long a command may run, or a mail may take.
SECONDS: Final = 30.0

#: A server that sends nothing for so long is not waited for any longer.
_SILENT_SECONDS: Final = 10.0

#: How grave a finding is, in apprise's words.
_KINDS: Final = {State.FAILED: "failure", State.UNCONFIGURED: "failure"}

#: Where a command's own words go: standard output is for messages.
_STANDARD_ERROR: Final = 2


class NotTold(OrdersSyncError):
    """Raised where a channel did not take a message; it may have come through all the same."""


class AlertChannel(Protocol):
    """A way to tell people of an alert."""

    @property
    def name(self) -> str:
        """Return the channel's name in the state and in complaints."""
        ...

    def tell(self, alert: Alert) -> None:
        """Send what the alert has to say.

        Raises:
            NotTold: it is to be told again later.
        """
        ...


class OutputChannel:
    """Prints one line a message: for people, or as JSON."""

    name = "output"

    def __init__(self, say: Callable[[str], None], *, as_json: bool) -> None:
        self._say = say
        self._as_json = as_json

    def tell(self, alert: Alert) -> None:
        """Print the line."""
        self._say(json.dumps(alert.facts()) if self._as_json else _line(alert))


class ExecChannel:
    """Runs a command without a shell; the facts are JSON on its input, and in its environment."""

    name = "exec"

    def __init__(self, text: str, *, seconds: float = SECONDS) -> None:
        try:
            self._argv = shlex.split(text)
        except ValueError as error:
            raise ConfigurationError(f"--exec is wrong: {error}.") from None
        if not self._argv:
            raise ConfigurationError("--exec is wrong: it names no command.")
        self._seconds = seconds

    def tell(self, alert: Alert) -> None:
        """Run the command, and kill it with all that it started where it does not end in time.

        Raises:
            NotTold: it cannot be started, does not end in time, or ends with another status than 0.
        """
        facts = alert.facts()
        variables = {f"{ALERT_PREFIX}{name.upper()}": value for name, value in facts.items()}
        try:
            process = subprocess.Popen(  # noqa: S603 - The operator's own command.
                self._argv,
                stdin=subprocess.PIPE,
                stdout=_STANDARD_ERROR,
                env=child_environment(**variables),
                start_new_session=True,
            )
        except OSError as error:
            raise NotTold(f"{self._argv[0]} cannot be run: {error.strerror}.") from None
        with process:
            try:
                process.communicate(json.dumps(facts).encode(), timeout=self._seconds)
            except BaseException as error:
                os.killpg(process.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise NotTold(f"{self._argv[0]} did not end in {self._seconds:g} s.") from None
                raise
        if process.returncode:
            raise NotTold(f"{self._argv[0]} ended with status {process.returncode}.")


class MailChannel:
    """Sends a mail by SMTP."""

    name = "mail"

    def __init__(
        self, settings: MailSettings, addresses: Sequence[str], *, seconds: float = SECONDS
    ) -> None:
        if settings.host is None:
            raise ConfigurationError(
                "ORDERS_SYNC_MAIL__HOST is missing: --mail needs a server that takes mail. "
                "A right value: ORDERS_SYNC_MAIL__HOST=smtp.example.com"
            )
        self._settings = settings
        self._addresses = addresses
        self._seconds = seconds

    def tell(self, alert: Alert) -> None:
        """Send the mail; a server that drags it out is given up, and its thread ends by itself.

        Raises:
            NotTold: no server took it in time.
        """
        problem = _bounded(lambda: self._send(alert), self._seconds)
        if problem is not None:
            server = f"{self._settings.host}:{self._settings.port}"
            raise NotTold(f"{server} took no mail: {problem}. See ORDERS_SYNC_MAIL__*.")

    def _send(self, alert: Alert) -> str | None:
        """Return why the mail was not taken."""
        try:
            with self._connected() as server:
                server.send_message(self._message(alert))
        except smtplib.SMTPResponseException as error:
            # The server's text may quote what it was told.
            return f"{type(error).__name__} {error.smtp_code}"
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return type(error).__name__
        return None

    def _connected(self) -> smtplib.SMTP:
        settings, seconds = self._settings, min(_SILENT_SECONDS, self._seconds)
        context = ssl.create_default_context()
        if settings.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host or "", settings.port, timeout=seconds, context=context
            )
        else:
            server = smtplib.SMTP(settings.host or "", settings.port, timeout=seconds)
        try:
            if settings.tls == "starttls":
                server.starttls(context=context)
            if settings.username is not None and settings.password is not None:
                server.login(settings.username, settings.password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server

    def _message(self, alert: Alert) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._settings.sender
        message["To"] = ", ".join(self._addresses)
        message["Subject"] = f"[orders_sync] {_title(alert)}"
        message["Date"] = format_datetime(alert.told_at or alert.since)
        message["Message-ID"] = f"<{alert.message_id}@orders-sync>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(_body(alert.facts()))
        return message


class NotifyChannel:
    """Sends to one of apprise's targets: Slack, Teams, Telegram, a pager, and a hundred others.

    https://github.com/caronc/apprise/wiki
    """

    def __init__(self, number: int, url: SecretStr, *, seconds: float = SECONDS) -> None:
        try:
            import apprise  # noqa: PLC0415 - an extra.
        except ImportError:
            raise ConfigurationError(
                "ORDERS_SYNC_NOTIFY_TARGETS needs apprise: pip install 'orders-sync[notify]'"
            ) from None
        # Its log repeats what the target says.
        logging.getLogger("apprise").disabled = True
        self.name = f"notify {number}"
        self._seconds = seconds
        self._apprise = apprise.Apprise()
        if not self._apprise.add(url.get_secret_value()):
            raise ConfigurationError(
                f"ORDERS_SYNC_NOTIFY_TARGETS: apprise does not know what number {number} is. "
                'A right value: ORDERS_SYNC_NOTIFY_TARGETS=["slack://TokenA/TokenB/TokenC/#ops"]'
            )

    def tell(self, alert: Alert) -> None:
        """Send the message; a target that drags it out is given up.

        Raises:
            NotTold: it was not taken in time.
        """
        problem = _bounded(lambda: self._send(alert), self._seconds)
        if problem is not None:
            raise NotTold(f"{self.name} took no message: {problem}.")

    def _send(self, alert: Alert) -> str | None:
        kind = "success" if alert.is_over else _KINDS.get(alert.finding.state, "warning")
        is_taken = self._apprise.notify(
            title=_title(alert), body=_body(alert.facts()), notify_type=kind
        )
        return None if is_taken else "it was refused, or nobody answered"


def _bounded(send: Callable[[], str | None], seconds: float) -> str | None:
    """Return why something was not sent; what takes too long is left to end by itself."""
    outcome: list[str | None] = []
    thread = threading.Thread(target=lambda: outcome.append(send()), daemon=True)
    thread.start()
    thread.join(seconds)
    return outcome[0] if outcome else f"no answer within {seconds:g} s"


def _title(alert: Alert) -> str:
    finding = alert.finding
    cause = f" ({finding.cause})" if finding.cause else ""
    event = WORDS[alert.event or AlertEvent.NEEDED]
    return legible(f"{finding.subject}: {finding.check}{cause} {event}")


def _line(alert: Alert) -> str:
    facts = alert.facts()
    do = f" -> {facts['do']}" if facts["do"] and not alert.is_over else ""
    return f"{facts['at']}  {_title(alert)}: {facts['says']}{do}"


def _body(facts: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\n" for name, value in facts.items() if value)
