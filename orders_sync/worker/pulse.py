"""Beat's pulse, by which it is seen from outside whether beat works, and its end on SIGTERM."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from celery.signals import after_task_publish, beat_init

from orders_sync.broker.liveness import Pulse
from orders_sync.embedded.home import beat_pulse_file
from orders_sync.settings import watchdog_address


def keep_pulse(home: Path) -> None:
    """Have this process, if it becomes beat, show whenever the broker took a message.

    It touches a file as old as its last message, and tells systemd, whose watchdog replaces it. A
    beat whose clock was set back sends nothing until that hour has come again.
    """
    pulse = Pulse("beat", beat_pulse_file(home), watchdog=watchdog_address())

    @beat_init.connect(weak=False)
    def _begin(**_: Any) -> None:
        pulse.remove()
        after_task_publish.connect(_beat, weak=False)

    def _beat(**_: Any) -> None:
        pulse.answered()


def end_surely() -> None:
    """Have this process, if it becomes beat, end for SIGTERM whatever it is at.

    Celery raises SystemExit from its handler, which is lost where a library drops what is raised
    in a callback; the loop then ends after its turn.
    """

    @beat_init.connect(weak=False)
    def _begin(sender: Any, **_: Any) -> None:
        former: Any = signal.getsignal(signal.SIGTERM)

        def _end(number: int, frame: Any) -> None:
            sender.stop()
            if callable(former):
                former(number, frame)

        signal.signal(signal.SIGTERM, _end)
