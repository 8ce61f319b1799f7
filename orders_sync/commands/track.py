"""Tracking: its body, and what of it may be sent when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, tzinfo
from typing import Final, Self, TypeVar

from pydantic import BaseModel, Field, field_validator, model_validator

from orders_sync.commands.body import Day, Moment, Number, ParcelBody, Part, Text, require_writable
from orders_sync.commands.kind import TRACKING, Kind
from orders_sync.commands.verdicts import (
    AlreadyInVtex,
    Intent,
    Known,
    NotAllowed,
    Send,
    SentTracking,
    Verdict,
    Wait,
)
from orders_sync.domain.fulfilment import Fulfilment, Package, PackageEvent
from orders_sync.domain.invoice_number import is_routable, may_be_same_number, to_vtex_number
from orders_sync.domain.rules import Group, group_of
from orders_sync.domain.steps import Step

T = TypeVar("T")


class TrackingEvent(Part):
    """Something that happened to a package."""

    city: Text
    state: Text
    description: Text
    date: Day


class TrackBody(ParcelBody):
    """Tracking of one invoice: its number and courier, or events on its way, or both.

    A digital product has no parcel: its last event's description is the download URL.
    """

    invoice_number: Number = Field(description="The number of the invoice that travels.")
    events: tuple[TrackingEvent, ...] = ()
    delivered: bool = Field(False, description="The package arrived.")
    delivered_at: Moment | None = Field(
        None, description="When it arrived, as 2026-11-27T12:00:00-03:00."
    )

    @field_validator("invoice_number")
    @classmethod
    def _survives(cls, value: str) -> str:
        return require_writable(value)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.tracking_number is None and not self.events and not self.delivered:
            raise ValueError("give a tracking_number, events, or delivered")
        if self.delivered_at is not None and not self.delivered:
            raise ValueError("delivered_at is for a package that is delivered; give delivered too")
        return self

    @property
    def vtex_number(self) -> str:
        """The invoice's number as VTEX has it."""
        return to_vtex_number(self.invoice_number)


@dataclass(frozen=True, slots=True)
class Tracking:
    """What to tell of an invoice's package: first how it travels, then what happened to it.

    Each is a whole body, with what is to stay of what VTEX has; None where nothing is new.
    """

    invoice_number: str
    parcel: TrackBody | None
    progress: TrackBody | None


class _Content(BaseModel):
    """What the intent of a tracking says: what is sent, and the number that stood there before."""

    body: TrackBody
    replaces: str | None = None


def judge_early(body: TrackBody, known: Known) -> Wait | None:
    """Return the wait for the invoice, where that is known without a look at the order."""
    number = body.vtex_number
    return Wait(f"invoice {number} comes first", 15) if known.is_coming(number) else None


def judge_tracking(body: TrackBody, order: Fulfilment, known: Known) -> Verdict:
    """Judge a tracking against the packages that VTEX shows.

    https://developers.vtex.com/docs/api-reference/orders-api#put-/api/oms/pvt/orders/-orderId-/invoice/-invoiceNumber-/tracking
    """
    number = body.vtex_number
    packages = known.packages_of(order, body.invoice_number)
    if len(packages) > 1:
        return number_unclear(body.invoice_number, packages)
    if packages:
        return judge_parcel(body, packages[0], order.zone, known)
    if group_of(order.status) is Group.CANCELLED:
        return NotAllowed(
            "tracking.order_cancelled",
            f"The order is {order.status} and has no invoice {number}.",
            "Nothing travels any more: discard the command (orders-sync parked discard).",
        )
    is_sent = known.sent_invoice(number) is not None
    return Wait(f"invoice {number} is not in VTEX", 2 if is_sent else 15)


def number_unclear(number: str, packages: Sequence[Package]) -> NotAllowed:
    """Return the refusal of a number that may be of several invoices."""
    names = " or ".join(repr(package.invoice_number) for package in packages)
    return NotAllowed(
        "invoice.number_unclear",
        f"The number {number!r} may be {names}, which VTEX has.",
        "Write the number with its parts set apart, as VTEX has it.",
    )


