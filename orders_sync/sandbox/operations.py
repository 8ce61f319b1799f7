"""What an operation of the API is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orders_sync.sandbox.wire import Request, Response


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, as its operation sees it; `names` is what its path holds."""

    request: Request
    now: float
    app_key: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it: whether anything changed, whose events the call concerned, and what of it.

    `about` is the same as in `Call`.
    """

    response: Response
    effect: bool = False
    concerning: tuple[str, ...] = field(default=())
    about: str | None = None


class Refusal(Exception):
    """An operation is refused with a response, and nothing changed."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"refused with {response.status}")
        self.response = response


Operation = Callable[[Asked], Done]
