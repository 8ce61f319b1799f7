"""What of kombu's inside this transport stands on, and the versions it was tested with."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from orders_sync.errors import ConfigurationError

#: From this version on, and below that one. A later one belongs in here, and in `pyproject.toml`,
#: once `tests/worker/test_message_loss.py` passes with it.
TESTED_KOMBU: Final = ("5.7", "5.8")

#: The private names of `kombu.transport.redis` that are overridden or used, by class.
PRIVATE_NAMES: Final = {
    "Channel": (
        "_active_queues",
        "_basic_cancel",
        "_brpop_sent_at",
        "_connparams",
        "_create_client",
        "_fanout_queues",
        "_in_poll",
        "_lookup",
        "_queue_cycle",
        "_tag_to_queue",
    ),
    "MultiChannelPoller": (
        "_channels",
        "_client_registered",
        "_fd_to_chan",
        "_register",
        "_register_BRPOP",
    ),
    "QoS": ("_delivered", "_flush", "_on_collect", "_quick_ack", "_quick_append"),
}


def check_kombu(installed: str | None = None) -> None:
    """Check that kombu is of the versions with which this transport loses no message.

    Raises:
        ConfigurationError: it is another.
    """
    installed = installed or version("kombu")
    first, beyond = map(_numbers, TESTED_KOMBU)
    if not first <= _numbers(installed) < beyond:
        raise ConfigurationError(
            f"kombu {installed} is installed, and taking messages was not tested with it, so some "
            "might be lost. A right version: "
            f"pip install 'kombu>={TESTED_KOMBU[0]},<{TESTED_KOMBU[1]}'"
        )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])
