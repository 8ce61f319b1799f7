"""Another service, as a process: it triggers tasks by name, and knows nothing but the broker's URL.

Run as `python -m orders_sync.demo.other_service FOLDER [once]`, with CELERY_BROKER_URL set.
Whatever message lies in the folder is sent, `{"task": ..., "kwargs": {...}}`, until it is taken
away; with `once`, only until the broker has it. It imports nothing of ours: this is what any
service with Celery can do.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from celery import Celery

#: On stock Redis transports a worker that is killed may lose a message that it just took, and
#: nobody is told. So what has had no effect for so long is sent again: with the same key it is the
#: same command.
AGAIN_AFTER_SECONDS = 10.0

#: Each message is sent so often, to show that the key makes them one.
COPIES = 2

_LOOK_EVERY_SECONDS = 0.2

Send = Callable[[str, Mapping[str, Any]], object]


class MessageFolder:
    """A folder of messages to send; call `tend` often.

    With `once` a message is never sent again after it was sent without an error: the broker is
    trusted with the only copy. A file beside it says so, for a service that is started again.
    """

    def __init__(
        self, folder: Path, send: Send, clock: Callable[[], float], *, once: bool = False
    ) -> None:
        self._folder = folder
        self._send = send
        self._clock = clock
        self._once = once
        self._due_at: dict[str, float] = {}

    def tend(self) -> None:
        """Send what is new, and again what has waited long."""
        for path in sorted(self._folder.glob("*.json")):
            if self._once:
                self._send_once(path)
                continue
            now = self._clock()
            if now >= self._due_at.get(path.name, now):
                self._due_at[path.name] = now + AGAIN_AFTER_SECONDS
                self._send_file(path)

    def _send_once(self, path: Path) -> None:
        mark = path.with_suffix(".sent")
        if not mark.exists():
            self._send_file(path, copies=1)
            mark.touch()

    def _send_file(self, path: Path, copies: int = COPIES) -> None:
        try:
            message = json.loads(path.read_text())
        except FileNotFoundError:
            return  # It has taken effect just now.
        for _ in range(copies):
            self._send(message["task"], message["kwargs"])


def main(folder: str, how_often: str = "") -> None:
    """Send until this process is ended."""
    app = Celery()

    def send(task: str, kwargs: Mapping[str, Any]) -> None:
        app.send_task(task, kwargs=kwargs)

    outbox = MessageFolder(Path(folder), send, time.monotonic, once=how_often == "once")
    while True:
        outbox.tend()
        time.sleep(_LOOK_EVERY_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
