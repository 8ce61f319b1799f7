"""What `celery -A orders_sync` finds: the app, wired from the settings."""

from __future__ import annotations

import os

from orders_sync.embedded.broker import with_broker
from orders_sync.errors import ConfigurationError
from orders_sync.private_files import UMASK, keep_private
from orders_sync.settings import load_settings
from orders_sync.worker.startup import create_app, stop_with

_TASKS = (
    "orders_sync.inbound.tasks",
    "orders_sync.outbound.tasks",
    "orders_sync.upkeep.tasks",
    "orders_sync.webhooks.tasks",
)

os.umask(UMASK)
try:
    settings = load_settings()
    keep_private(settings)
    app = create_app(with_broker(settings), include=_TASKS)
except ConfigurationError as error:
    stop_with(error)
