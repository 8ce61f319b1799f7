"""A real Redis server with options of its own, and TLS before one."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
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
    """Listen with TLS before a server's port; give the port of ours."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        arguments = (listener, context, port)
        threading.Thread(target=_accept, args=arguments, daemon=True).start()
        yield listener.getsockname()[1]


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(client, context, port), daemon=True).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with (
        plain,
        suppress(OSError),
        context.wrap_socket(plain, server_side=True) as client,
        socket.create_connection(("127.0.0.1", port)) as server,
    ):
        answering = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
        answering.start()
        _pass_on(client, server)
        answering.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def _openssl(*arguments: object) -> None:
    program = shutil.which("openssl")
    assert program is not None
    subprocess.run([program, *map(str, arguments)], check=True, capture_output=True)
