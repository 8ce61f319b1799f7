"""The messages to an ERP that is called over HTTP, and its replies: version 1.

Their JSON Schemas are published in `docs/webhook-erp/v1`, and a test holds them to these models. A
field may be added within a version, so readers of a message ignore what they do not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import BytesSchema

from orders_sync.domain.commands import OutcomeKind
from orders_sync.domain.differences import Changes
from orders_sync.domain.order import Order
from orders_sync.erp.base import CancelAnswer, ChangeAnswer, Verdict

VERSION: Final = 1

_LONGEST_CODE: Final = 40


class Verb(StrEnum):
    """What an ERP is asked for."""

    PLACE = "place"
    CHANGED = "changed"
    CANCEL = "cancel"
    CONSIDER = "consider"
    OUTCOME = "outcome"
    CHECK = "check"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class OfOrder(_Frozen):
    """What every message about an order has: together they name it, whatever else differs."""

    account: str = Field(description="The VTEX account.")
    order_id: str = Field(description="VTEX's id: text of any form, unique in its account.")


class PlaceData(OfOrder):
    """An order as VTEX had it when it was read."""

    order: Order


class ChangedData(OfOrder):
    """An order as VTEX has it now, and what differs from what the ERP was given last."""

    order: Order
    changes: Changes


class CancelData(OfOrder):
    """An order that is cancelled in VTEX."""

    reason: str = Field(description="VTEX's word, such as canceled or replaced.")


class ConsiderData(OfOrder):
    """An order whose customer wishes to cancel it."""

    order: Order


class OutcomeOfCommand(OfOrder):
    """How far a command of the ERP's is."""

    key: str | None = Field(description="The Idempotency-Key that the ERP gave it.")
    command: str = Field(description="Its kind: invoice, track, cancel, change, deny or note.")
    outcome: OutcomeKind
    reason: str | None = Field(description="Why it was refused or is parked.")
    receipt: str | None = Field(description="VTEX's receipt, where it gives one.")


class OutcomeData(_Frozen):
    """How far some commands of the ERP's are, in their order."""

    account: str
    outcomes: tuple[OutcomeOfCommand, ...]


class CheckData(_Frozen):
    """Asks whether the ERP is there; nothing is to be done."""

    account: str


class ErpMessage(_Frozen):
    """What all messages have; `type` tells what `data` is.

    The header `webhook-id` is the same for a message that is sent again.
    """

    type: str
    version: Literal[1] = VERSION
    timestamp: datetime = Field(description="When it was made.")


class PlaceMessage(ErpMessage):
    """Put the order into the ERP, once.

    The same account and order id again gets the same reference and no second order, whatever else
    differs. An order that was cancelled before it came gets a reference and stays cancelled.
    """

    type: Literal["erp.place"] = "erp.place"
    data: PlaceData


class ChangedMessage(ErpMessage):
    """Change an order that was placed to what VTEX has.

    A revision that is not above the one that the ERP has changes nothing, and nothing is taken in
    part. An order that is cancelled stays cancelled; one that the ERP does not have is refused.
    """

    type: Literal["erp.changed"] = "erp.changed"
    data: ChangedData


class CancelMessage(ErpMessage):
    """Stop the order, because it is cancelled in VTEX.

    One that the ERP does not have is remembered as cancelled for good.
    """

    type: Literal["erp.cancel"] = "erp.cancel"
    data: CancelData


class ConsiderMessage(ErpMessage):
    """Decide whether the order may still be cancelled, and cancel nothing yet.

    An answer other than undecided stands: what the ERP agreed to it does not begin to fulfil.
    """

    type: Literal["erp.consider"] = "erp.consider"
    data: ConsiderData


class OutcomeMessage(ErpMessage):
    """Learn how far commands are that the ERP asked for by the HTTP API.

    The same outcome again changes nothing, what is done stays done, and a key that the ERP does not
    know is passed over.
    """

    type: Literal["erp.outcome"] = "erp.outcome"
    data: OutcomeData


