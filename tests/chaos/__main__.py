"""`python -m tests.chaos`, from the root of the repository."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

# Tests are not installed: they are imported from their folder, as pytest does it.
sys.path.insert(0, str(Path(__file__).parents[1]))
import_module("chaos.command").main(prog_name="python -m tests.chaos")
