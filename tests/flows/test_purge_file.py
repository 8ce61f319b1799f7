"""What is left in an SQLite file; PostgreSQL's VACUUM sees to the same."""

from __future__ import annotations

from pathlib import Path

from support.flow import Flow
from support.purging import DAY, fulfilled, purged


def test_what_was_erased_is_gone_from_the_file(flow: Flow, tmp_path: Path) -> None:
    fulfilled(flow)
    flow.clock.advance(91 * DAY)

    purged(flow)

    left = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.sqlite3*"))
    assert b"Ana Souza" not in left
    assert not [person for person in flow.box.people() if person.encode() in left]
