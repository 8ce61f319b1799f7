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
    """What came of it: whether anything changed, and whose events the call concerned."""

    response: Response
    effect: bool = False
    concerning: tuple[str, ...] = field(default=())


Operation = Callable[[Asked], Done]
