"""A file as old as beat's last message, so that from outside it is seen whether beat works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from celery.signals import after_task_publish, beat_init


def pulse_file(home: Path) -> Path:
    """Give the file that beat touches."""
    return home / "beat.pulse"


def keep_pulse(home: Path) -> None:
    """Have this process, if it becomes beat, touch its file whenever the broker took a message."""
    path = pulse_file(home)

    @beat_init.connect(weak=False)
    def _begin(**_: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        after_task_publish.connect(_beat, weak=False)

    def _beat(**_: Any) -> None:
        path.touch()
