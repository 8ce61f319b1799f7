"""Whatever is lost, late or tried again, VTEX gets each thing once and never too much.

One VTEX, whose effects show up to 30 s late, and the commands of one order, of which one is tried
at a time, in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from support.fulfilments import NOW, ORDER, package

from orders_sync.commands.cancel import CancelBody, judge_cancel
from orders_sync.commands.change import ChangeBody, judge_change
from orders_sync.commands.invoice import InvoiceBody, judge_invoice
from orders_sync.commands.track import TrackBody, judge_tracking
from orders_sync.commands.verdicts import (
    AlreadyInVtex,
    DoneChange,
    Intent,
    Known,
    Send,
    SentInvoice,
    SentTracking,
)
from orders_sync.domain.fulfilment import AppliedChange, Fulfilment

DISCOUNT = 200
PIECE = [{"sku": "A", "quantity": 1}]

CANCEL = CancelBody(reason="fraud")


def invoice(number: str, **facts: Any) -> InvoiceBody:
    return InvoiceBody.model_validate({"number": number, **facts})


def tracking(number: str) -> TrackBody:
    return TrackBody.model_validate({"invoice_number": "1", "tracking_number": number})


GOODS: Mapping[str, InvoiceBody | ChangeBody | None] = {
    "all": invoice("all"),
    "rest": invoice("rest"),
    "part": invoice("part", items=PIECE, value_cents=500),
    "most": invoice("most", items=PIECE, value_cents=1100),
    "piece": invoice("piece", items=[{"sku": "B", "quantity": 1}]),
    "cancel": None,
    "change": ChangeBody(reason="discount", manual_discount_cents=DISCOUNT),
}
TRACKING = {"old": tracking("old"), "new": tracking("new")}


@dataclass(frozen=True, slots=True)
class Try:
    """A try of a command: whether its write lands and is answered, and when its effect shows."""

    command: str
    lands: bool = True
    is_answered: bool = True
    call_seconds: int = 1
    shows_after: int = 30
    pause: int = 1


def tries(commands: Mapping[str, object]) -> st.SearchStrategy[list[Try]]:
    single = st.builds(
        Try,
        command=st.sampled_from(list(commands)),
        lands=st.booleans(),
        is_answered=st.booleans(),
        call_seconds=st.integers(0, 10),
        shows_after=st.integers(0, 30),
        pause=st.sampled_from([0, 1, 5, 15, 29, 30]),
    )
    return st.lists(single, min_size=2, max_size=14)


@dataclass
class World:
    """VTEX's effects as (kind, what, when it shows), and what the ledger would remember."""

    order: Fulfilment = ORDER
    now: datetime = NOW
    effects: list[tuple[str, Any, datetime]] = field(default_factory=list)
    open: dict[str, Intent] = field(default_factory=dict)
    done: dict[str, tuple[Intent, datetime]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    cancelled_at: datetime | None = None

    def landed(self, kind: str) -> list[Any]:
        return [what for of, what, _ in self.effects if of == kind]

    def shown(self, kind: str) -> list[Any]:
        return [what for of, what, at in self.effects if of == kind and at <= self.now]

    def hides(self, *kinds: str) -> bool:
        return any(of in kinds and at > self.now for of, _, at in self.effects)

    def read(self) -> Fulfilment:
        numbers = self.shown("track")
        return replace(
            self.order,
            status=["handling", "cancellation-requested", "canceled"][len(self.shown("cancel"))],
            value_cents=self.order.value_cents - DISCOUNT * len(self.shown("change")),
            packages=(
                *(
                    replace(it, tracking_number=numbers[-1]) if numbers else it
                    for it in self.order.packages
                ),
                *(package(number, value) for number, value in self.shown("invoice")),
            ),
            changes=tuple(
                AppliedChange(reason, 0, 0, (), (), None, None) for reason in self.shown("change")
            ),
        )

    def known(self, command: str) -> Known:
        done = {name: sent for name, sent in self.done.items() if name != command}
        return Known(
            now=self.now,
            own_intent=self.open.get(command),
            intents=[intent for name, intent in self.open.items() if name != command],
            sent_invoices={
                intent.number: SentInvoice(intent.value_cents, at)
                for intent, at in done.values()
                if intent.kind == "invoice" and intent.number and intent.value_cents
            },
            done_changes=[
                DoneChange("discount", at) for sent, at in done.values() if sent.kind == "change"
            ],
            cancelled_at=self.cancelled_at,
            sent_tracking={
                "1": [
                    SentTracking(TRACKING[name], at, is_later=name == "new")
                    for name, (sent, at) in done.items()
                    if sent.kind == "track"
                ]
            },
        )

    def make(self, step: Try, verdict: object) -> Send[Any] | None:
        """Carry out a verdict; return what landed in VTEX."""
        if isinstance(verdict, AlreadyInVtex):
            self.closed.add(step.command)
            intent = self.open.pop(step.command, None)
            if intent is not None:
                self.done[step.command] = (intent, self.now)
        if not isinstance(verdict, Send):
            return None
        self.now += timedelta(seconds=step.call_seconds)
        self.open[step.command] = replace(verdict.intent, at=self.now)
        if step.is_answered and not step.lands:
            del self.open[step.command]
        elif step.is_answered and verdict.intent.kind == "cancel":
            self.cancelled_at = self.now
        elif step.is_answered:
            self.done[step.command] = (self.open.pop(step.command), self.now)
            self.closed.add(step.command)
        return verdict if step.lands else None

    def show(self, step: Try, kind: str, what: object) -> None:
        self.effects.append((kind, what, self.now + timedelta(seconds=step.shows_after)))


def judge_goods(command: str, world: World) -> object:
    body, order, known = GOODS[command], world.read(), world.known(command)
    if isinstance(body, InvoiceBody):
        return judge_invoice(body, order, known)
    if isinstance(body, ChangeBody):
        return judge_change(body, order, known)
    return judge_cancel(CANCEL, order, known)


@given(tries(GOODS))
@example([Try("part", is_answered=False), Try("rest", shows_after=0)])
@example([Try("part"), Try("change")])
@example([Try("change"), Try("all")])
@example([Try("part", is_answered=False), Try("cancel")])
@example([Try("cancel", is_answered=False), Try("cancel"), Try("all")])
@example([Try("change", is_answered=False, pause=30), Try("change"), Try("change")])
def test_goods_are_neither_invoiced_twice_nor_beside_a_change_or_a_cancellation(
    steps: list[Try],
) -> None:
    world = World()
    for drawn in steps:
        if drawn.command in world.closed:
            continue
        invoiced = sum(value for _, value in world.landed("invoice"))
        value = ORDER.value_cents - DISCOUNT * len(world.landed("change"))
        takes_change = value - DISCOUNT >= invoiced
        step = replace(drawn, lands=drawn.lands and (drawn.command != "change" or takes_change))
        verdict = judge_goods(step.command, world)
        hidden = {kind for kind in ("invoice", "change", "cancel") if world.hides(kind)}
        sent = world.make(step, verdict)
        if sent is None:
            world.now += timedelta(seconds=step.pause)
            continue
        intent = sent.intent
        if intent.kind == "invoice":
            assert not hidden & {"change", "cancel"}
            assert not world.landed("cancel")
            assert intent.value_cents is not None
            assert invoiced + intent.value_cents <= value
            assert intent.number not in dict(world.landed("invoice"))
            world.show(step, "invoice", (intent.number, intent.value_cents))
        elif intent.kind == "change":
            assert not hidden
            assert not world.landed("change")
            world.show(step, "change", "discount")
        else:
            assert not world.landed("invoice")
            before = ["request", "confirmation"][len(world.landed("cancel"))]
            assert intent.content == before
            world.show(step, "cancel", intent.content)
        world.now += timedelta(seconds=step.pause)


@given(tries(TRACKING))
@example([Try("old", lands=False, is_answered=False), Try("new", pause=30), Try("old")])
@example([Try("old", is_answered=False, pause=30), Try("new"), Try("old"), Try("old")])
def test_a_tracking_number_is_sent_once_and_never_over_its_correction(steps: list[Try]) -> None:
    world = World(replace(ORDER, packages=(package("1", 1300),)))
    for step in steps:
        # The older one may be parked, and retried once the newer is at its end.
        if step.command in world.closed or (step.command == "old" and "new" in world.open):
            continue
        body = TRACKING[step.command]
        sent = world.make(step, judge_tracking(body, world.read(), world.known(step.command)))
        if sent is not None:
            assert body.tracking_number not in world.landed("track")
            assert "new" not in world.landed("track")
            world.show(step, "track", body.tracking_number)
        world.now += timedelta(seconds=step.pause)
