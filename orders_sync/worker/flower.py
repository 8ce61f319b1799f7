"""Flower by our rules, however it is started: never open, ids only, with a history that stays."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any, NoReturn

import click
import flower.events
import flower.urls
from celery import Celery
from celery.signals import import_modules
from flower.api.control import ControlHandler
from flower.options import options
from flower.views.monitor import Metrics
from tornado.httputil import HTTPHeaders
from tornado.web import OutputTransform, authenticated

from orders_sync.errors import ConfigurationError

#: How old the history may be after Flower was killed.
_SAVE_EVERY_MILLISECONDS = 30_000

#: How long the history is: what it costs to keep is saved and held in memory each time.
_MAX_TASKS = 20_000

#: All that Flower's pages have of scripts beside its files: whether its list of workers is renewed.
_INLINE_SCRIPTS = tuple(f"\nvar autorefresh = {number};\n" for number in (0, 1))


def _policy() -> str:
    """Return the Content-Security-Policy of Flower's pages: its own files, and nothing else.

    https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
    """
    digests = (b64encode(sha256(text.encode()).digest()).decode() for text in _INLINE_SCRIPTS)
    scripts = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src 'self' {scripts}; connect-src 'self'; "
        # Its tables set the widths of their columns, and its style sheets hold small pictures.
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


_HEADERS = {
    "Content-Security-Policy": _policy(),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class SafeHeaders(OutputTransform):
    """Adds to every response, of files and errors too, the headers that restrict its page."""

    def transform_first_chunk(
        self,
        status_code: int,
        headers: HTTPHeaders,
        chunk: bytes,
        finishing: bool,  # noqa: FBT001 - tornado's signature.
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Add the headers to a response."""
        headers.update(_HEADERS)
        return super().transform_first_chunk(status_code, headers, chunk, finishing)


class IdsOnlyState(flower.events.EventsState):
    """The state that Flower keeps, without the arguments that a sender announces.

    Our workers' own events carry ids only; a service that has Celery's `task_send_sent_event`
    on announces whole bodies.
    """

    def event(self, event: dict[str, Any]) -> Any:
        """Record an event."""
        if event["type"] == "task-sent":
            event = {name: event[name] for name in event if name not in {"args", "kwargs"}}
        return super().event(event)


def rule_flower(
    app: Celery,
    home: Path,
    *,
    allow_control: bool,
    start_logging: Callable[[], None],
    stop: Callable[[Exception], NoReturn],
) -> None:
    """Rule Flower, where this process is about to become it: call this while the app is made.

    Flower reads its environment, its file and its command line afterwards, so each of them may
    choose another address or history; none can open it. Without `allow_control` its buttons that
    change workers or drop tasks are refused, as workers refuse them. `stop` ends the process with
    an error.
    """
    context = click.get_current_context(silent=True)
    if context is None or context.invoked_subcommand != "flower":
        return
    options.address = "127.0.0.1"
    options.persistent = True
    options.db = str(home / "flower")
    options.state_save_interval = _SAVE_EVERY_MILLISECONDS
    options.max_tasks = _MAX_TASKS
    flower.events.EventsState = IdsOnlyState
    flower.urls.settings["transforms"] = [SafeHeaders]
    # https://flower.readthedocs.io/en/latest/prometheus-integration.html
    Metrics.get = authenticated(Metrics.get)
    if not allow_control:
        refuse_control()
    home.mkdir(parents=True, exist_ok=True)

    @import_modules.connect(sender=app, weak=False)
    def _when_its_options_are_read(**_: Any) -> None:
        start_logging()
        try:
            require_password(options.basic_auth, options.auth)
        except ConfigurationError as error:
            stop(error)


def refuse_control() -> None:
    """Refuse every request that would change a worker or drop a task.

    https://flower.readthedocs.io/en/latest/api.html
    """

    @authenticated
    async def refuse(self: ControlHandler, *_: str) -> None:
        self.set_status(HTTPStatus.FORBIDDEN)
        self.write("It is refused: set ORDERS_SYNC_ALLOW_CONTROL=true to allow it.")

    for handler in ControlHandler.__subclasses__():
        handler.post = refuse


def require_password(basic_auth: list[str] | None, oauth: str | None) -> None:
    """Refuse to be open to everybody: Flower can run any task and stop any worker.

    Raises:
        ConfigurationError: there is no password and no OAuth, or a password is no password.
    """
    if not basic_auth and not oauth:
        raise ConfigurationError(
            "FLOWER_BASIC_AUTH is missing: without it Flower would be open to everybody. "
            "Set FLOWER_BASIC_AUTH=user:password (or FLOWER_AUTH and OAuth)."
        )
    for login in basic_auth or ():
        user, _, password = login.partition(":")
        if not user or not password:
            raise ConfigurationError(
                "FLOWER_BASIC_AUTH is wrong: it must be user:password, neither of them empty; "
                "a comma separates one such pair from the next, so it cannot be in a password."
            )
