from __future__ import annotations

import os
import signal

import pytest

from orders_sync.embedded.supervisor import StopRequested, StopSignals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_noticed_at_the_next_pause(number: signal.Signals) -> None:
    with StopSignals() as signals:
        os.kill(os.getpid(), number)

        with pytest.raises(StopRequested) as caught:
            signals.pause(30)

    assert (caught.value.number, caught.value.status) == (number, 128 + number)


def test_without_a_signal_a_pause_ends_by_itself() -> None:
    with StopSignals() as signals:
        signals.pause(0)


def test_the_signals_mean_afterwards_what_they_meant_before() -> None:
    before = signal.getsignal(signal.SIGINT)

    with StopSignals():
        meanwhile = signal.getsignal(signal.SIGINT)

    assert meanwhile is not before
    assert signal.getsignal(signal.SIGINT) is before
