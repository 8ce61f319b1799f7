"""What beat puts on the queues, and how often."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from orders_sync.settings import Settings


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Give Celery's schedule.

    A tick that was not taken before the next one is due expires, so an outage leaves no pile.
    """
    schedule = {"upkeep.sweep": _every(settings.sweep_seconds, "upkeep.sweep")}
    for account in settings.accounts:
        for task, seconds in (
            ("feed.poll", settings.poll_seconds),
            ("feed.acknowledge", settings.acknowledge_seconds),
            ("erp.pull", settings.pull_seconds),
            ("upkeep.watch_feed", settings.watch_feed_seconds),
        ):
            schedule[f"{task} {account}"] = _every(seconds, task, account=account)
    return schedule


def _every(seconds: float, task: str, **kwargs: str) -> dict[str, Any]:
    return {
        "task": task,
        "schedule": timedelta(seconds=seconds),
        "kwargs": kwargs,
        "options": {"expires": max(seconds, 1.0)},
    }
