"""Alerts told to real commands and a real mail server, and to those that never answer."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from support.waiting import until

from orders_sync.doctor.findings import Finding, State
from orders_sync.errors import ConfigurationError
from orders_sync.settings_parts import MailSettings
from orders_sync.status.alerts import Alert, Rules, follow
from orders_sync.status.channels import ExecChannel, MailChannel, NotTold, OutputChannel

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
RULES = Rules(timedelta(0), timedelta(hours=1), ("output",))
PARKED = Finding("shop", "parked orders", State.WARNING, "3: a.b", "look", "a.b")


@pytest.fixture
def alert() -> Alert:
    [alert] = follow([], [PARKED], RULES, now=NOW)
    return alert


def program(text: str, *arguments: object) -> str:
    return shlex.join([sys.executable, "-c", text, *map(str, arguments)])


class Inbox:
    """Keeps the mails that a server was given; it may refuse them."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.refusal: str | None = None

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's.
        if self.refusal is not None:
            return self.refusal
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients += envelope.rcpt_tos
        return "250 taken"


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def server(inbox: Inbox) -> Iterator[MailSettings]:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield MailSettings(host="127.0.0.1", port=port, tls="none", sender="sync@shop.test")
    controller.stop()


def test_a_line_says_who_what_since_when_and_what_to_do(alert: Alert) -> None:
    lines: list[str] = []

    OutputChannel(lines.append, as_json=False).tell(alert)
    [over] = follow([alert], [], RULES, now=NOW)
    OutputChannel(lines.append, as_json=False).tell(over)

    assert lines == [
        "2026-11-27T12:00:00Z  shop: parked orders (a.b) needs a person: 3: a.b -> look",
        "2026-11-27T12:00:00Z  shop: parked orders (a.b) is over: 3: a.b",
    ]


def test_a_command_gets_the_facts_as_json_and_in_its_environment(
    alert: Alert, tmp_path: Path
) -> None:
    store = "import os, sys; open(sys.argv[1], 'w').write(sys.stdin.read() + chr(10) + "
    store += "os.environ['ORDERS_SYNC_ALERT_SUBJECT'] + os.environ['ORDERS_SYNC_ALERT_EVENT'])"

    ExecChannel(program(store, tmp_path / "got")).tell(alert)

    facts, words = (tmp_path / "got").read_text().splitlines()
    assert json.loads(facts) == alert.facts()
    assert words == "shopneeded"


def test_no_shell_reads_a_command(alert: Alert, tmp_path: Path) -> None:
    store = "import sys; open(sys.argv[1], 'w').write(' '.join(sys.argv[2:]))"

    ExecChannel(f"{program(store, tmp_path / 'got')} '$HOME' ; touch x").tell(alert)

    assert (tmp_path / "got").read_text() == "$HOME ; touch x"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        pytest.param(program("raise SystemExit(7)"), "ended with status 7", id="it fails"),
        pytest.param("/nowhere/at/all", "cannot be run: No such file", id="it is not there"),
    ],
)
def test_a_command_that_fails_has_told_nothing(alert: Alert, command: str, words: str) -> None:
    with pytest.raises(NotTold, match=words):
        ExecChannel(command).tell(alert)


def test_a_command_that_hangs_is_killed_with_all_that_it_started(
    alert: Alert, tmp_path: Path
) -> None:
    hang = (
        "import os, sys, subprocess, time; "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        "open(sys.argv[1] + '.new', 'w').write(str(child.pid)); "
        "os.rename(sys.argv[1] + '.new', sys.argv[1]); time.sleep(600)"
    )

    with pytest.raises(NotTold, match="did not end in 3 s"):
        ExecChannel(program(hang, tmp_path / "pid"), seconds=3).tell(alert)

    grandchild = int((tmp_path / "pid").read_text())
    until(lambda: not is_running(grandchild), "what it had started is gone", seconds=30)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Nobody may wait for it here, so it stays as a zombie.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_mail_says_the_facts_to_everybody_that_is_named(
    alert: Alert, server: MailSettings, inbox: Inbox
) -> None:
    MailChannel(server, ["ann@shop.test", "bob@shop.test"]).tell(alert)

    [mail] = inbox.mails
    assert inbox.recipients == ["ann@shop.test", "bob@shop.test"]
    assert mail["From"] == "sync@shop.test"
    assert mail["Subject"] == "[orders_sync] shop: parked orders (a.b) needs a person"
    assert mail["Message-ID"] == f"<{alert.message_id}@orders-sync>"
    assert "do: look" in mail.get_content().splitlines()


def test_a_server_that_refuses_is_named_without_its_words(
    alert: Alert, server: MailSettings, inbox: Inbox
) -> None:
    inbox.refusal = "554 no, maria@example.com"

    with pytest.raises(NotTold, match="took no mail: SMTPDataError 554") as caught:
        MailChannel(server, ["ann@shop.test"]).tell(alert)

    assert "maria" not in str(caught.value)


def test_a_password_is_not_sent_where_tls_is_wanted_and_not_there(
    alert: Alert, server: MailSettings
) -> None:
    strict = server.model_copy(update={"tls": "starttls", "username": "u", "password": "p"})

    with pytest.raises(NotTold, match="SMTPNotSupportedError"):
        MailChannel(strict, ["ann@shop.test"]).tell(alert)


def test_a_server_that_never_says_anything_is_given_up(alert: Alert) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        silent = MailSettings(host="127.0.0.1", port=mute.getsockname()[1], tls="none")

        with pytest.raises(NotTold, match="took no mail"):
            MailChannel(silent, ["ann@shop.test"], seconds=0.2).tell(alert)


def test_without_a_server_the_message_says_what_to_set() -> None:
    with pytest.raises(ConfigurationError, match="ORDERS_SYNC_MAIL__HOST is missing"):
        MailChannel(MailSettings(), ["ann@shop.test"])
