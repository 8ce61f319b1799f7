from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.beat import Scheduler, Service
from celery.signals import beat_init

from orders_sync.embedded.home import beat_pulse_file
from orders_sync.embedded.process_list import ProcessList
from orders_sync.worker.startup import end_surely


class Deaf(Scheduler):  # type: ignore[misc]
    """A scheduler in which a library drops the SystemExit of Celery's handler."""

    turns = 0

    def tick(self, *_: Any, **__: Any) -> float:
        self.turns += 1
        assert self.turns == 1, "beat went on after SIGTERM"
        with suppress(SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)
        return 0.0


@pytest.fixture
def restored() -> Iterator[None]:
    former, receivers = signal.getsignal(signal.SIGTERM), list(beat_init.receivers)
    yield
    signal.signal(signal.SIGTERM, former)
    beat_init.receivers = receivers


@pytest.mark.usefixtures("restored")
def test_beat_ends_though_its_exit_was_lost_in_a_library() -> None:
    def exit_as_celery_does(*_: object) -> None:
        raise SystemExit

    signal.signal(signal.SIGTERM, exit_as_celery_does)
    end_surely()
    app = Celery("beat", broker="memory://", set_as_current=False)
    service: Any = Service(app, scheduler_cls=Deaf, remote_control=False)

    service.start()

    assert service.scheduler.turns == 1


def test_up_watches_the_pulse_of_beat(tmp_path: Path) -> None:
    crew = ProcessList(tmp_path, {}, workers=1, flower_port=None, log_level="info")

    [beat] = [spec for spec in crew.specs() if spec.name == "beat"]

    assert beat.pulse == beat_pulse_file(tmp_path)
