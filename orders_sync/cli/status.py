"""`orders-sync status` and `doctor`: how all stands, what works, and what needs a person."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from orders_sync.cli.context import load_current
from orders_sync.cli.output import as_json, echo, print_json
from orders_sync.doctor.findings import Finding, State, exit_status
from orders_sync.domain.words import at, in_words
from orders_sync.logging import configure_logging
from orders_sync.metrics.labels import OTHER
from orders_sync.settings import load_settings, require_accounts
from orders_sync.terminal import legible

if TYPE_CHECKING:
    from orders_sync.status.overview import AccountOverview, Overview

_UNKNOWN = "not known"

_MARKS = {
    State.OK: ("ok", "green"),
    State.WARNING: ("LOOK", "yellow"),
    State.FAILED: ("FAILED", "red"),
    State.UNCONFIGURED: ("SET UP", "red"),
    State.NOT_PROBED: ("-", None),
}


@click.command()
@as_json
def doctor(*, as_json: bool) -> None:
    """Examine settings, broker, workers, ledger, accounts and ERPs; change nothing.

    One line each: ok, or what to do. VTEX is asked about an order that does not exist, so that
    nothing can come of it. It ends within half a minute, whatever is away.

    Exit status: 0 all is well, 1 something needs a person, 3 a setting is wrong.
    """
    from orders_sync.doctor.examination import examine  # noqa: PLC0415 - Celery is slow to import.

    # What does not work is told below, once.
    configure_logging("console", "error")
    made_up_id = f"orders-sync-doctor-{uuid.uuid4().hex}"
    findings = list(examine(load_settings, clock=lambda: datetime.now(UTC), made_up_id=made_up_id))
    code = exit_status(findings)
    if as_json:
        print_json({"status": code, "findings": [asdict(finding) for finding in findings]})
    else:
        print_findings(findings)
    sys.exit(code)


@click.command()
@as_json
def status(*, as_json: bool) -> None:
    """Show how every account stands: lag, work, budget, polls, queues, and what needs a person.

    It reads what workers left in ledger and broker, calls nobody else, and ends within ten
    seconds, whatever is away.

    --json: {status, at, accounts, strays, queues, unacknowledged, needs}. Each of accounts is
    {account, lag_seconds, orders, commands, polled_at, last_successful_poll_at, poll_rests_until,
    budget, open_breakers, paused_since, is_disabled}; orders and commands are {in_flight, waiting,
    parked}, the last two by cause; budget is {calls, per_minute, budget, held_seconds}. strays is
    {parked, in_broker, dropped}, queues the messages by queue, each of needs {subject, check,
    state, says, do, cause}. What is not known, since a part is away, is null. Accounts that are not
    configured are summed up as other; needs names them where their work is late.

    Exit status: 0 all goes by itself, 1 something needs a person, 3 a setting is wrong.
    """
    from orders_sync.status.reading import look  # noqa: PLC0415 - Celery is slow to import.

    settings = load_settings()
    require_accounts(load_current())
    configure_logging(settings.log_format, settings.log_level)
    overview, needs = look(settings, clock=lambda: datetime.now(UTC))
    if as_json:
        print_json(_as_object(overview, needs))
    else:
        _print(overview, needs)
    sys.exit(exit_status(needs))


def print_findings(findings: Sequence[Finding]) -> None:
    """Print one line a finding, and a sentence at the end."""
    width = max(len(f"{finding.subject}: {finding.check}") for finding in findings)
    for finding in findings:
        mark, colour = _MARKS[finding.state]
        name = legible(f"{finding.subject}: {finding.check}")
        do = f" -> {legible(finding.do)}" if finding.do else ""
        click.echo(
            f"{click.style(f'{mark:6}', fg=colour)}  {name:{width}}  {legible(finding.says)}{do}"
        )
    troubled = [f for f in findings if f.state not in {State.OK, State.NOT_PROBED}]
    echo(f"{len(troubled)} of {len(findings)} need a person." if troubled else "All is well.")


def _as_object(overview: Overview, needs: Sequence[Finding]) -> dict[str, Any]:
    broker = overview.broker
    return {
        "status": exit_status(needs),
        "at": overview.at,
        "accounts": [asdict(account) for account in overview.accounts],
        "strays": {
            "parked": overview.strays_parked,
            "in_broker": broker.strays if broker else None,
            "dropped": broker.strays_dropped if broker else None,
        },
        "queues": broker.waiting if broker else None,
        "unacknowledged": broker.unacknowledged if broker else None,
        "needs": [asdict(finding) for finding in needs],
    }


def _print(overview: Overview, needs: Sequence[Finding]) -> None:
    for account in overview.accounts:
        echo(account.account, bold=True)
        _print_lines(_account_lines(account, overview.at))
    echo("all accounts", bold=True)
    _print_lines(_shared_lines(overview))
    echo()
    if needs:
        print_findings(needs)
    else:
        echo("Nothing needs a person.")


def _print_lines(lines: Iterator[tuple[str, str]]) -> None:
    for name, says in lines:
        echo(f"  {name:10} {says}")


def _account_lines(account: AccountOverview, now: datetime) -> Iterator[tuple[str, str]]:
    lag = account.lag_seconds
    yield "lag", _UNKNOWN if lag is None else in_words(lag)
    for kind, work in (("orders", account.orders), ("commands", account.commands)):
        if work is None:
            yield kind, _UNKNOWN
            continue
        says = f"{work.in_flight} in flight"
        if work.waiting:
            says += f"; waiting: {_by_cause(work.waiting)}"
        if work.parked:
            says += f"; parked: {_by_cause(work.parked)}"
        yield kind, says
    # What is not configured is neither polled nor called.
    if account.is_disabled:
        yield "DISABLED", f"its work waits; orders-sync accounts enable {account.account}"
    elif account.account != OTHER:
        yield "polled", _polled(account, now)
        yield "budget", _budget(account)
        yield from _erp_calls(account)
        yield "breakers", _breakers(account)


def _polled(account: AccountOverview, now: datetime) -> str:
    if account.orders is None:
        return _UNKNOWN
    if account.polled_at is None:
        return "never"
    succeeded_at = account.last_successful_poll_at
    says = f"successfully {_ago(succeeded_at, now)}" if succeeded_at else "never successfully"
    if succeeded_at is None or account.polled_at > succeeded_at:
        says += f"; tried {_ago(account.polled_at, now)}"
    if account.poll_rests_until is not None:
        rest = (account.poll_rests_until - now).total_seconds()
        says += f", and failed; again in {in_words(rest)}"
    return says


def _ago(moment: datetime, now: datetime) -> str:
    return f"{in_words(max((now - moment).total_seconds(), 0.0))} ago"


def _budget(account: AccountOverview) -> str:
    used = account.budget
    if used is None:
        return _UNKNOWN
    says = f"{used.calls} calls in the last minute, of {used.budget}"
    if used.per_minute < used.budget:
        says += f"; {used.per_minute} a minute now"
    if used.held_seconds >= 1:
        says += f"; held for {in_words(used.held_seconds)}"
    if account.paused_since is not None:
        says += f"; PAUSED since {at(account.paused_since)}"
    return says


def _erp_calls(account: AccountOverview) -> Iterator[tuple[str, str]]:
    """Yield what is used of the ERP's own limits, where it has one or asked for a rest."""
    says = []
    if account.erp_budget is not None:
        used = account.erp_budget
        says.append(f"{used.calls} calls in the last minute, of {used.budget}")
    if account.erp_held_seconds >= 1:
        says.append(f"held for {in_words(account.erp_held_seconds)}")
    if says:
        yield "ERP", "; ".join(says)


def _breakers(account: AccountOverview) -> str:
    if account.open_breakers is None:
        return _UNKNOWN
    return f"open: {', '.join(account.open_breakers)}" if account.open_breakers else "closed"


def _shared_lines(overview: Overview) -> Iterator[tuple[str, str]]:
    broker, parked = overview.broker, overview.strays_parked
    if broker is None:
        yield "queues", _UNKNOWN
    else:
        depths = ", ".join(f"{queue} {length}" for queue, length in broker.waiting.items())
        yield "queues", f"{depths}; taken and not acknowledged: {broker.unacknowledged}"
    strays = _UNKNOWN if parked is None else f"{parked} parked"
    if broker and broker.strays:
        strays += f", {broker.strays} on their way to the ledger"
    if broker and broker.strays_dropped:
        strays += f", {broker.strays_dropped} dropped, since they were too many"
    yield "strays", strays


def _by_cause(causes: Mapping[str, int]) -> str:
    return ", ".join(f"{cause or '?'} {number}" for cause, number in causes.items())
