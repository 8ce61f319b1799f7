"""What every kind of test may ask for."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from orders_sync.testing.clock import SettableClock

# How long an example takes is the machine's affair.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

pytest_plugins = [
    "support.mariadb",
    "support.postgres",
    "support.pgbouncer",
    "support.erp_databases",
    "support.tryton",
]

_MEMORY = Path("/dev/shm")  # noqa: S108 -- its files have names of their own
_MEMORY_BYTES = 4 << 30


#: What takes longest comes first, so that everything does not wait for it in the end.
_FIRST = (
    "worker/test_chaos.py",
    "worker/test_chaos_proofs.py",
    "contract/test_tryton.py",
    "worker/test_up.py",
    "worker/test_demo_promises.py",
    "worker/test_traffic.py",
    "worker/test_accounts.py",
    "worker",
    "contract",
    "flows",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, in whatever order the others are."""
    tests = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(tests)
        names = (str(path), path.parts[0])
        return min((_FIRST.index(name) for name in names if name in _FIRST), default=len(_FIRST))

    items.sort(key=place)


def pytest_configure(config: pytest.Config) -> None:
    """Keep files of tests in memory where there is room: a database waits for every disk."""
    # xdist would begin with the files that have most tests, which are the quickest.
    config.option.loadscopereorder = False
    if "TMPDIR" not in os.environ and _has_room(_MEMORY):  # noqa: TID251 -- no setting of the project's
        os.environ["TMPDIR"] = str(_MEMORY)  # noqa: TID251 -- as above
        tempfile.tempdir = None


def _has_room(folder: Path) -> bool:
    """Tell whether databases fit into a folder, and programs in it may be run."""
    if not folder.is_dir() or shutil.disk_usage(folder).free < _MEMORY_BYTES:
        return False
    return not os.statvfs(folder).f_flag & os.ST_NOEXEC


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in os.environ:  # noqa: TID251 - tests guard the environment that settings.py reads.
        if name.upper().startswith("ORDERS_SYNC_"):
            monkeypatch.delenv(name)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()
