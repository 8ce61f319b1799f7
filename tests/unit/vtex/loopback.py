"""A peer on the loopback that answers with raw bytes, right ones and wrong ones."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

OK = b"HTTP/1.1 200 OK\r\n"


def whole(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


def chunked(*chunks: bytes) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])
    return OK + b"Transfer-Encoding: chunked\r\n\r\n" + body


@dataclass
class Loopback:
    """A peer that reads a request, answers it with the next raw bytes, and goes on.

    A connection is closed after an answer, unless `keeps_alive`; None is silence.
    """

    answers: list[bytes | None]
    keeps_alive: bool = False
    received: list[bytes] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            # Who gives a call up resets its connection.
            with suppress(ConnectionResetError), connection, connection.makefile("rb") as stream:
                while self._answer(connection, stream) and self.keeps_alive:
                    pass

    def _answer(self, connection: socket.socket, stream: Any) -> bool:
        head = b"".join(iter(stream.readline, b"\r\n")) if stream.peek(1) else b""
        if not head:
            return False
        length = next(
            (int(line[15:]) for line in head.splitlines() if line.startswith(b"Content-Length:")), 0
        )
        self.received.append(head + b"\r\n" + stream.read(length))
        answer = self.answers.pop(0)
        if answer is None:
            self._over.wait()
        else:
            connection.sendall(answer)
        return bool(self.answers)
