"""What stands between a client and VTEX: whoever says whether a call may be made now."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

#: Finds a header of a response, whatever its case.
Header = Callable[[str], str | None]

#: Takes what a response says to whoever watches over the calls: its status and its headers.
Heard = Callable[[int, Header], None]


class Gate(Protocol):
    """Lets calls pass, and learns from how they end."""

    def __call__(self, group: str, /) -> AbstractContextManager[Heard]:
        """Let one call be made inside; what is yielded takes its response's status and headers.

        `group` names the endpoints that fail together.

        Raises:
            WaitError: the call must not be made now; it says for how long.
        """
        ...


def open_gate(_: str, /) -> AbstractContextManager[Heard]:
    """Let every call pass."""
    return nullcontext(_learn_nothing)


def _learn_nothing(_: int, __: Header) -> None:
    pass
