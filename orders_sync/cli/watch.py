"""`orders-sync watch`: tells people what needs one, without Prometheus."""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from orders_sync.cli.context import load_current
from orders_sync.cli.output import echo
from orders_sync.embedded.supervisor import StopRequested, StopSignals
from orders_sync.errors import ConfigurationError
from orders_sync.logging import configure_logging
from orders_sync.private_files import keep_private
from orders_sync.settings import load_settings, require_accounts
from orders_sync.status.alerts import QuietHours

_AT_LEAST = click.FloatRange(min=0)


class _Hours(click.ParamType[QuietHours]):
    """Hours of the day, such as 22:00-07:00."""

    name = "hours"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> QuietHours:
        """Read both ends."""
        if isinstance(value, QuietHours):
            return value
        start, _, end = str(value).partition("-")
        try:
            return QuietHours(
                datetime.strptime(start, "%H:%M").time(),  # noqa: DTZ007 - a time of day.
                datetime.strptime(end, "%H:%M").time(),  # noqa: DTZ007
            )
        except ValueError:
            self.fail(f"{value!r} is none; write 22:00-07:00", param, ctx)


_HOURS = _Hours()


@click.command()
@click.option("--exec", "command", metavar="COMMAND", help="Run this, without a shell.")
@click.option("--mail", "addresses", metavar="ADDRESS", multiple=True, help="Mail to them.")
@click.option("--notify", is_flag=True, help="Send to ORDERS_SYNC_NOTIFY_TARGETS.")
@click.option(
    "--quiet", type=_HOURS, metavar="FROM-TO", help="Only print in these hours, as 22:00-07:00."
)
@click.option("--once", is_flag=True, help="Look once, for cron, and end.")
@click.option(
    "--every",
    type=click.FloatRange(min=1),
    default=60,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option(
    "--for",
    "lasts",
    type=_AT_LEAST,
    default=120,
    show_default=True,
    help="Seconds that a cause must last, and be gone.",
)
@click.option(
    "--again",
    type=click.FloatRange(min=0, min_open=True),
    default=12,
    show_default=True,
    help="Hours after which a cause that stays is told again.",
)
@click.option("--json", "as_json", is_flag=True, help="Print each message as a line of JSON.")
def watch(
    *,
    command: str | None,
    addresses: tuple[str, ...],
    notify: bool,
    quiet: QuietHours | None,
    once: bool,
    every: float,
    lasts: float,
    again: float,
    as_json: bool,
) -> None:
    """Tell when something needs a person, and when that is over: one message a cause and account.

    It judges as `orders-sync status` does. Every message is a line on standard output. --exec runs
    a command with the facts as JSON on its input, and in ORDERS_SYNC_ALERT_EVENT, _SUBJECT (the
    account), _CHECK, _CAUSE, _STATE, _SAYS, _DO, _SINCE, _AT and _ID; --mail sends a mail by the
    server of ORDERS_SYNC_MAIL__HOST; --notify sends to Slack, Teams, a pager or whatever else
    apprise knows, by its URLs in ORDERS_SYNC_NOTIFY_TARGETS (pip install 'orders-sync[notify]').
    Each has 30 seconds, and is tried again where it fails. What comes in --quiet hours, by this
    machine's clock, is told when they end.
    What was told is kept in ORDERS_SYNC_HOME, so a restart tells nothing twice.

    --json: lines of {id, event, subject, check, cause, state, says, do, since, at}; event is
    needed, again or over.

    Exit status: 0 done, 1 something could not be told (with --once), 3 a setting is wrong.
    """
    # Celery is slow to import.
    from orders_sync.status.channels import (  # noqa: PLC0415
        AlertChannel,
        ExecChannel,
        MailChannel,
        NotifyChannel,
        OutputChannel,
    )
    from orders_sync.status.reading import look  # noqa: PLC0415
    from orders_sync.status.watch import Watch, sole_watch  # noqa: PLC0415

    settings = load_settings()
    require_accounts(load_current())
    configure_logging(settings.log_format, "error")
    keep_private(settings)
    channels: list[AlertChannel] = [OutputChannel(echo, as_json=as_json)]
    if command is not None:
        channels.append(ExecChannel(command))
    if addresses:
        channels.append(MailChannel(settings.mail, addresses))
    if notify:
        if not settings.notify_targets:
            raise ConfigurationError(
                "ORDERS_SYNC_NOTIFY_TARGETS is missing: --notify needs somebody to tell. A right "
                'value: ORDERS_SYNC_NOTIFY_TARGETS=["slack://TokenA/TokenB/TokenC/#ops"]'
            )
        channels += [NotifyChannel(n, url) for n, url in enumerate(settings.notify_targets, 1)]
    with sole_watch(settings.home):
        watching = Watch(
            settings.home,
            channels,
            lasts=timedelta(seconds=lasts),
            again=timedelta(hours=again),
            quiet=quiet,
            complain=lambda sentence: echo(sentence, err=True),
        )
        # A signal must not come in the middle of a look, where a client's clean-up may swallow it.
        with StopSignals() as signals:
            try:
                while True:
                    _, findings = look(settings, clock=lambda: datetime.now(UTC))
                    all_told = watching.take_in(findings, now=datetime.now(UTC))
                    if once:
                        sys.exit(0 if all_told else 1)
                    signals.pause(every)
            except StopRequested as stop:
                sys.exit(stop.status if stop.number == signal.SIGINT else 0)
