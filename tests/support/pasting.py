"""What a shell makes of a command that a person pastes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def words_of(command: str, folder: Path) -> list[str]:
    """Return the words after `orders-sync` as bash, in `folder`, hands them to the program."""
    program, rest = command.split(" ", 1)
    assert program == "orders-sync"
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run(
        [bash, "-c", rf"printf %s\\0 {rest}"], cwd=folder, capture_output=True, check=True
    )
    return done.stdout.decode().split("\0")[:-1]
