"""The one object through which VTEX is called.

Each group of endpoints has a file of its own and is joined here.
"""

from __future__ import annotations

from orders_sync.vtex.exchange import Credentials
from orders_sync.vtex.feed import FeedEndpoints
from orders_sync.vtex.hook import HookEndpoints
from orders_sync.vtex.orders import ReadEndpoints
from orders_sync.vtex.write import WriteEndpoints

__all__ = ["Credentials", "VtexClient"]


class VtexClient(FeedEndpoints, HookEndpoints, ReadEndpoints, WriteEndpoints):
    """VTEX as one account sees it: a method for each endpoint, typed in and out.

    It never sleeps and never retries; it may be shared by threads where its transport may.
    Beside what a method names, every call may raise:

        WaitError                   it may not be made now, its `gate` says
        RateLimited, Unavailable    try again later; nothing happened
        OutcomeUnknown              a write whose answer was lost; read before you repeat it
        AuthFailed                  the account's credentials are not accepted
        NotFound, Refused           VTEX said no
        ParkedError                 VTEX would misread what is to be said, so it was not asked
        Unreadable                  the answer cannot be understood
    """