def judge_parcel(body: TrackBody, package: Package, zone: tzinfo | None, known: Known) -> Verdict:
    """Judge the tracking of an invoice that VTEX has; `zone` is the store's.

    The full list of events is sent each time, VTEX's own among them, because VTEX does not say
    whether new ones are added to the old; a package that was delivered stays so. What was just
    sent counts as there, because VTEX shows it some seconds later. What was corrected since this
    command was asked for is not sent: only its events are. Times are told by the store's clock.
    """
    number = package.invoice_number
    if not is_routable(number):
        return NotAllowed(
            "tracking.number_unroutable",
            f"VTEX has the invoice as {number!r}, and its routes of tracking do not take that.",
            "Enter the tracking in VTEX's Admin, then discard the command.",
        )
    wait = _wait_for_intents(number, package, known)
    if wait is not None:
        return wait
    sent = known.sent_tracking_of(number)
    unseen = [_by_stores_clock(late, zone) for late in _unseen(sent, package, known)]
    standing = _with_sent(package, unseen)
    standing = replace(standing, dispatched_at=_told_dispatch(standing, sent, known))
    given = _by_stores_clock(body, zone)
    parcel, progress = _differences(given, standing)
    if parcel is not None and _is_corrected(package, sent, known.own_intent):
        parcel, progress = None, _new_progress(given, standing)
    if parcel is None and progress is None:
        return AlreadyInVtex(f"the tracking of invoice {number}, or a later one, is in VTEX")
    if parcel is None and not standing.tracking_number:
        # It may come with another command, which need not be accepted before this one.
        return Wait(f"invoice {number} has no tracking number, and VTEX takes no event before", 15)
    content = _Content(body=given, replaces=standing.tracking_number)
    intent = Intent("track", known.now, number, content=content.model_dump_json(exclude_none=True))
    return Send(Tracking(number, parcel, progress), intent)


def _by_stores_clock(body: TrackBody, zone: tzinfo | None) -> TrackBody:
    """Return a tracking whose times are the store's: VTEX takes them without an offset."""

    def local(at: T) -> T:
        return at.astimezone(zone) if isinstance(at, datetime) and zone is not None else at

    events = tuple(event.model_copy(update={"date": local(event.date)}) for event in body.events)
    return body.model_copy(update={"events": events, "delivered_at": local(body.delivered_at)})


def _told_dispatch(package: Package, sent: Sequence[SentTracking], known: Known) -> datetime | None:
    """Return when VTEX was told that the parcel of this tracking number left."""
    invoice = known.sent_invoice(package.invoice_number)
    bodies: list[ParcelBody] = [invoice.body] if invoice and invoice.body else []
    bodies += [tracking.body for tracking in sent]
    told: datetime | None = None
    for body in bodies:
        if body.tracking_number not in {None, package.tracking_number}:
            told = None
        elif body.dispatched_at is not None:
            told = body.dispatched_at
    return told


def _wait_for_intents(number: str, package: Package, known: Known) -> Wait | None:
    """Return the wait until VTEX shows the tracking of this invoice whose answers were lost.

    VTEX puts a list of events in the place of the one before, so none may be sent beside another.
    """
    own = known.own_intent
    if own is not None and own.kind == "track" and not _is_shown(own, package):
        wait = known.wait_for_own()
        if wait is not None:
            return wait
    return known.wait_until_shown(
        f"other tracking of invoice {number} does not show in VTEX yet",
        *(
            intent.at
            for intent in known.open_intents("track")
            if may_be_same_number(intent.number or "", number) and not _is_shown(intent, package)
        ),
    )


def _unseen(sent: Sequence[SentTracking], package: Package, known: Known) -> list[TrackBody]:
    """Return what VTEX took and may not show yet; what it shows of ours came after the rest."""
    own = known.own_intent
    is_shown = own is not None and own.kind == "track" and _is_shown(own, package)
    shown_at = own.at if own is not None and is_shown else None
    return [
        tracking.body
        for tracking in sent
        if not known.is_past(tracking.sent_at) and (shown_at is None or tracking.sent_at > shown_at)
    ]


def _is_shown(intent: Intent, package: Package) -> bool:
    # VTEX does not show when a package left.
    body = _content_of(intent).body.model_copy(update={"dispatched_at": None})
    return _differences(body, package) == (None, None)


def _is_corrected(package: Package, sent: Sequence[SentTracking], own: Intent | None) -> bool:
    """Check whether what this command says of the parcel was replaced since.

    A later command said otherwise, or nobody here did: then a person wrote it in VTEX.
    """
    if any(tracking.is_later and tracking.body.says_parcel for tracking in sent):
        return True
    if own is None or own.kind != "track" or not package.tracking_number:
        return False
    content = _content_of(own)
    ours = {content.body.tracking_number, *(tracking.body.tracking_number for tracking in sent)}
    return package.tracking_number not in {content.replaces, *ours}


def _content_of(intent: Intent) -> _Content:
    return _Content.model_validate_json(intent.content or "")


