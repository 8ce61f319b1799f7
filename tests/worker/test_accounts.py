"""Accounts come, go and change their keys while real workers work, and no order is lost."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from support.plant import Plant
from support.waiting import until

from orders_sync.domain.commands import Command
from orders_sync.encryption import Cipher, new_key
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import Act
from orders_sync.ledger.tables import commands, orders
from orders_sync.outbound.accept import Intake, accept
from orders_sync.roster import seal_account
from orders_sync.sandbox import Box
from orders_sync.sandbox.server import serving
from orders_sync.settings import Settings

SECOND = "second"


def act() -> Act:
    return Act(datetime.now(UTC), "ana")


@dataclass
class Chain:
    """A plant, and a second store with a VTEX of its own, that the ledger may keep."""

    plant: Plant
    box: Box
    url: str
    ledger: Ledger
    key: str

    def keep(self, **changes: Any) -> None:
        before = self.ledger.kept_accounts.find(SECOND)
        sealed = seal_account(
            SECOND,
            {"app_key": "key", "app_token": "token", "base_url": self.url, **changes},
            Cipher(SecretStr(self.key)),
            revision=before.revision if before else 0,
        )
        assert self.ledger.kept_accounts.keep(sealed, act(), "set")

    def are_handled(self, ids: list[str]) -> bool:
        return all(self.box.order(order_id).status == "handling" for order_id in ids)

    def rows(self, table: sa.Table) -> list[Any]:
        with self.ledger.database.reading() as connection:
            return list(connection.execute(sa.select(table).where(table.c.account == SECOND)))

    def ask(self, order_id: str, key: str) -> None:
        intake = Intake(
            ledger=self.ledger,
            clock=lambda: datetime.now(UTC),
            new_id=lambda: uuid.uuid4().hex,
            dispatch=lambda _: None,
            max_bytes=10_000,
        )
        command = Command("note", order_id, {"message": key}, key)
        accept(command, account=SECOND, source="service", intake=intake)


@pytest.fixture
def chain(plant: Plant, tmp_path: Path) -> Iterator[Chain]:
    key = plant.environment["ORDERS_SYNC_SECRETS_KEY"] = new_key()
    settings = Settings(home=tmp_path)
    with ExitStack() as stack:
        box = Box(SECOND, seed=2)
        url = stack.enter_context(serving(box))
        ledger = Ledger(settings.ledger, lease=settings.lease)
        stack.callback(ledger.close)
        yield Chain(plant, box, url, ledger, key)


def test_accounts_come_and_go_under_load_and_no_order_is_lost(chain: Chain) -> None:
    plant, box = chain.plant, chain.box
    for each in (plant.box, box):
        each.dials.latency_min_seconds = each.dials.latency_max_seconds = 0.05
    plant.start_beat()
    victim = plant.start_worker(1)
    plant.start_worker(2)
    first = plant.box.create_orders(30)

    chain.keep()
    until(lambda: box.feed is not None, "the account that came has its feed")
    second = box.create_orders(30)
    until(lambda: len(plant.in_erp() & set(second)) >= 3, "its orders come in")
    chain.ledger.kept_accounts.disable(SECOND, act())
    more = plant.box.create_orders(30)
    second += box.create_orders(30)
    victim.kill()
    plant.start_worker(3)
    until(lambda: plant.are_handled(first + more), "the other account goes on")
    chain.ledger.kept_accounts.enable(SECOND, act())
    until(lambda: len(plant.in_erp() & set(second)) >= 45, "it goes on where it was")
    chain.keep(app_token="new")
    box.credentials = {"key": "new"}

    until(lambda: chain.are_handled(second), "every order is handled")
    until(lambda: len(chain.rows(orders)) == len(second), "every order is in the ledger")
    assert plant.in_erp() == {*first, *more, *second}
    assert {box.order(order_id).start_handling_effects for order_id in second} == {1}
    until(lambda: {row.standing for row in chain.rows(orders)} == {"done"}, "all of it is done")
    assert {row.attempts for row in chain.rows(orders)} == {0}


def test_what_waits_of_a_disabled_account_costs_the_live_one_nothing(chain: Chain) -> None:
    plant, box = chain.plant, chain.box
    chain.keep()
    chain.ledger.kept_accounts.disable(SECOND, act())
    [order_id] = box.create_orders(1)
    for number in range(1000):
        chain.ask(order_id, f"note {number}")
    with chain.ledger.database.writing() as connection:
        # As if whoever accepted them had dispatched them long ago.
        connection.execute(sa.update(commands).values(dispatched_until=None))
    before = chain.rows(commands)
    plant.start_beat()
    plant.start_worker(1)

    live = plant.box.create_orders(20)
    until(lambda: plant.are_handled(live), "the live account's orders are handled")
    waiting = chain.rows(commands)
    chain.ledger.kept_accounts.enable(SECOND, act())

    assert waiting == before
    assert box.record.statuses == {}
    until(
        lambda: {row.outcome for row in chain.rows(commands)} == {"done"},
        "all that waited is sent",
    )
    assert {row.attempts for row in chain.rows(commands)} == {0}


def test_a_change_is_followed_by_processes_that_start_after_whoever_made_it_was_killed(
    chain: Chain,
) -> None:
    plant = chain.plant
    chain.keep()
    for number in (1, 2):
        plant.start_worker(number)
    plant.start_beat()
    until(lambda: chain.box.feed is not None, "the account is followed")
    ids = chain.box.create_orders(10)
    for child in plant.programs():
        child.kill()
    # Nobody is there to follow it.
    chain.keep(requests_per_minute=6000)

    plant.start_worker(3)
    plant.start_beat()

    until(lambda: chain.are_handled(ids), "every order is handled")
    assert {chain.box.order(order_id).start_handling_effects for order_id in ids} == {1}
