"""Hosts of their own for some processes, as network namespaces that may lose the others.

    python -m chaos.hosts HOST:PORT=HOST:PORT [...]

passes TCP connections on, so that such a host reaches what listens on the loopback; each pair is
where it listens, and where that leads to.

https://man7.org/linux/man-pages/man8/ip-netns.8.html
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_ADDRESSES_A_HOST: Final = 16

#: A rule is found by them when it is deleted: other attributes that it was not given are ignored.
_OTHERS_PRIORITY: Final = 1000
_VTEX_PRIORITY: Final = 1001
_CHUNK_BYTES = 64 * 1024


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
        """Return the command that runs another one there, in the same process."""
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
    """Run a host for as long as the block lasts."""
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
    """Return why there can be no hosts here; None where there can."""
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


async def _relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int
) -> None:
    try:
        there = await asyncio.open_connection(host, port)
    except OSError:
        writer.transport.abort()
        return
    await asyncio.gather(_pass_on(reader, there[1]), _pass_on(there[0], writer))
    writer.close()
    there[1].close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until one side ends; a connection that is cut is cut on the other side too."""
    try:
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()
    except OSError:
        writer.transport.abort()


async def serve(pairs: list[str]) -> None:
    """Listen at the first address of each pair until this process is ended."""
    for pair in pairs:
        here, _, there = pair.partition("=")
        host, _, port = there.rpartition(":")

        async def relay(
            reader: asyncio.StreamReader,
            writer: asyncio.StreamWriter,
            host: str = host,
            port: int = int(port),
        ) -> None:
            await _relay(reader, writer, host, port)

        listening, _, number = here.rpartition(":")
        await asyncio.start_server(relay, listening, int(number))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