class CheckMessage(ErpMessage):
    """Answer whether the ERP can take orders now."""

    type: Literal["erp.check"] = "erp.check"
    data: CheckData


def _as_text(value: Any) -> Any:
    """Return the text of a whole number: an ERP's own key is often one."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line of letters that show")
    return text


def _word(code: str) -> str | None:
    """Return a code as causes are written; None where there is no letter or digit in it."""
    return re.sub("[^a-z0-9]+", "_", code.lower())[:_LONGEST_CODE].strip("_") or None


#: An ERP's own number or key.
Reference = Annotated[
    str,
    Field(min_length=1, max_length=200),
    AfterValidator(_printable),
    BeforeValidator(_as_text),
]


class PlaceReply(_Frozen):
    """The ERP has the order."""

    reference: Reference = Field(description="The ERP's own number or key for it.")


class ChangedReply(_Frozen):
    """What the ERP says to a change."""

    answer: ChangeAnswer


class CancelReply(_Frozen):
    """What the ERP says to a cancellation."""

    answer: CancelAnswer


class ConsiderReply(_Frozen):
    """What the ERP says to a customer's wish to cancel."""

    answer: Verdict
    reason: Annotated[str, Field(max_length=2000)] | None = Field(
        None, description="Why not; the customer reads it."
    )


class Refusal(_Frozen):
    """Why the ERP refuses a message, with the status 422; a person reads it."""

    code: Annotated[str, AfterValidator(_word), BeforeValidator(_as_text)] | None = Field(
        None, description="A word of the ERP's, such as no_credit: what is parked is grouped by it."
    )
    reason: str | None = Field(
        None,
        description="Kept without what names the customer, and only of a message with the order.",
    )
    sku: Annotated[str, BeforeValidator(_as_text)] | None = Field(
        None, description="The SKU of the order, in any of its spellings, that the ERP lacks."
    )


#: Each message, with what it is answered by a status of 2xx, or 409 where it was there already.
MESSAGES: Final[Mapping[Verb, tuple[type[ErpMessage], type[BaseModel] | None]]] = {
    Verb.PLACE: (PlaceMessage, PlaceReply),
    Verb.CHANGED: (ChangedMessage, ChangedReply),
    Verb.CANCEL: (CancelMessage, CancelReply),
    Verb.CONSIDER: (ConsiderMessage, ConsiderReply),
    Verb.OUTCOME: (OutcomeMessage, None),
    Verb.CHECK: (CheckMessage, None),
}


class _Schema(GenerateJsonSchema):
    """The form in which a message has all its fields, and bytes are text."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - Pydantic's.
        """Leave out titles that repeat a field's name."""
        return False

    def field_is_required(self, field: Any, *args: Any, **named: Any) -> bool:
        """Return True also for a field with a default, which is written too."""
        return self.mode == "serialization" or super().field_is_required(field, *args, **named)

    def bytes_schema(self, schema: BytesSchema) -> dict[str, Any]:  # noqa: ARG002 - Pydantic's.
        """Describe a document as the text that it is."""
        return {"type": "string"}


def schemas() -> Mapping[str, Mapping[str, Any]]:
    """Return the JSON Schema of each message and reply, by the name of its file."""
    models: Sequence[tuple[str, type[BaseModel], Literal["serialization", "validation"]]] = [
        *((f"erp.{verb}", message, "serialization") for verb, (message, _) in MESSAGES.items()),
        *(
            (f"erp.{verb}.reply", reply, "validation")
            for verb, (_, reply) in MESSAGES.items()
            if reply is not None
        ),
        ("refusal", Refusal, "validation"),
    ]
    return {
        name: {
            "$schema": GenerateJsonSchema.schema_dialect,
            "$id": f"urn:orders-sync:webhook-erp:v{VERSION}:{name}",
            **model.model_json_schema(mode=mode, schema_generator=_Schema),
        }
        for name, model, mode in models
    }
