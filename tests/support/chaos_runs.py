"""Runs of chaos in a process of their own, as a person starts them: `python -m tests.chaos`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]

#: Ample: on an idle machine a run takes a minute and a half.
_SECONDS: Final = 420.0


def run_chaos(*options: str) -> subprocess.CompletedProcess[str]:
    """Return how a run with these options ended, and what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "tests.chaos", *options],
        check=False,
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
