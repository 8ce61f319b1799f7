"""Passes TCP connections on, so that a host of its own reaches what listens on the loopback.

    python -m chaos.relay HOST:PORT=HOST:PORT [...]

Each pair is where it listens, and where that leads to.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

_CHUNK_BYTES = 64 * 1024


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
