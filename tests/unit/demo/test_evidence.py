from __future__ import annotations

from pathlib import Path

from orders_sync.demo.evidence import collect_evidence
from orders_sync.demo.promises import judge
from orders_sync.demo.sandbox_api import SandboxReport, SandboxView

REPORT = SandboxReport(
    calls={},
    orders=0,
    taken_over=0,
    cancelled=0,
    feed_configured=True,
    feed_visible=1,
    feed_in_flight=2,
    feed_committed=0,
)
SEEN = SandboxView(orders=(), report=REPORT, people=("Maria Leitão", "12345678901"))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_logs_and_all_that_the_broker_was_given_are_searched(tmp_path: Path) -> None:
    _write(tmp_path / "logs" / "worker1.log", "order 1-01 of Maria Leitão")
    _write(tmp_path / "logs" / "beat.log", "quiet")
    _write(tmp_path / "broker" / "appendonlydir" / "appendonly.aof.1.incr.aof", "SET 12345678901")

    evidence = collect_evidence(tmp_path, SEEN, ())

    assert sorted(evidence.leaks) == [
        "broker/appendonlydir/appendonly.aof.1.incr.aof",
        "logs/worker1.log",
    ]
    assert (evidence.searched, evidence.people) == (3, 2)


def test_a_leak_is_named_by_its_file_and_never_repeated(tmp_path: Path) -> None:
    _write(tmp_path / "logs" / "worker1.log", "order 1-01 of Maria Leitão")

    verdicts = judge(collect_evidence(tmp_path, SEEN, ()))

    assert "broken by logs/worker1.log" in [verdict.why for verdict in verdicts]
    assert "Maria" not in repr(verdicts)


def test_what_waits_in_the_feed_is_evidence(tmp_path: Path) -> None:
    evidence = collect_evidence(tmp_path, SEEN, ())

    assert (evidence.feed_visible, evidence.feed_in_flight) == (1, 2)
