"""An account of a run, as VTEX, its ERP, and those who ask for commands see it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from chaos.databases import ChaosErp
from chaos.plan import AccountPlan
from sqlalchemy.exc import OperationalError

from orders_sync.demo.demand import Demand
from orders_sync.demo.played_staging import PlayedStaging
from orders_sync.demo.sandbox_api import SandboxApi
from orders_sync.demo.settled import all_in_effect, all_settled, erp_agrees

#: While the ERP waits for its database, no fault ends.
_ERP_PATIENCE_SECONDS = 2.0


class Account:
    """What is known of an account from outside.

    `is_asking` is whether its ERP asks for commands already. `asked_at` tells when each row of the
    ERP's commands was written, in seconds since the epoch.
    """

    def __init__(
        self,
        plan: AccountPlan,
        api: SandboxApi,
        erp: ChaosErp,
        outbox: Path,
        random: Random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.plan = plan
        self.api = api
        self.erp = erp
        self.is_asking = True
        self.asked_at: dict[int, float] = {}
        self.demand = Demand(
            PlayedStaging(erp.url, plan.name, _ERP_PATIENCE_SECONDS),
            outbox,
            api.order,
            api.edit,
            random,
            time.monotonic,
            # What VTEX tells nobody of is for reconciling to find.
            asks_to_read=False,
            account=plan.name,
            shares=plan.shares,
        )
        self._clock = clock

    def tend(self) -> None:
        """Send what is due; an ERP that is down, or that a frozen process holds, sends later."""
        if self.erp.is_down or not self.is_asking:
            return
        now = self._clock()
        with contextlib.suppress(OperationalError):
            self.demand.tend()
        for asked in self.demand.asked:
            if asked.row is not None:
                self.asked_at.setdefault(asked.row, now)

    def is_done(self) -> bool:
        """Check whether nothing is left to do, as VTEX and the ERP see it."""
        if not (self.api.report().feed_is_empty and self.demand.is_met):
            return False
        orders = self.api.orders()
        if not all_settled(orders):
            return False
        agrees = erp_agrees(orders, self.demand.erp_orders(), self.demand.asked)
        # Orders that reached the ERP since these were read have not been asked about yet.
        return agrees and self.demand.is_met and all_in_effect(self.demand.wanted, orders)

    def close(self) -> None:
        """Close the connections."""
        self.demand.close()
        self.api.close()
