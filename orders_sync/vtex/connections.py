"""The connections of a process to VTEX: bounded in number over all hosts, and each call in time."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util import Timeout

from orders_sync.http_client import IdleConnections, Pool, TlsPool

#: An account is a host. Their pools cost next to nothing while they hold no connection.
_HOSTS: Final = 10_000


class VtexAdapter(HTTPAdapter):
    """A transport adapter for all threads and accounts of a process; calls are made in `until`.

    At most `connections` wait open for their next call, over all hosts together; of more than that
    the one that is idle for longest is closed. Nothing is tried again. TLS trusts the certificates
    in `ca_file`, which is read once.
    """

    def __init__(self, connections: int, *, ca_file: str = DEFAULT_CA_BUNDLE_PATH) -> None:
        self._idle = IdleConnections(connections)
        self._context = ssl.create_default_context(cafile=ca_file)
        self._pools: dict[str, Any] = {}
        super().__init__(pool_connections=_HOSTS, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **named: Any) -> None:
        """Make the pools ones that share the bound."""
        super().init_poolmanager(*args, ssl_context=self._context, **named)
        self.poolmanager.pool_classes_by_scheme = {
            "http": partial(Pool, idle=self._idle),
            "https": partial(TlsPool, idle=self._idle),
        }

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002 - requests calls it so.
        timeout: Any = None,
        verify: bool | str = True,  # noqa: ARG002, FBT001, FBT002 - requests calls it so.
        cert: Any = None,  # noqa: ARG002 - requests calls it so.
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002 - requests calls it so.
    ) -> requests.Response:
        """Send a request and return its response, of which status and `raw` are filled.

        What the base class does beside that is for a session, and takes as long as the call.

        Raises:
            HTTPError: of urllib3.
        """
        connect, read = timeout
        scheme, _, host, *rest = (request.url or "").split("/", 3)
        raw = self._pool(f"{scheme}//{host}").urlopen(
            request.method or "GET",
            f"/{''.join(rest)}",
            request.body,
            request.headers,
            self.max_retries,
            redirect=False,
            assert_same_host=False,
            timeout=Timeout(connect=connect, read=read),
            preload_content=False,
            decode_content=False,
        )
        response = requests.Response()
        response.status_code, response.raw = raw.status, raw
        return response

    def _pool(self, origin: str) -> Any:
        """Return the pool of a host; to find it among urllib3's is slow."""
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = self.poolmanager.connection_from_url(origin)
        return pool

    def close(self) -> None:
        """Close the idle connections."""
        self._pools.clear()
        super().close()
