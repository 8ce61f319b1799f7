"""The promises of `Erp.pull` and `Erp.answer`, each as a test; a part of `ErpSuite`.

With an adapter that issues no commands they show that it offers none, and takes any answer.
"""
# ruff: noqa: S101 -- a test asserts

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from orders_sync.domain.commands import Command, Outcome
from orders_sync.erp.base import Erp
from orders_sync.testing.erp_hooks import ErpHooks


def offered(erp: Erp, order_id: str) -> list[Command]:
    """Pull all pages, and keep the order's commands."""
    page = erp.pull(None)
    rows = list(page.rows)
    while page.cursor is not None:
        page = erp.pull(page.cursor)
        rows.extend(page.rows)
    return [command for command in rows if command.order_id == order_id]


class CommandSuite(ErpHooks):
    """What becomes of the commands that the ERP gives."""

    def test_a_command_is_offered_under_one_key_until_it_is_answered(
        self, erp: Erp, second_erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """Pulling does not consume: whoever pulls gets the same command."""
        command = self.command(new_id())
        is_issued = self.issue(tmp_path, command)

        pulled = [offered(each, command.order_id) for each in (erp, erp, second_erp)]

        assert pulled[0] == pulled[1] == pulled[2]
        assert [it.kind for it in pulled[0]] == [command.kind] * is_issued
        assert all(it.key for it in pulled[0])

    def test_a_command_that_was_answered_is_not_offered_again(
        self, erp: Erp, second_erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """An answer counts for every instance, and can be repeated."""
        command = self.command(new_id())
        self.issue(tmp_path, command)

        for it in offered(erp, command.order_id):
            erp.answer(it, Outcome("accepted"))
            second_erp.answer(it, Outcome("accepted"))

        assert offered(erp, command.order_id) == offered(second_erp, command.order_id) == []
        assert self.told(tmp_path, command.order_id) in {None, "accepted"}

    def test_a_command_that_ended_stays_ended(
        self, erp: Erp, second_erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """An answer that comes late does not take an end back."""
        command = self.command(new_id())
        self.issue(tmp_path, command)

        for it in offered(erp, command.order_id):
            erp.answer(it, Outcome("done", receipt="R-1"))
            second_erp.answer(it, Outcome("accepted"))
            second_erp.answer(it, Outcome("parked", "VTEX did not answer"))

        assert offered(erp, command.order_id) == []
        assert self.told(tmp_path, command.order_id) in {None, "done"}

    def test_an_answer_to_a_command_it_never_gave_is_passed_over(
        self, erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """An answer changes the command of its key, and no other."""
        command = self.command(new_id())
        is_issued = self.issue(tmp_path, command)

        erp.answer(replace(command, key=f"elsewhere-{new_id()}"), Outcome("done"))
        erp.answer(replace(command, key=None), Outcome("done"))

        assert len(offered(erp, command.order_id)) == is_issued