def _with_sent(package: Package, sent: Sequence[TrackBody]) -> Package:
    """Return what VTEX shows with what was sent in it, the oldest first."""
    for body in sent:
        parcel, progress = _differences(body, package)
        if parcel is not None:
            package = replace(
                package,
                tracking_number=parcel.tracking_number,
                tracking_url=parcel.tracking_url,
                courier=parcel.courier,
            )
        if progress is not None:
            package = replace(
                package,
                events=tuple(map(_as_shown, progress.events)),
                is_finished=progress.delivered,
                delivered_at=progress.delivered_at,
            )
    return package


def _as_shown(event: TrackingEvent) -> PackageEvent:
    at = event.date
    if not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day, tzinfo=UTC)
    return PackageEvent(event.city, event.state, event.description, at, None)


def _differences(body: TrackBody, package: Package) -> tuple[TrackBody | None, TrackBody | None]:
    """Return what is new of the parcel, and of what happened to it.

    With another tracking number it is another parcel: nothing of the one before stays.
    """
    parcel = _new_parcel(body, package)
    number = package.tracking_number
    if parcel is None or not number or parcel.tracking_number == number:
        return parcel, _new_progress(body, package)
    progress = _new_progress(
        body, replace(package, events=(), is_finished=False, delivered_at=None)
    )
    has_past = bool(package.events) or package.is_finished
    return parcel, body if progress is None and has_past else progress


def _new_parcel(body: TrackBody, package: Package) -> TrackBody | None:
    """Return how the package travels, where that is new."""
    number = body.tracking_number or package.tracking_number
    if not body.says_parcel or not number:
        return None
    is_same = package.tracking_number in {None, "", number}
    url, courier = package.tracking_url or None, package.courier or None
    parcel = body.model_copy(
        update={
            "tracking_number": number,
            "tracking_url": body.tracking_url or (url if is_same else None),
            "courier": body.courier or courier,
            "dispatched_at": body.dispatched_at or (package.dispatched_at if is_same else None),
        }
    )
    standing = (package.tracking_number, url, courier, package.dispatched_at)
    said = (number, parcel.tracking_url, parcel.courier, parcel.dispatched_at)
    return None if said == standing else parcel


def _new_progress(body: TrackBody, package: Package) -> TrackBody | None:
    """Return all that happened to the package, the oldest first, where some of it is new."""
    standing = [_as_sent(event) for event in package.events]
    known = {_identity(event) for event in standing}
    fresh = [event for event in body.events if _identity(event) not in known]
    delivered = body.delivered or package.is_finished
    delivered_at = body.delivered_at or package.delivered_at
    if (
        not fresh
        and delivered == package.is_finished
        and _minute(delivered_at) == _minute(package.delivered_at)
    ):
        return None
    return body.model_copy(
        update={
            "events": tuple(sorted([*standing, *fresh], key=_time)),
            "delivered": delivered,
            "delivered_at": delivered_at,
        }
    )


def _minute(at: datetime | None) -> str | None:
    """Return a time of delivery as the clock shows it: VTEX keeps no offset of it."""
    return None if at is None else f"{at:%Y-%m-%d %H:%M}"


def _time(event: TrackingEvent) -> tuple[str, time]:
    """Return an event's place among others; one without a time is first on its day."""
    at = event.date
    return (_day(at), at.time() if isinstance(at, datetime) else time.min)


def _as_sent(event: PackageEvent) -> TrackingEvent:
    """Return an event that VTEX has, to be sent once more; VTEX may have any of it empty."""
    at = event.created_at or event.changed_at or datetime(1970, 1, 1, tzinfo=UTC)
    return TrackingEvent.model_construct(
        city=event.city or "",
        state=event.state or "",
        description=event.description or "",
        date=at,
    )


def _identity(event: TrackingEvent) -> tuple[str, str, str, str]:
    return (event.city, event.state, event.description, _day(event.date))


def _day(at: date | datetime) -> str:
    """Return the day: VTEX keeps no time of an event."""
    return f"{at:%Y-%m-%d}"


TRACK: Final = Kind(
    name="track",
    noun="tracking update",
    collection="tracking",
    summary="Tell VTEX how a package travels.",
    body=TrackBody,
    example={"invoice_number": "000123", "tracking_number": "BR123", "courier": "Correios"},
    argument="tracking",
    step=Step.SEND_TRACKING,
    operations=("get_order", "update_invoice"),
    line=TRACKING,
    judge=judge_tracking,
    judge_early=judge_early,
)
