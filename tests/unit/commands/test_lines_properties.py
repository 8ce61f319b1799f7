"""What holds for the commands of every line, whatever state they are in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from orders_sync.commands.lines import DECIDING, Place, blockers
from orders_sync.domain.rules import Standing

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)

moments = st.integers(0, 8).map(lambda seconds: NOW + timedelta(seconds=seconds))
names = st.none() | st.sampled_from("ab")


@st.composite
def lines(draw: st.DrawFn) -> list[Place]:
    """Draw a line of goods in any state, its places in any order."""
    number = draw(st.integers(0, 6))
    return draw(
        st.permutations(
            [
                Place(
                    command_id=f"{at}",
                    kind=draw(st.sampled_from(["invoice", "change", "cancel", "deny"])),
                    standing=draw(
                        st.sampled_from([Standing.ACTIVE, Standing.WAITING, Standing.PARKED])
                    ),
                    outcome=draw(st.sampled_from(["accepted", "parked", "refused"])),
                    position=at,
                    has_begun=draw(st.booleans()),
                    is_rest=draw(st.booleans()),
                    brings_number=False,
                    number=draw(names),
                    asked_key=draw(names),
                    created_at=draw(moments),
                )
                for at in range(number)
            ]
        )
    )


def may_go(line: list[Place]) -> list[Place]:
    return [place for place, other in blockers(line) if other is None]


def is_open(line: list[Place]) -> list[Place]:
    return sorted((each for each in line if each.is_open), key=lambda each: each.position)


@given(lines())
def test_besides_those_that_began_or_passed_only_the_oldest_may_go(line: list[Place]) -> None:
    in_turn = [each for each in may_go(line) if not each.has_begun and each.kind not in DECIDING]

    assert in_turn in ([], is_open(line)[:1])


@given(lines())
def test_nobody_begins_while_another_is_being_sent_but_a_denial_of_our_cancellation(
    line: list[Place],
) -> None:
    beginning = [each for each in may_go(line) if not each.has_begun]
    sent = [each for each in is_open(line) if each.has_begun]

    for each in beginning:
        assert all((each.kind, other.kind) == ("deny", "cancel") for other in sent)
        assert all(other.position < each.position for other in sent)


@given(lines())
def test_a_line_stands_still_only_for_what_a_person_decides(line: list[Place]) -> None:
    waits = dict(blockers(line))
    opened = is_open(line)

    if opened and not may_go(line):
        held_by = waits[opened[0]]
        assert held_by is not None
        assert held_by.standing is Standing.PARKED


@given(lines())
def test_every_open_command_goes_or_waits_for_another_of_its_line(line: list[Place]) -> None:
    waits = list(blockers(line))

    assert [each for each, _ in waits] == is_open(line)
    assert all(other in line and other != each for each, other in waits if other is not None)


@given(lines())
def test_what_has_begun_goes_on(line: list[Place]) -> None:
    begun = [each for each in is_open(line) if each.has_begun]

    assert [each for each in may_go(line) if each.has_begun] == begun


@given(lines(), st.data())
def test_the_order_in_which_a_line_is_read_changes_nothing(
    line: list[Place], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(line))

    assert list(blockers(shuffled)) == list(blockers(line))
