"""Describes exceptions in logs: what and where, and of what they say only what is harmless.

An exception's text may quote an order: a value that pydantic refused, a row that a database
refused, a piece of JSON. Which line of ours it came from says as much to whoever mends it.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final

from structlog.typing import EventDict, WrappedLogger

from orders_sync.errors import OrdersSyncError, ParkedError

#: The innermost calls that are shown.
_FRAMES: Final = 12

#: Modules whose connection errors say no more than an address and what the system said.
_SPEAK_OF_CONNECTIONS: Final = frozenset({"redis.exceptions", "kombu.exceptions"})
_CONNECTION_ERRORS: Final = frozenset({"ConnectionError", "TimeoutError", "OperationalError"})


def describe_exc_info(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Put a description in the place of an event's exception, before anybody can print it."""
    error = exception_of(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = describe_exception(error)
    event.pop("stack_info", None)
    return event


def describe_exception(error: BaseException) -> str:
    """Return an exception and what led to it: `KeyError at place:12 in function < ...`."""
    return " << ".join(_with_place(link) for link in chain_of(error))


def harmless_text(error: BaseException) -> str:
    """Return an exception's name, with its text where that cannot be personal.

    Errors of ours carry no personal data by contract, unless they are in the words of whoever
    refused something; those of the operating system and of a broker's connection speak of
    addresses.
    """
    name = type(error).__name__
    return f"{name}: {error}" if _may_be_quoted(error) else name


def _may_be_quoted(error: BaseException) -> bool:
    kind = type(error)
    if isinstance(error, OrdersSyncError):
        # What others refused is in their words.
        return not isinstance(error, ParkedError)
    if isinstance(error, OSError) and kind.__module__ in {"builtins", "socket"}:
        return True
    return speaks_of_connections(error)


def speaks_of_connections(error: BaseException) -> bool:
    """Return whether an error tells that the broker, or Redis, is not reached."""
    kind = type(error)
    return kind.__module__ in _SPEAK_OF_CONNECTIONS and kind.__name__ in _CONNECTION_ERRORS


def _with_place(error: BaseException) -> str:
    places = _places(error.__traceback__)
    return f"{harmless_text(error)} at {places}" if places else harmless_text(error)


def _places(trace: TracebackType | None) -> str:
    """Return the innermost calls, the last first; neither source lines nor locals are shown."""
    frames = list(traceback.walk_tb(trace))[-_FRAMES:]
    return " < ".join(
        f"{frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_name}"
        for frame, line in reversed(frames)
    )


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Return an exception and those it was raised from, each once."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)


def exception_of(exc_info: Any) -> BaseException | None:
    """Return the exception in any of the shapes that `exc_info` may have."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        error = exc_info[1]
        return error if isinstance(error, BaseException) else None
    return sys.exc_info()[1] if exc_info else None
