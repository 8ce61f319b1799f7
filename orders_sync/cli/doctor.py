"""`orders-sync doctor`: what works, and what to do about what does not."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import click

from orders_sync.cli.output import as_json, echo, print_json
from orders_sync.doctor.findings import Finding, State, exit_status
from orders_sync.logging import configure_logging
from orders_sync.terminal import legible

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
    from orders_sync.settings import load_settings  # noqa: PLC0415

    # What does not work is told below, once.
    configure_logging("console", "error")
    made_up_id = f"orders-sync-doctor-{uuid.uuid4().hex}"
    findings = list(examine(load_settings, clock=lambda: datetime.now(UTC), made_up_id=made_up_id))
    status = exit_status(findings)
    if as_json:
        print_json({"status": status, "findings": [asdict(finding) for finding in findings]})
    else:
        print_findings(findings)
    sys.exit(status)


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
