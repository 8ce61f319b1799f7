"""A desk with everything on it: orders of people, parked work of every kind, a stray message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from support.desk_site import Desk, serving_desk
from support.flow import STORE, Flow

from orders_sync.commands.acceptance import NotAcceptedError
from orders_sync.domain.commands import Command
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
        words = " ".join(people[:9])
        commands = _commands(flow, orders, words)
        flow.services.ledger.strays.record(
            "1", arrived_at=clock(), queue="celery", reason="unknown-task", name="other.task",
            body=words.encode(errors="replace"),
        )  # fmt: skip
        desk_settings = DeskSettings.model_validate(settings)
        served = flow.settings.model_copy(update={"desk": desk_settings})
        with serving_desk(served) as desk:
            yield BusyDesk(desk, people, orders, commands, f"{PREFIX}1")
    finally:
        flow.close()


def _commands(flow: Flow, orders: list[str], words: str) -> dict[str, str]:
    sent = flow.ask("invoice", orders[1], {"number": "100", "courier": words}, "sent")
    flow.drain()
    over = flow.ask("invoice", orders[0], {"number": "7", "value_cents": 99_999_999}, "over")
    others = [
        flow.ask("invoice", order_id, {"number": f"8{n}", "value_cents": 99_999_999}, f"over-{n}")
        for n, order_id in enumerate(orders[2:])
    ]
    note = flow.ask("note", orders[0], {"message": words}, "note")
    cancel = flow.ask("cancel", orders[1], {"reason": words}, "cancel")
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
            desk=flow.desk,
        ).command_id
    except NotAcceptedError:
        [row] = flow.services.ledger.inquiries.list_commands(cause="command.invalid")
        return str(row["id"])
