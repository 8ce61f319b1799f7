"""Gathers what the promises are judged by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from orders_sync.demo.leaks import files_with_leaks
from orders_sync.demo.records import Answer, AskedCommand, ErpOrder, Evidence
from orders_sync.demo.sandbox_api import SandboxView
from orders_sync.embedded.broker import broker_folder
from orders_sync.embedded.home import logs_folder


def collect_evidence(
    home: Path,
    seen: SandboxView,
    erp_orders: Sequence[ErpOrder],
    asked: Sequence[AskedCommand] | None = None,
    answers: Mapping[int, Answer] | None = None,
    *,
    also: Iterable[Path] = (),
) -> Evidence:
    """Put together what VTEX saw, what the ERP has, and what was written in the home folder.

    The broker's append-only file has everything that was ever put into it, so that messages that
    were taken long ago are searched too. `also` are other files of the home folder to search.
    """
    files = [
        *logs_folder(home).glob("*.log"),
        *broker_folder(home).rglob("appendonly*.aof*"),
        *also,
    ]
    files = [path for path in files if path.is_file()]
    leaks = files_with_leaks(files, seen.people)
    return Evidence(
        vtex_orders=seen.orders,
        erp_orders=tuple(erp_orders),
        feed_visible=seen.report.feed_visible,
        feed_in_flight=seen.report.feed_in_flight,
        leaks=tuple(str(path.relative_to(home)) for path in leaks),
        searched=len(files),
        people=len(seen.people),
        asked=None if asked is None else tuple(asked),
        answers=answers or {},
        hook=seen.report.hook,
    )
