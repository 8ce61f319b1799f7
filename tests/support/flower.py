"""Flower as a real process beside a plant, looked at over HTTP."""

from __future__ import annotations

from typing import Any

import requests
from support.plant import Plant
from support.waiting import until

from orders_sync.embedded import process_list
from orders_sync.embedded.broker import free_port
from orders_sync.embedded.processes import Child

LOGIN = ("me", "secret")


class Flower:
    """One Flower of a plant; `changes` are to its environment."""

    def __init__(self, plant: Plant, **changes: str) -> None:
        self._plant = plant
        self._changes = {"FLOWER_BASIC_AUTH": ":".join(LOGIN), **changes}
        self._port = free_port()
        self.child = self.start()

    def start(self) -> Child:
        """Start it, and wait until it lets its user in."""
        self.child = self._plant.start("flower", process_list.flower(self._port), **self._changes)
        until(self._is_up, "Flower lets its user in")
        return self.child

    def get(self, path: str, login: tuple[str, str] | None = LOGIN) -> requests.Response:
        """Get a page."""
        return requests.get(self.url(path), auth=login, timeout=30)

    def url(self, path: str, login: str = "") -> str:
        """Return the address of a page, with `user:password@` where `login` is that."""
        return f"http://{login}127.0.0.1:{self._port}{path}"

    def tasks(self) -> dict[str, dict[str, Any]]:
        """Return all that Flower's API says of the tasks it has seen, by id."""
        tasks: dict[str, dict[str, Any]] = self.get("/api/tasks").json()
        return tasks

    def knows(self, task_id: str, **facts: Any) -> bool:
        """Check whether Flower has seen a task, and so much of it."""
        seen = self.tasks().get(task_id)
        return seen is not None and all(seen[name] == value for name, value in facts.items())

    def hears_a_worker(self) -> bool:
        """Check whether a worker's events have come."""
        return bool(self.get("/workers?json=1").json()["data"])

    def _is_up(self) -> bool:
        assert self.child.exit_status() is None, self._plant.log_of("flower")
        try:
            return self.get("/workers").ok
        except requests.ConnectionError:
            return False
