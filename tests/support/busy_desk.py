"""A desk with everything on it: orders of people, parked work of every kind, a stray message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from support.desk_site import Desk, serving_desk
from support.flow import STORE, Flow

from orders_sync.backoffice.endpoints import add_endpoint
from orders_sync.commands.acceptance import NotAcceptedError
from orders_sync.domain.announcements import Announcement, EventType
from orders_sync.domain.commands import Command
from orders_sync.gateway.grants import create_token
from orders_sync.ledger.deliveries import Attempt, DeliveryResult
from orders_sync.ledger.journal import Act
from orders_sync.ledger.strays import PREFIX
from orders_sync.outbound.accept import accept
from orders_sync.settings_parts import DeskSettings
from orders_sync.testing.clock import SettableClock


@dataclass
class BusyDesk:
    """What is on the desk, by name."""

    desk: Desk
    people: list[str]
    orders: list[str]
    #: Each command by what is the matter with it.
    commands: dict[str, str]
    stray: str
    endpoint: str

    def admin_pages(self) -> list[str]:
        """Return the path of every page that is an admin's alone."""
        return [
            "/desk/people",
            "/desk/tokens",
            "/desk/endpoints",
            f"/desk/endpoint?id={self.endpoint}",
        ]

    def pages(self) -> list[str]:
        """Return the path of every page there is."""
        ledger = self.desk.ledger
        causes = {row["cause"] for row in ledger.inquiries.list_commands(limit=500) if row["cause"]}
        return [
            "/desk/",
            f"/desk/?account={STORE}",
            "/desk/accounts",
            "/desk/now",
            "/desk/me",
            "/desk/sign-in",
            "/desk/nowhere",
            "/desk/search?q=nothing",
            f"/desk/search?q={self.orders[0][:-3]}",
            f"/desk/stray?id={self.stray}",
            *(f"/desk/{page}?cause={cause}" for cause in causes for page in ("cause", "retry")),
            *(f"/desk/command?id={command_id}" for command_id in self.commands.values()),
            *(f"/desk/order?account={STORE}&id={quote(name, safe='')}" for name in self.orders),
        ]


@contextmanager
def busy_desk(home: Path, clock: SettableClock, **settings: object) -> Iterator[BusyDesk]:
    flow = Flow(home, clock)
    try:
        orders = flow.in_handling(4)
        people = flow.box.people()
        clock.advance(140)
        words = " ".join(people[:9])
        commands = _commands(flow, orders, words)
        flow.services.ledger.strays.record(
            "1", arrived_at=clock(), queue="celery", reason="unknown-task", name="other.task",
            body=words.encode(errors="replace"),
        )  # fmt: skip
        desk_settings = DeskSettings.model_validate(settings)
        served = flow.settings.model_copy(update={"desk": desk_settings})
        with serving_desk(served) as desk:
            endpoint = _endpoint(desk, orders[0])
            yield BusyDesk(desk, people, orders, commands, f"{PREFIX}1", endpoint)
    finally:
        flow.close()


def _endpoint(desk: Desk, order_id: str) -> str:
    """Add an endpoint that failed once and was switched off, and a token; return its id."""
    ledger, act = desk.ledger, Act(desk.now(), "root")
    create_token(
        ledger, desk.settings, name="shop", scopes=["read"], accounts=None, lasts=None, act=act
    )
    url = "https://shop.example.com/events"
    endpoint = add_endpoint(ledger, desk.settings, url=url, events=(), accounts=(), act=act)
    told = Announcement(EventType.ORDER_PARKED, act.at, STORE, mark="1", order_id=order_id)
    with ledger.database.writing() as connection:
        ledger.database.outbox.write(connection, [told])
    [seq] = ledger.deliveries.take(endpoint.id, at_once=1, limit=1, now=act.at)
    delivery = ledger.deliveries.claim(endpoint.id, seq, owner="me", now=act.at)
    assert delivery is not None
    ending = DeliveryResult(due_at=act.at)
    ledger.deliveries.end(delivery, Attempt(act.at, 0.1, "500"), ending, now=act.at)
    ledger.endpoints.disable(endpoint.id, act)
    return endpoint.id


def _commands(flow: Flow, orders: list[str], words: str) -> dict[str, str]:
    sent = flow.ask("invoice", orders[1], {"number": "100", "courier": words}, "sent")
    flow.drain()
    over = flow.ask("invoice", orders[0], {"number": "7", "value_cents": 99_999_999}, "over")
    flow.clock.advance(35)
    others = [
        flow.ask("invoice", order_id, {"number": f"8{n}", "value_cents": 99_999_999}, f"over-{n}")
        for n, order_id in enumerate(orders[2:])
    ]
    note = flow.ask("note", orders[0], {"message": words}, "note")
    cancel = flow.ask("cancel", orders[1], {"reason": words}, "cancel")
    flow.clock.advance(2)
    flow.drain()
    refused = _refused(flow, orders[0], words)
    return {
        "sent": sent,
        "over": over,
        **{f"over-{n}": command_id for n, command_id in enumerate(others)},
        "note": note,
        "cancel": cancel,
        "refused": refused,
    }


def _refused(flow: Flow, order_id: str, words: str) -> str:
    """Hand in a command that is wrong in a field, and says who bought where nobody expects it."""
    body = {"number": words, "value_cents": words, "courier": words, "for": words}
    try:
        return accept(
            Command("invoice", order_id, body, "refused"),
            account=STORE,
            source="service",
            intake=flow.intake,
        ).command_id
    except NotAcceptedError:
        [row] = flow.services.ledger.inquiries.list_commands(cause="command.invalid")
        return str(row["id"])
