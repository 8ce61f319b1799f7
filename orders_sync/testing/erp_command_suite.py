"""The promises of `Erp.pull`, `Erp.answer` and `answer_all`, each as a test; a part of `ErpSuite`.

With an adapter that issues no commands they show that it offers none, and takes any answer.
"""
# ruff: noqa: S101 -- a test asserts

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from orders_sync.domain.commands import Command, Outcome
from orders_sync.erp.base import Erp
from orders_sync.erp.guarded import answer_all
from orders_sync.testing.erp_hooks import ErpHooks, Tell


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

        pulled = [offered(instance, command.order_id) for instance in (erp, erp, second_erp)]

        assert pulled[0] == pulled[1] == pulled[2]
        assert [given.kind for given in pulled[0]] == [command.kind] * is_issued
        assert all(given.key for given in pulled[0])

    def test_a_command_that_was_answered_is_not_offered_again(
        self, erp: Erp, second_erp: Erp, tell: Tell, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """An answer counts for every instance, and can be repeated."""
        command = self.command(new_id())
        self.issue(tmp_path, command)

        accepted = [(given, Outcome("accepted")) for given in offered(erp, command.order_id)]
        tell(erp, accepted)
        tell(second_erp, accepted)

        assert offered(erp, command.order_id) == offered(second_erp, command.order_id) == []
        assert self.told(tmp_path, command.order_id) in {None, "accepted"}

    def test_a_command_that_ended_stays_ended(
        self, erp: Erp, second_erp: Erp, tell: Tell, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """An answer that comes late does not take an end back."""
        command = self.command(new_id())
        self.issue(tmp_path, command)
        late = Outcome("accepted"), Outcome("parked", "VTEX did not answer")

        commands = offered(erp, command.order_id)
        tell(erp, [(given, Outcome("done", receipt="R-1")) for given in commands])
        tell(second_erp, [(given, outcome) for given in commands for outcome in late])

        assert offered(erp, command.order_id) == []
        assert self.told(tmp_path, command.order_id) in {None, "done"}

    def test_answers_count_in_their_order(
        self, erp: Erp, tell: Tell, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """The last of several answers to one command shows."""
        command = self.command(new_id())
        self.issue(tmp_path, command)
        outcomes = Outcome("accepted"), Outcome("parked", "VTEX did not answer")

        commands = offered(erp, command.order_id)
        tell(erp, [(given, outcome) for given in commands for outcome in outcomes])

        assert self.told(tmp_path, command.order_id) in {None, "parked"}

    def test_an_answer_to_a_command_it_never_gave_is_passed_over(
        self, erp: Erp, tell: Tell, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """An answer changes the command of its key, and no other."""
        command = self.command(new_id())
        is_issued = self.issue(tmp_path, command)

        strange = [replace(command, key=key) for key in (f"elsewhere-{new_id()}", None)]
        tell(erp, [(other, Outcome("done")) for other in strange])

        assert len(offered(erp, command.order_id)) == is_issued

    def test_an_answer_that_it_cannot_take_stops_no_other(
        self, erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """An answer in any letters is written, or it is named and the next ones are taken."""
        commands = [self.command(new_id()) for _ in range(2)]
        for command in commands:
            self.issue(tmp_path, command)
        [strange, plain] = [offered(erp, command.order_id) for command in commands]

        answers = [(given, Outcome("refused", "half \ud800 and \0 none")) for given in strange]
        answers += [(given, Outcome("done", receipt="R-1")) for given in plain]
        not_taken = {key for _, keys in answer_all(erp, answers) for key in keys}

        assert not_taken <= {given.key for given in strange}
        assert self.told(tmp_path, commands[1].order_id) in {None, "done"}
        if not not_taken:
            assert self.told(tmp_path, commands[0].order_id) in {None, "refused"}
