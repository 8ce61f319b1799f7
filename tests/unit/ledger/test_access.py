from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from support.office import Office

from orders_sync.ledger.access import Caller


def a_caller(office: Office, name: str = "wms", caller_id: str = "a1") -> Caller:
    return Caller(
        id=caller_id,
        name=name,
        digest="0" * 64,
        scopes=frozenset({"send:invoice", "read"}),
        accounts=frozenset({"b", "a"}),
        created_at=office.clock(),
        expires_at=office.clock() + timedelta(days=1),
    )


def test_a_caller_is_kept_as_it_is(office: Office) -> None:
    callers, caller = office.ledger.callers, a_caller(office)
    everywhere = replace(a_caller(office, "all", "b2"), accounts=None, expires_at=None)

    assert callers.add(caller, office.act)
    assert callers.add(everywhere, office.act)

    assert callers.find("a1") == caller
    assert callers.find("c3") is None
    assert callers.all() == [everywhere, caller]


def test_neither_its_name_nor_its_public_part_is_taken_twice(office: Office) -> None:
    callers = office.ledger.callers
    callers.add(a_caller(office), office.act)

    assert not callers.add(a_caller(office, "other"), office.act)
    assert not callers.add(a_caller(office, caller_id="b2"), office.act)
    assert len(callers.all()) == 1


def test_a_revoked_or_expired_one_is_not_valid(office: Office) -> None:
    callers, caller = office.ledger.callers, a_caller(office)
    callers.add(caller, office.act)
    assert caller.is_valid(office.clock())
    assert not caller.is_valid(office.clock() + timedelta(days=1))

    assert callers.revoke("wms", office.act)

    revoked = callers.find("a1")
    assert revoked is not None
    assert not revoked.is_valid(office.clock())
    assert not callers.revoke("wms", office.act)


def test_its_use_is_written_once_a_minute(office: Office) -> None:
    callers, caller = office.ledger.callers, a_caller(office)
    callers.add(caller, office.act)
    first = office.clock()
    caller = callers.note_use(caller, first)
    caller = callers.note_use(caller, first + timedelta(seconds=59))
    assert callers.find("a1") == replace(caller, used_at=first)

    callers.note_use(caller, first + timedelta(seconds=60))

    assert callers.find("a1") == replace(caller, used_at=first + timedelta(seconds=60))
