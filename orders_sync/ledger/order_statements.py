"""The statements that orders are claimed and released with, built once: they run at every step."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from orders_sync.domain.rules import OPEN, Standing
from orders_sync.domain.steps import Step
from orders_sync.ledger.prepared import Prepared
from orders_sync.ledger.tables import orders


def _given(name: str) -> sa.BindParameter[Any]:
    """Make a parameter with the type of the column it is for; an update keeps plain names."""
    return sa.bindparam(f"new_{name}", type_=orders.c[name].type)


_IS_ORDER = sa.and_(
    orders.c.account == sa.bindparam("of_account"), orders.c.order_id == sa.bindparam("of_order")
)
_IS_OURS = sa.and_(_IS_ORDER, orders.c.version == sa.bindparam("of_version"))

#: What a step found out; what it gives as None stays as it is.
_FOUND: dict[str, Any] = {
    name: sa.func.coalesce(_given(name), orders.c[name])
    for name in ("progress", "status", "erp_reference")
}
_SET: dict[str, Any] = {
    name: _given(name) for name in ("attempts", "failing_since", "cause", "reason", "hint")
}


def _claim(**more: Any) -> Prepared:
    return Prepared(
        sa.update(orders)
        .where(
            _IS_ORDER,
            orders.c.next_step == sa.bindparam("of_step"),
            sa.or_(*(orders.c.standing == each for each in OPEN)),
            sa.or_(orders.c.lease_until.is_(None), orders.c.lease_until <= sa.bindparam("now")),
        )
        .values(
            lease_owner=_given("lease_owner"),
            lease_until=_given("lease_until"),
            version=orders.c.version + 1,
            **more,
        )
        .returning(
            orders.c.progress,
            orders.c.version,
            orders.c.attempts,
            orders.c.failing_since,
            orders.c.first_seen_at,
        )
    )


#: The due time stays as it was at the dispatch: the sweep also waits for the lease's end.
CLAIM = _claim()

#: A read that starts now sees all that is known so far.
CLAIM_FOR_READ = _claim(news=False)

#: Ends a claim; an event that came meanwhile leads to a read.
RELEASE = Prepared(
    sa.update(orders)
    .where(_IS_OURS)
    .values(
        standing=sa.case((orders.c.news, Standing.ACTIVE), else_=_given("standing")),
        next_step=sa.case((orders.c.news, Step.FETCH), else_=_given("next_step")),
        due_at=sa.case((orders.c.news, _given("lease_until")), else_=_given("due_at")),
        lease_owner=None,
        lease_until=None,
        updated_at=_given("updated_at"),
        **_FOUND,
        **_SET,
    )
    .returning(orders.c.standing, orders.c.next_step)
)

#: Keeps a claim for the next step, or for the read that an event asks for. The time of the latest
#: change is in many indices, so that it is written when the order is released.
ADVANCE = Prepared(
    sa.update(orders)
    .where(_IS_OURS)
    .values(
        standing=Standing.ACTIVE,
        next_step=sa.case((orders.c.news, Step.FETCH), else_=_given("next_step")),
        news=False,
        lease_until=_given("lease_until"),
        **_FOUND,
        **_SET,
    )
    .returning(orders.c.next_step, orders.c.progress)
)
