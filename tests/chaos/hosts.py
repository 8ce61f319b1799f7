"""Hosts of their own for some processes, as network namespaces that may lose the others.

https://man7.org/linux/man-pages/man8/ip-netns.8.html
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_ADDRESSES_A_HOST: Final = 16
#: A rule is found by them when it is deleted: other attributes that it was not given are ignored.
_OTHERS_PRIORITY: Final = 1000
_VTEX_PRIORITY: Final = 1001


@dataclass(frozen=True, slots=True)
class Host:
    """A host with one link to this machine.

    `services` and `vtex` are this machine's addresses as the host knows them, one for the broker
    and one for VTEX; `own` is the host's.
    """

    name: str
    link: str
    services: str
    vtex: str
    own: str

    @classmethod
    def number(cls, number: int, run: int) -> Host:
        """Name the host with a number (0 to 14) of a run, whose process id makes it unique."""
        first = number * _ADDRESSES_A_HOST
        # Addresses that no other network of this machine should have.
        # https://www.rfc-editor.org/rfc/rfc6598
        network = f"100.{64 + run // 256 % 64}.{run % 256}"
        services, vtex, own = (f"{network}.{first + n}" for n in (1, 2, 3))
        return cls(f"chaos-{run}-{number}", f"ch{run % 1_000_000}-{number}", services, vtex, own)

    def command(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """Give the command that runs another one there, in the same process."""
        return (_ip(), "netns", "exec", self.name, *argv)

    @contextlib.contextmanager
    def without_others(self) -> Iterator[None]:
        """Lose every packet to the host for as long as the block lasts."""
        with _rule(_OTHERS_PRIORITY, "to", self.own):
            yield

    @contextlib.contextmanager
    def without_vtex(self) -> Iterator[None]:
        """Lose every packet from VTEX to the host for as long as the block lasts."""
        with _rule(_VTEX_PRIORITY, "from", self.vtex, "to", self.own):
            yield


@contextlib.contextmanager
def running_host(host: Host) -> Iterator[None]:
    """Have a host for as long as the block lasts."""
    _run("netns", "add", host.name)
    try:
        _run("link", "add", host.link, "type", "veth", "peer", "name", "eth0", "netns", host.name)
        for address in (host.services, host.vtex):
            _run("address", "add", f"{address}/28", "dev", host.link)
        _run("link", "set", host.link, "up")
        there = ("-netns", host.name)
        _run(*there, "address", "add", f"{host.own}/28", "dev", "eth0")
        for link in ("lo", "eth0"):
            _run(*there, "link", "set", link, "up")
        yield
    finally:
        _run("netns", "delete", host.name)


def why_not() -> str | None:
    """Say why there can be no hosts here; None: there can."""
    if shutil.which("ip") is None:
        return "there is no program ip; apt-get install iproute2"
    if os.geteuid() != 0:
        return "only root may add network namespaces"
    try:
        with running_host(Host.number(14, os.getpid())):
            return None
    except subprocess.CalledProcessError as error:
        return f"ip says: {error.stderr.strip()}"


@contextlib.contextmanager
def _rule(priority: int, *selector: str) -> Iterator[None]:
    rule = (*selector, "priority", str(priority), "blackhole")
    _run("rule", "add", *rule)
    try:
        yield
    finally:
        _run("rule", "delete", *rule)


def _run(*arguments: str) -> None:
    subprocess.run([_ip(), *arguments], check=True, capture_output=True, text=True)


def _ip() -> str:
    return shutil.which("ip") or "ip"
