"""Sends to Sentry what nobody foresaw: kind and place of an error, with ids, and nothing else.

An error's text, the values of variables and lines of source may quote an order, so an event is
made here of what may be known; `before_send` lets nothing else through.
https://docs.sentry.io/platforms/python/configuration/options/
"""

from __future__ import annotations

import atexit
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from structlog.typing import EventDict, Processor, WrappedLogger

from orders_sync import __version__
from orders_sync.errors import ConfigurationError, OrdersSyncError
from orders_sync.logging.errors import chain_of, exception_of, speaks_of_connections

_CLOSE_SECONDS: Final = 2.0

#: The same error at the same place is told once in so many seconds by a process.
_QUIET_SECONDS: Final = 60.0
_MOST_PLACES: Final = 1000

#: Its lines repeat what our own tell of the same error.
_REPEATS: Final = "celery.app.trace"

_TAGS: Final = ("account", "order_id", "command_id", "task", "step", "thread")
_LONGEST_TAG: Final = 64

#: All that an event may have: what is made here, and who sends it.
_KEPT: Final = frozenset(
    (
        *("event_id", "timestamp", "platform", "level", "logger", "exception", "tags"),
        *("release", "environment", "server_name", "sdk"),
    )
)


def sentry_reporter(dsn: str, environment: str) -> Processor:
    """Return a processor of log events that sends the errors in them; it changes none.

    Raises:
        ConfigurationError: the DSN is wrong, or the extra is not installed.
    """
    try:
        from sentry_sdk import Client  # noqa: PLC0415 - an extra.
        from sentry_sdk.utils import BadDsn  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            "ORDERS_SYNC_SENTRY__DSN is set, and Sentry's client is not installed. "
            "Install it: pip install 'orders-sync[sentry]'"
        ) from None
    try:
        client = Client(
            dsn,
            environment=environment,
            release=f"orders-sync@{__version__}",
            include_local_variables=False,
            include_source_context=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            default_integrations=False,
            auto_enabling_integrations=False,
            send_client_reports=False,
            shutdown_timeout=_CLOSE_SECONDS,
            before_send=_only_what_is_known,
        )
    except BadDsn:
        raise ConfigurationError(
            "ORDERS_SYNC_SENTRY__DSN is wrong. A right value: https://key@sentry.example.com/1"
        ) from None
    # What is left is sent within two seconds, whether Sentry answers or not.
    atexit.register(client.close)
    return Reporter(client.capture_event)


class Reporter:
    """Sends the error of a log event; what the project regards as ordinary is left out."""

    def __init__(
        self, send: Callable[[Any], object], *, timer: Callable[[], float] = monotonic
    ) -> None:
        self._send = send
        self._timer = timer
        self._sent_at: dict[tuple[str, ...], float] = {}

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        """Send it, whatever comes of that, and pass the event on."""
        # Whoever logs goes on with its work.
        with suppress(Exception):
            error = exception_of(event.get("exc_info"))
            if error is not None and event.get("logger") != _REPEATS and not is_ordinary(error):
                self._report(error, event)
        return event

    def _report(self, error: BaseException, event: EventDict) -> None:
        values = [_described(link) for link in reversed(list(chain_of(error)))]
        place = tuple(f"{v['type']} {v['stacktrace']['frames'][-1:]}" for v in values)
        now = self._timer()
        if now - self._sent_at.get(place, -_QUIET_SECONDS) < _QUIET_SECONDS:
            return
        if len(self._sent_at) >= _MOST_PLACES:
            self._sent_at.clear()
        self._sent_at[place] = now
        tags = {name: event[name] for name in _TAGS if _is_tag(event.get(name))}
        self._send(
            {
                "level": event.get("level", "error"),
                "logger": event.get("logger", "orders_sync"),
                "exception": {"values": values},
                "tags": {**tags, "event": _word(event.get("event"))},
            }
        )


def is_ordinary(error: BaseException) -> bool:
    """Return whether an error is ours, raised on purpose, or tells that a server is away."""
    return (
        isinstance(error, OrdersSyncError | ConnectionError | TimeoutError)
        or not isinstance(error, Exception)
        or speaks_of_connections(error)
    )


def _described(error: BaseException) -> dict[str, Any]:
    kind = type(error)
    return {
        "type": kind.__qualname__,
        "module": kind.__module__,
        "stacktrace": {"frames": list(_frames(error))},
    }


def _frames(error: BaseException) -> Iterator[dict[str, Any]]:
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", "?"))
        yield {
            "module": module,
            "function": frame.f_code.co_qualname,
            "lineno": line,
            "in_app": module.partition(".")[0] == "orders_sync",
        }


def _only_what_is_known(event: Any, _: object) -> Any:
    return {name: value for name, value in event.items() if name in _KEPT}


def _is_tag(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_TAG


def _word(event: object) -> str:
    """Return the fixed word of an event of ours; a library's line may quote anything."""
    text = str(event)
    return text if text.replace(".", "_").isidentifier() else "other"
