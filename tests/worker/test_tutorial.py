"""docs/tutorial.md, typed in as it stands."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

from support.running import Running
from support.waiting import until

from orders_sync.settings import child_environment

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
SETTINGS = re.search(r"```\n(ORDERS_SYNC.*?)```", PAGE, re.DOTALL)
#: What goes on until it is stopped has a terminal of its own.
SANDBOX, UP = (next(block for block in SHELL if word in block) for word in ("sandbox", "sync up"))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def typed(block: str) -> list[str]:
    return block.split()[1:]


def test_the_tutorial_leads_from_nothing_to_an_invoice_and_a_mended_mistake(tmp_path: Path) -> None:
    assert SETTINGS is not None
    port = free_port()
    script = "\n".join(
        block for block in SHELL if block not in (SANDBOX, UP) and "pip install" not in block
    )
    (tmp_path / ".env").write_text(SETTINGS[1].replace("8181", str(port)))
    binaries = tmp_path / "bin"
    binaries.mkdir()
    for name, module in (("orders-sync", "-m orders_sync"), ("python", "")):
        program = binaries / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
        program.chmod(0o755)
    path = f"{binaries}:{child_environment()['PATH']}"
    env = child_environment(TMPDIR=str(tmp_path), PATH=path)
    sandbox_folder = tmp_path / "sandbox"
    sandbox_folder.mkdir()

    with (
        Running(sandbox_folder, *typed(SANDBOX), f"--port={port}", env=env) as sandbox,
        Running(
            tmp_path, *typed(UP), "--no-flower", f"--gateway-port={free_port()}", env=env
        ) as up,
    ):
        until(lambda: sandbox.stdout, "the sandbox listens")
        up.wait_for("Running for mystore")
        until(lambda: _done(tmp_path, env) >= 2, "two orders are in the ERP")
        run = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        up.ask(signal.SIGTERM)

    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("Done: VTEX has it.") == 2
    assert "invoice.over_invoiced: 1 parked" in run.stdout
    assert "Nothing needs a person." in run.stdout.splitlines()[-1]


def _done(folder: Path, env: dict[str, str]) -> int:
    asked = subprocess.run(
        [sys.executable, "-m", "orders_sync", "orders", "list", "--standing", "done", "--json"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout.count('"order_id"')
