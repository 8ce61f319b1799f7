from __future__ import annotations

import json
import subprocess
import sys

import pytest

NAME = "Nepomuceno"

START = """
import threading, warnings
from orders_sync.logging import configure_logging
from orders_sync.logging import log_crashes

configure_logging("json", "info")
log_crashes()

def fail():
    raise RuntimeError("Nepomuceno")
"""

THREAD = "thread = threading.Thread(target=fail, name='t'); thread.start(); thread.join()"


@pytest.mark.parametrize(
    ("end", "event", "words"),
    [
        pytest.param("fail()", "process.crashed", "RuntimeError at __main__", id="a process"),
        pytest.param(THREAD, "thread.crashed", "RuntimeError at __main__", id="a thread"),
        pytest.param("warnings.warn('Nepomuceno')", "UserWarning", "UserWarning", id="a warning"),
    ],
)
def test_what_nobody_caught_is_one_line_that_quotes_nothing(
    end: str, event: str, words: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START + end], capture_output=True, text=True, check=False
    )

    (line,) = map(json.loads, done.stderr.splitlines())
    assert event in line["event"]
    assert words in str(line)
    assert NAME not in done.stderr
