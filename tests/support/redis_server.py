"""A real Redis server with options of its own, and TLS before one."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry
from support.waiting import until

from orders_sync.embedded.broker import find_server, free_port

_CHUNK = 65_536


@contextmanager
def running_redis(folder: Path, *options: str) -> Iterator[int]:
    """Run a server with options as of its command line; give its port."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    argv = [str(find_server()), "--port", str(port), "--bind", "127.0.0.1", "--save", "", *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=folder, stdout=log, stderr=log)
    try:
        until(lambda: process.poll() is not None or _answers(port), "the server answers")
        assert process.poll() is None, (folder / "log").read_text()[-1000:]
        yield port
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    client: Any = Redis(port=port, retry=Retry(NoBackoff(), 0))
    try:
        return bool(client.ping())
    except RedisError as error:
        return isinstance(error, AuthenticationError) or "authenticat" in str(error)
    finally:
        client.close()


class Authority:
    """A private authority, and a certificate for 127.0.0.1 that it signed."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "ca.pem"
        self.certificate, self.key = folder / "server.pem", folder / "server.key"
        _openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=ours", "-days", "2"),
            *("-keyout", folder / "ca.key", "-out", self.file),
        )
        _openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=redis", "-days", "2"),
            *("-keyout", self.key, "-out", self.certificate),
            *("-CA", self.file, "-CAkey", folder / "ca.key"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        )


@contextmanager
def tls_before(port: int, authority: Authority) -> Iterator[int]:
    """Listen with TLS before a server's port; give the port of ours.

    One thread has all connections: OpenSSL crashes where one is read and written by two.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)
    relay = _Relay(context, port)
    thread = threading.Thread(target=lambda: asyncio.run(relay.run()), daemon=True)
    thread.start()
    until(lambda: relay.port, "it listens")
    try:
        yield relay.port
    finally:
        relay.stop()
        thread.join()


class _Relay:
    """Takes TLS off, and passes on what is behind it."""

    def __init__(self, context: ssl.SSLContext, target: int) -> None:
        self.port = 0
        self._context = context
        self._target = target
        self._stop: Callable[[], object] = lambda: None

    async def run(self) -> None:
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        self._stop = lambda: loop.call_soon_threadsafe(stopped.set)
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        await stopped.wait()
        server.close()

    def stop(self) -> None:
        self._stop()

    async def _serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        server, there = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            await asyncio.gather(_pass_on(client, there), _pass_on(server, back))
        finally:
            there.transport.abort()
            back.transport.abort()


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(_CHUNK):
            target.write(data)
            await target.drain()
    target.close()


def _openssl(*arguments: object) -> None:
    program = shutil.which("openssl")
    assert program is not None
    subprocess.run([program, *map(str, arguments)], check=True, capture_output=True)
