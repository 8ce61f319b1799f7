"""The hook's configuration: which changes VTEX posts, and where to.

https://developers.vtex.com/docs/guides/orders-feed
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from orders_sync.errors import ConfigurationError
from orders_sync.vtex.feed_configuration import FROM_WORKFLOW, FeedFilter


class Hook(BaseModel):
    """Where VTEX posts to; the headers are how the receiver knows VTEX, so no repr shows them."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    url: str | None = None
    headers: Mapping[str, str] | None = Field(default=None, repr=False)


class HookConfiguration(BaseModel):
    """A hook's configuration; fields that VTEX adds survive a round trip."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    filter: FeedFilter = FeedFilter()
    hook: Hook = Hook()

    @classmethod
    def from_workflow(
        cls, statuses: Iterable[str], *, url: str, headers: Mapping[str, str]
    ) -> Self:
        """Configure a hook for status changes."""
        return cls(
            filter=FeedFilter(type=FROM_WORKFLOW, status=tuple(statuses)),
            hook=Hook(url=url, headers=dict(headers)),
        )

    def check(self) -> None:
        """Find what VTEX would refuse, before it is asked.

        Raises:
            ConfigurationError: the URL is none of https, there is no header, or the filter mixes
                two types.
        """
        parts = urlsplit(self.hook.url or "")
        # VTEX cannot reach this machine, so it is never asked to: that is for a sandbox here.
        is_here = parts.scheme == "http" and parts.hostname == "127.0.0.1"
        if not parts.hostname or not (parts.scheme == "https" or is_here):
            raise ConfigurationError(
                f"The hook's url is {parts.scheme or 'no'} address; VTEX takes https only, for "
                "example https://orders.example.com/vtex/hook."
            )
        if not self.hook.headers:
            raise ConfigurationError(
                "The hook has no headers. VTEX signs nothing, so name one whose value is a "
                "secret, for example X-Integration-Secret."
            )
        self.filter.check("hook")

    def difference(self, wanted: HookConfiguration) -> list[str]:
        """Say how this configuration differs from the wanted one; no header's value is told."""
        mine, theirs = self.hook, wanted.hook
        differing = self.filter.difference(wanted.filter)
        if mine.url != theirs.url:
            differing.append(f"hook.url is {mine.url}, wanted {theirs.url}")
        found = {name.lower(): value for name, value in (mine.headers or {}).items()}
        differing += [
            f"hook.headers.{name} {'has another value' if name.lower() in found else 'is missing'}"
            for name, value in (theirs.headers or {}).items()
            if found.get(name.lower()) != value
        ]
        return differing

    def to_wire(self) -> dict[str, Any]:
        """Word the configuration as VTEX's JSON."""
        return self.model_dump(by_alias=True, exclude_none=True, mode="json")
