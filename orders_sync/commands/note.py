"""Notes: lines for the order's timeline in VTEX's Admin."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from orders_sync.commands.body import Body, Text
from orders_sync.commands.kind import Kind
from orders_sync.commands.verdicts import Intent, Known, Send
from orders_sync.domain.steps import Step


class NoteBody(Body):
    """A line for the order's timeline in VTEX's Admin."""

    message: Text = Field(description="The line; the customer does not see it.")
    source: Text = Field("ERP", description="Whose line it is; ERP if left out.")


def judge_early(body: NoteBody, known: Known) -> Send[NoteBody]:
    """Return that it is sent, whatever the order is; after a lost answer it may be there twice."""
    return Send(body, Intent("note", known.now))


NOTE: Final = Kind(
    name="note",
    noun="note",
    collection="notes",
    summary="Add a line to an order's timeline in VTEX.",
    body=NoteBody,
    example={"message": "The customer asked for a delivery in the afternoon"},
    step=Step.SEND_NOTE,
    operations=("add_interaction",),
    judge_early=judge_early,
)
