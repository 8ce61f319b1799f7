from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from chaos.environment import child_environment
from chaos.hosts import Host, running_host, why_not

_LOOK = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 0.5).close()"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """Have a host that reaches this machine as the services and as VTEX."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    host = Host.number(13, os.getpid())
    with running_host(host):
        yield host


@pytest.fixture(scope="module")
def port(host: Host) -> Iterator[int]:
    """Have a server on the loopback that the host reaches by a relay at the same port."""
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    port = server.server_port
    pairs = [f"{address}:{port}=127.0.0.1:{port}" for address in (host.services, host.vtex)]
    with subprocess.Popen(
        [sys.executable, "-m", "chaos.hosts", *pairs], env=child_environment()
    ) as relay:
        while not all(reaches(host, address, port) for address in (host.services, host.vtex)):
            assert relay.poll() is None
        yield port
        relay.kill()
    server.shutdown()
    thread.join()
    server.server_close()


def reaches(host: Host, address: str, port: int) -> bool:
    look = host.command((sys.executable, "-c", _LOOK, address, str(port)))
    return subprocess.run(look, check=False, stderr=subprocess.DEVNULL).returncode == 0


def test_a_host_that_is_cut_off_reaches_nobody_until_it_is_back(host: Host, port: int) -> None:
    with host.without_others():
        lost = [reaches(host, address, port) for address in (host.services, host.vtex)]

    assert lost == [False, False]
    assert reaches(host, host.services, port)


def test_a_host_may_lose_vtex_alone(host: Host, port: int) -> None:
    with host.without_vtex(), host.without_others():
        pass
    with host.without_vtex():
        seen = [reaches(host, address, port) for address in (host.services, host.vtex)]

    assert seen == [True, False]
    assert reaches(host, host.vtex, port)


def test_hosts_of_a_run_and_of_another_have_addresses_of_their_own() -> None:
    hosts = [Host.number(number, run) for number in range(15) for run in (300, 301, 70_000)]

    addresses = [address for host in hosts for address in (host.services, host.vtex, host.own)]
    assert len(set(addresses)) == len(addresses)
    assert len({host.link for host in hosts}) == len(hosts)
    assert all(len(host.link) <= 15 for host in hosts)
