"""The whole examination: what is looked at, and in which order it is reported."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

from orders_sync.broker.liveness import LivingWorker
from orders_sync.doctor.account import examine_account
from orders_sync.doctor.bounded import Probe, run_probes
from orders_sync.doctor.broker import BROKER, examine_broker
from orders_sync.doctor.capacity import CAPACITY, examine_capacity, examine_disk
from orders_sync.doctor.erp import CHECK, examine_erp
from orders_sync.doctor.findings import Finding, State
from orders_sync.doctor.ledger import LEDGER, examine_ledger
from orders_sync.doctor.readings import read_broker
from orders_sync.doctor.traffic import TRAFFIC, examine_traffic
from orders_sync.doctor.work import examine_work, judge_unusable
from orders_sync.doctor.workers import BEAT, explain_late_polls
from orders_sync.domain.steps import Queue
from orders_sync.domain.time import Clock
from orders_sync.errors import ConfigurationError, OrdersSyncError
from orders_sync.private_files import open_paths
from orders_sync.roster import settings_in_force
from orders_sync.settings import Settings, require_accounts
from orders_sync.vtex.connections import VtexAdapter

_SETTINGS = "settings"
_SHOWN_PATHS = 8


def examine(
    load: Callable[[], Settings], *, clock: Clock, made_up_id: str, seconds: float = 30.0
) -> Iterator[Finding]:
    """Examine everything; what cannot be looked at without right settings is said to be so.

    `load` reads the settings. `made_up_id` is the id of an order that cannot exist at VTEX. All of
    it takes `seconds` at most.
    """
    try:
        settings = load()
    except ConfigurationError as error:
        yield Finding(_SETTINGS, "readable", State.UNCONFIGURED, str(error))
        rest = f"{BROKER}, workers, {TRAFFIC}, {LEDGER}, {BEAT}, {CAPACITY}, accounts"
        yield Finding("the rest", "all", State.NOT_PROBED, f"{rest}: the settings are wrong")
        return
    troubles: Mapping[str, str] = {}
    with suppress(OrdersSyncError):
        # The examination of the ledger says what is wrong with it.
        settings, troubles = settings_in_force(settings)
    yield _accounts(settings)
    yield from judge_unusable(troubles)
    yield _privacy(settings)
    adapter = VtexAdapter(settings.vtex.connections)
    probes = [
        *_shared_probes(settings, clock),
        *_account_probes(settings, adapter=adapter, clock=clock, made_up_id=made_up_id),
    ]
    findings = list(run_probes(probes, seconds=seconds))
    adapter.close()
    yield from _explain_beat(findings, settings)


def _shared_probes(settings: Settings, clock: Clock) -> Iterator[Probe]:
    yield Probe(BROKER, "all", lambda: examine_broker(settings, clock=clock))
    yield Probe(TRAFFIC, "shared", lambda: examine_traffic(settings))
    yield Probe(LEDGER, "all", lambda: examine_ledger(settings, clock=clock))
    yield Probe("work", "all", lambda: examine_work(settings, clock=clock))
    yield Probe(CAPACITY, "all", lambda: examine_capacity(settings))
    yield Probe(CAPACITY, "disk", lambda: examine_disk(settings))


def _account_probes(
    settings: Settings, *, adapter: VtexAdapter, clock: Clock, made_up_id: str
) -> Iterator[Probe]:
    for account, keys in sorted(settings.accounts.items()):
        look = partial(
            examine_account,
            account,
            settings,
            adapter=adapter,
            clock=clock,
            made_up_id=made_up_id,
        )
        yield Probe(account, "VTEX", look)
        if keys.enabled:
            yield Probe(account, CHECK, partial(examine_erp, account, settings))


def _explain_beat(findings: Sequence[Finding], settings: Settings) -> Iterator[Finding]:
    """Yield the findings; where polls are late, with who is to blame."""
    ticks = 0
    workers: Sequence[LivingWorker] = ()
    if any(finding.subject == BEAT and finding.state is State.FAILED for finding in findings):
        # That the broker is away is a finding already.
        with suppress(OrdersSyncError):
            state, workers = read_broker(settings)
            ticks = state.waiting[Queue.FEED]
    yield from explain_late_polls(findings, ticks=ticks, workers=workers)


def _privacy(settings: Settings) -> Finding:
    """Return who may read what lies in the home folder: the ledger's orders and the secrets."""
    exposed = open_paths(settings)
    if not exposed:
        return Finding(_SETTINGS, "private", State.OK, "nobody else may read the home folder")
    return Finding(
        _SETTINGS,
        "private",
        State.WARNING,
        f"other users of this machine may use {len(exposed)} of our folders and files, such as "
        f"{exposed[0]}",
        f"Close them, as their owner: chmod go= -- {shlex.join(map(str, exposed[:_SHOWN_PATHS]))}",
    )


def _accounts(settings: Settings) -> Finding:
    try:
        require_accounts(settings)
    except ConfigurationError as error:
        return Finding(_SETTINGS, "readable", State.UNCONFIGURED, str(error))
    listed = ", ".join(sorted(settings.accounts))
    return Finding(_SETTINGS, "readable", State.OK, f"accounts: {listed}; home: {settings.home}")
