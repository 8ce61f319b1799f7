"""What keeps an account's calls back at an instant, read without taking anything. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

ERP: Final = "erp"


@dataclass(frozen=True, slots=True)
class Gates:
    """When the calls of an account may be made; times are seconds from when it was read.

    `per_second` is the present pace of its calls to VTEX, and `erp_permits` how many more calls to
    its ERP may begin beside the `erp_calls` that are there. `erp_per_second` is the ERP's own pace,
    and `erp_held` when its next call may be made. `held` is how long VTEX may not be called,
    `pause` when the next probe of an
    account that VTEX refuses may be made, None where it is not paused. `probes` are the times of
    the next trials or probes of single operations, where their breaker is open or VTEX forbids
    them.
    """

    per_second: float = math.inf
    erp_permits: int = 1
    erp_calls: int = 0
    erp_per_second: float = math.inf
    erp_held: float = 0.0
    held: float = 0.0
    pause: float | None = None
    probes: Mapping[str, float] = field(default_factory=dict)

    def closed_for(self, operations: Collection[str]) -> float:
        """Return the seconds until work that makes these calls may be tried; 0.0 is at once.

        `operations` are names as `Traffic.call` takes them, or `ERP`.
        """
        held = self.held if any(name != ERP for name in operations) else 0.0
        erp_held = self.erp_held if ERP in operations else 0.0
        return max(held, erp_held, *self._probes_of(operations), 0.0)

    def probing(self, operations: Collection[str]) -> bool:
        """Check whether just one piece of work that makes these calls is due, as a probe."""
        return any(True for _ in self._probes_of(operations)) and not self.closed_for(operations)

    def _probes_of(self, operations: Collection[str]) -> Iterator[float]:
        if self.pause is not None and any(name != ERP for name in operations):
            yield self.pause
        yield from (self.probes[name] for name in operations if name in self.probes)
