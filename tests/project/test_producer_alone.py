"""The producer as a distribution of its own, in an environment that has nothing else of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from zipfile import ZipFile

import pytest
import redis

from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.settings import child_environment

ROOT = Path(__file__).parents[2]

SEND = """
import sys
from importlib.metadata import packages_distributions
from orders_sync.producer import Producer

with Producer(sys.argv[1]) as producer:
    producer.invoice("mystore", "1172452900788-01", {"number": "000123"})
print(packages_distributions()["orders_sync"])
"""


def run(*command: str | Path) -> str:
    done = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        cwd="/",
        env=child_environment(PYTHONPATH="", PIP_DISABLE_PIP_VERSION_CHECK="1"),
    )
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the wheel and install it into a fresh environment; give its Python and the wheel."""
    home = tmp_path_factory.mktemp("producer")
    python = home / "venv" / "bin" / "python"
    try:
        run(sys.executable, "-m", "venv", home / "venv")
        pip = (python, "-m", "pip", "--quiet")
        run(*pip, "wheel", "--no-deps", "--wheel-dir", home, ROOT / "producer")
        [wheel] = home.glob("*.whl")
        run(*pip, "install", wheel)
    except subprocess.CalledProcessError as error:
        reason = f"pip cannot build here; it needs an index: {error.stderr[-500:]}"
        if os.environ.get("CI") == "true":  # noqa: TID251 -- no setting of the project's
            pytest.fail(reason)
        pytest.skip(reason)
    return python, wheel


def test_a_service_without_orders_sync_sends_a_command(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    python, _ = built
    broker = EmbeddedBroker(tmp_path)
    url = broker.start()
    try:
        distributions = run(python, "-c", SEND, url)
        with closing(redis.Redis.from_url(url)) as client:
            messages = [json.loads(message) for message in client.lrange("invoice", 0, -1)]
    finally:
        broker.stop()

    assert [message["headers"]["task"] for message in messages] == ["orders_sync.invoice"]
    assert distributions.strip() == "['orders-sync-producer']"


def test_it_needs_celery_and_pydantic_and_leaves_kombu_to_the_service(
    built: tuple[Path, Path],
) -> None:
    python, _ = built

    needs = json.loads(
        run(
            python,
            "-c",
            "import json; from importlib.metadata import requires;"
            "print(json.dumps(requires('orders-sync-producer')))",
        )
    )

    assert sorted(need.partition(">=")[0] for need in needs) == ["celery[redis]", "pydantic"]


def test_its_modules_are_those_of_orders_sync(built: tuple[Path, Path]) -> None:
    _, path = built

    with ZipFile(path) as wheel:
        modules = {name: wheel.read(name) for name in wheel.namelist() if ".dist-info" not in name}

    assert modules == {name: (ROOT / name).read_bytes() for name in modules}
    assert {"orders_sync/producer.py", "orders_sync/py.typed"} < modules.keys()
