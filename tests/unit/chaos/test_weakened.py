from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from orders_sync.settings import child_environment

_TESTS = Path(__file__).parents[2]

PROGRAM = """
import json, time
from datetime import UTC, datetime, timedelta
from orders_sync.upkeep import discrepancies, list_pages, reconcile
now = datetime.now(UTC)
plain = datetime.fromtimestamp(time.time(), UTC)
print(json.dumps({
    "now": now.timestamp(),
    "seconds": time.time(),
    "takes_others": isinstance(now + timedelta(1), datetime) and isinstance(plain, datetime),
    "lag": [list_pages.LAG.total_seconds(), reconcile.LAG.total_seconds()],
    "grace": [discrepancies.GRACE.total_seconds(), reconcile.GRACE.total_seconds()],
    "name": __name__,
}))
"""

SERVICES = """
import json
from pathlib import Path
from orders_sync.bootstrap import build
from orders_sync.settings import Settings
services = build(Settings(home=Path(__file__).parent))
print(json.dumps({"now": services.clock().timestamp()}))
services.close()
"""


def run(
    folder: Path, offset: str, program: str = PROGRAM, *, without: str = ""
) -> dict[str, object]:
    (folder / "told.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "-m", "chaos.weakened", offset, without, str(folder / "slept"), "told"],
        env=child_environment(PYTHONPATH=f"{folder}:{_TESTS}"),
        capture_output=True,
        check=True,
        text=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_programs_clocks_are_all_wrong_by_the_same(tmp_path: Path) -> None:
    right, wrong = run(tmp_path, "0"), run(tmp_path, "86400")

    for clock in ("now", "seconds"):
        assert 86_400 <= float(str(wrong[clock])) - float(str(right[clock])) < 86_400 + 600
    assert right["name"] == wrong["name"] == "__main__"
    assert wrong["takes_others"] is True


def test_what_reconciling_waits_for_is_short_wherever_it_is_used(tmp_path: Path) -> None:
    told = run(tmp_path, "0")

    assert told["lag"] == [4.0, 4.0]
    assert told["grace"] == [15.0, 15.0]


def test_a_process_on_a_machine_whose_clock_is_wrong_goes_by_the_ledgers(tmp_path: Path) -> None:
    told = run(tmp_path, "86400", SERVICES)

    assert abs(float(str(told["now"])) - time.time()) < 600


def test_a_clock_stood_still_for_as_long_as_the_machine_was_asleep(tmp_path: Path) -> None:
    program = "import json, time; print(json.dumps({'now': time.monotonic()}))"
    (tmp_path / "slept").write_text("50")

    before = time.monotonic()
    told = run(tmp_path, "0", program)

    assert before - 50 <= float(str(told["now"])) <= time.monotonic() - 50
