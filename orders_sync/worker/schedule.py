"""What beat puts on the queues, and how often."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from orders_sync.settings import Settings

#: Beat keeps no file, and so begins to count anew when it is restarted: a purge a day might never
#: come. One that has nothing to do costs nothing.
_PURGE_SECONDS = 3600.0

#: How long what no task can take, and may be personal, lies in the broker.
_STRAYS_SECONDS = 10.0

#: How far the clocks of two machines may be apart.
_CLOCKS_DIFFER_SECONDS = 120.0


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Give Celery's schedule.

    A tick that was not taken for long expires, so an outage leaves no pile. Beat says by its own
    clock until when, and the worker judges by its own, so it may not be too short: workers that are
    a little ahead would take no tick at all.
    """
    schedule = {
        "upkeep.purge": _every(_PURGE_SECONDS, "upkeep.purge"),
        "upkeep.collect_strays": _every(_STRAYS_SECONDS, "upkeep.collect_strays"),
    }
    for account in settings.accounts:
        for task, seconds in (
            ("feed.poll", settings.poll_seconds),
            ("feed.acknowledge", settings.acknowledge_seconds),
            ("erp.pull", settings.pull_seconds),
            ("upkeep.watch_feed", settings.watch_feed_seconds),
            ("upkeep.reconcile", settings.reconcile_seconds),
        ):
            schedule[f"{task} {account}"] = _every(seconds, task, account=account)
    return schedule


def _every(seconds: float, task: str, **kwargs: str) -> dict[str, Any]:
    return {
        "task": task,
        "schedule": timedelta(seconds=seconds),
        "kwargs": kwargs,
        "options": {"expires": seconds + _CLOCKS_DIFFER_SECONDS},
    }
