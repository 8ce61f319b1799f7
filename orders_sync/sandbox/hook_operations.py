"""The calls about the order hook; its configuration is kept, and nothing is ever sent.

https://developers.vtex.com/docs/api-reference/orders-api#post-/api/orders/hook/config
"""

from __future__ import annotations

from typing import Any

from orders_sync.sandbox import bodies
from orders_sync.sandbox.envelopes import plain
from orders_sync.sandbox.operations import Asked, Done, Operation, Refusal
from orders_sync.sandbox.wire import Response, json_response


class HookOperations:
    """Get, set and delete the hook's configuration, one an app key."""

    def __init__(self) -> None:
        self._configs: dict[str, dict[str, Any]] = {}

    def table(self) -> dict[str, Operation]:
        """Name the operations as the routes do."""
        return {
            "hook_config_get": self.get_config,
            "hook_config_set": self.set_config,
            "hook_config_delete": self.delete_config,
        }

    def get_config(self, asked: Asked) -> Done:
        """Show the configuration."""
        return Done(json_response(200, self._require(asked.app_key)))

    def set_config(self, asked: Asked) -> Done:
        """Take a configuration, as if the hook's address had answered the ping."""
        data = bodies.read_object(asked.request)
        hook = data.get("hook")
        if not isinstance(data.get("filter"), dict) or not isinstance(hook, dict):
            raise bodies.bad_body("The fields filter and hook are required")
        if not bodies.text(hook, "url").startswith("https://"):
            raise Refusal(plain(400, "Only https scheme is accepted"))
        self._configs[asked.app_key] = {"filter": data["filter"], "hook": hook}
        return Done(Response(200), effect=True)

    def delete_config(self, asked: Asked) -> Done:
        """Remove the configuration."""
        self._require(asked.app_key)
        del self._configs[asked.app_key]
        return Done(Response(200), effect=True)

    def _require(self, app_key: str) -> dict[str, Any]:
        config = self._configs.get(app_key)
        if config is None:
            raise Refusal(plain(404, "Hook configuration not found"))
        return config
