"""VTEX's hook: order events posted to a URL of ours.

https://developers.vtex.com/docs/guides/orders-feed
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orders_sync.errors import NotFound
from orders_sync.vtex.documents import require
from orders_sync.vtex.endpoints import Endpoints
from orders_sync.vtex.hook_configuration import HookConfiguration
from orders_sync.vtex.responses import read_json

_CONFIG: Final = "/api/orders/hook/config"


class HookEndpoints(Endpoints):
    """The hook of the account's application key: one a key, and none after three idle days."""

    def get_hook_configuration(self) -> HookConfiguration | None:
        """Read the hook's configuration (GetHookConfiguration), or None where there is none.

        https://developers.vtex.com/docs/api-reference/orders-api#get-/api/orders/hook/config
        """
        try:
            data = read_json(*self._call("get_hook_configuration", "GET", _CONFIG))
        except NotFound:
            return None
        if isinstance(data, Mapping):
            data = {key: value for key, value in data.items() if value is not None}
        return require(HookConfiguration, data, "The hook's configuration") if data else None

    def set_hook_configuration(self, configuration: HookConfiguration) -> None:
        """Create the hook's configuration, or put another in its place (HookConfiguration).

        VTEX first posts `{"hookConfig": "ping"}` to the URL, and refuses it without a 200.

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/orders/hook/config

        Raises:
            ConfigurationError: VTEX would refuse or misread the configuration; it is not asked.
            Refused: VTEX cannot reach the URL.
        """
        configuration.check()
        payload = configuration.to_wire()
        self._call("set_hook_configuration", "POST", _CONFIG, payload=payload)

    def delete_hook_configuration(self) -> None:
        """Remove the hook's configuration (DeleteHookConfiguration); nothing is posted any more.

        https://developers.vtex.com/docs/api-reference/orders-api#delete-/api/orders/hook/config
        """
        self._call("delete_hook_configuration", "DELETE", _CONFIG)
