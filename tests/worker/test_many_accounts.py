"""Five hundred accounts in a process: what it has open does not grow with them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.postgres import PostgresServer

from orders_sync.ledger.migrate import upgrade

PROGRAM = Path(__file__).parents[1] / "support" / "many_accounts.py"
ACCOUNTS = 500
THREADS = 10
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"

Options = Callable[[str, str], dict[str, Any]]


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


@pytest.fixture
def vtex_urls() -> Iterator[list[str]]:
    """Serve a host an account, each with an empty feed."""
    loop = asyncio.new_event_loop()

    async def listen() -> list[asyncio.Server]:
        return [await asyncio.start_server(answer, "127.0.0.1", 0) for _ in range(ACCOUNTS)]

    async def end(servers: list[asyncio.Server]) -> None:
        for server in servers:
            server.close()
            await server.wait_closed()

    servers = loop.run_until_complete(listen())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers]
    asyncio.run_coroutine_threadsafe(end(servers), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def in_one_database(url: str, _account: str) -> dict[str, Any]:
    return {"url": url}


def in_one_database_each(url: str, account: str) -> dict[str, Any]:
    return {"url": f"{url}&application_name={account}"}


def in_the_home(_url: str, _account: str) -> dict[str, Any]:
    return {}


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files as Linux does")
@pytest.mark.parametrize("options", [in_one_database, in_one_database_each, in_the_home])
def test_connections_and_files_are_bounded(
    options: Options,
    vtex_urls: list[str],
    postgres: PostgresServer,
    postgres_database: str,
    tmp_path: Path,
) -> None:
    url = postgres.url(postgres_database)
    upgrade(url)
    names = [f"store{number}" for number in range(ACCOUNTS)]
    given = {
        "accounts": {
            name: [vtex_url, options(url, name)]
            for name, vtex_url in zip(names, vtex_urls, strict=True)
        },
        "home": str(tmp_path),
        "ledger_url": url,
        "threads": THREADS,
    }

    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, str(PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(given) + "\n")
        process.stdin.flush()
        files = json.loads(process.stdout.readline())
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            [connections] = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (postgres_database,)
            ).fetchone() or [0]
        process.stdin.write("\n")
        process.stdin.close()
        files |= json.loads(process.stdout.readline())

    assert process.returncode == 0
    assert 0 < connections <= 60
    assert files["most"] <= 300
    assert files["closed"] < files["last"] - THREADS
