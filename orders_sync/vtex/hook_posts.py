"""What VTEX posts to a hook: its ping, and changes of orders. Pure.

https://developers.vtex.com/docs/guides/orders-feed
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.vtex.documents import validate
from orders_sync.vtex.parsing import parse_json
from orders_sync.vtex.schemas import HookPost

#: VTEX signs nothing; the value of this header, which its configuration names, says who posts.
HEADER: Final = "X-Integration-Secret"

#: A post has some 400 bytes. Parsed, a text of small parts takes twenty times its length.
_LONGEST_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose changes are wanted: of an account, by the hook of its application key."""

    account: str
    app_key: str


def is_ping(body: bytes) -> bool:
    """Check whether a post only asks, while a hook is being configured, whether anybody is there.

    Whether the configured headers come with it is not documented.
    """
    if len(body) > _LONGEST_BYTES:
        return False
    try:
        data = parse_json(body)
    except ValueError:
        return False
    return isinstance(data, Mapping) and data.get("hookConfig") == "ping"


def read_post(body: bytes, origin: Origin, *, post_id: str) -> OrderEvent | UnreadableEvent:
    """Read a post; one that is not a change of the account is told as such and never raises.

    `post_id` tells a change apart that has no time: VTEX gives posts no id.
    """
    if len(body) > _LONGEST_BYTES:
        return _unreadable(f"it has more than {_LONGEST_BYTES} bytes")
    try:
        data = parse_json(body)
    except ValueError:
        return _unreadable("it is not JSON")
    read, problem = validate(HookPost, data)
    if read is None:
        return _unreadable(problem)
    if read.origin.account.lower() != origin.account.lower():
        return _unreadable("$.Origin.Account is another account's")
    if read.origin.key != origin.app_key:
        return _unreadable("$.Origin.Key is not the account's key: configure the hook anew")
    return OrderEvent(
        order_id=read.order_id,
        domain=read.domain or "",
        state=read.state,
        last_state=read.last_state,
        current_change=read.current_change or "",
        event_id=read.last_change or post_id,
        handle=None,
    )


def _unreadable(problem: str) -> UnreadableEvent:
    return UnreadableEvent(None, f"hook: {problem}")
