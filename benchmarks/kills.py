"""What happens when the broker or a worker dies: the scenarios `broker` and `worker` of outages."""

from __future__ import annotations

import argparse
import shutil
import time
from contextlib import suppress
from statistics import median

import redis

from benchmarks.evidence import Books, handled_at, is_settled, orders_coming_in, verdict
from benchmarks.plant import Plant, until
from benchmarks.stage import say, staged
from orders_sync.embedded.broker import broker_folder
from orders_sync.embedded.processes import Child

_BACKLOG = 400
_A_SECOND = 5.0
_AWAY_SECONDS = 5.0
#: What nobody waits for has begun by then.
_LATE_SECONDS = 60.0


def broker(options: argparse.Namespace) -> None:
    """Take the broker away under a steady flow, in three ways."""
    for way in ("restarted", "killed", "killed and emptied"):
        with staged(options.workers) as plant:
            print(f"  {way}:", flush=True)
            _interrupt(plant, way)


def worker(options: argparse.Namespace) -> None:
    """Kill one busy worker."""
    with staged(options.workers) as plant:
        _kill_worker(plant)


def _interrupt(plant: Plant, way: str) -> None:
    server = _process(plant, "broker")
    plant.admin("POST", "orders", count=_BACKLOG)
    with orders_coming_in(plant, _A_SECOND):
        until(lambda: _handled(plant) > _BACKLOG // 4, "the workers are busy")
        known = Books(plant).open()
        _end(server, way)
        if way == "killed and emptied":
            shutil.rmtree(broker_folder(plant.home) / "appendonlydir")
        time.sleep(_AWAY_SECONDS)
        met = {o["order_id"] for o in plant.orders()} - handled_at(plant.orders()).keys() - known
        server.start()
        until(lambda: _answers(plant.broker_url), "the broker is back", 60)
        back = time.time()
        waiting = known | met
        until(lambda: waiting <= handled_at(plant.orders()).keys(), "what was in flight is handled")
    until(lambda: is_settled(plant), "all is handled")
    handled = handled_at(plant.orders())
    first = min(at - back for at in handled.values() if at > back)
    say("seconds from its return to the first order handled", f"{first:.1f}")
    for what, those in (("in flight when it went", known), ("that came meanwhile", met)):
        last = max(handled[each] - back for each in those)
        say(f"seconds until all {len(those)} orders {what} were", f"{max(last, 0.0):.1f}")
    say("judged by VTEX and the ERP", verdict(plant))


def _kill_worker(plant: Plant) -> None:
    victim = _process(plant, "worker1")
    books = Books(plant)
    plant.admin("POST", "orders", count=_BACKLOG)
    until(lambda: _handled(plant) > _BACKLOG // 4, "the workers are busy")
    victim.kill()
    killed, orders = time.time(), books.worked_on_by(victim.pid or 0)
    known = books.known().keys()
    until(lambda: is_settled(plant), "all is handled")
    first = {
        order["order_id"]: min(call["at"] for call in order["calls"] if call["at"] > killed)
        - killed
        for order in plant.orders()
        if order["calls"][-1]["at"] > killed
    }
    went_on = [first[each] for each in orders]
    say("orders that the killed worker was busy with", len(orders))
    if went_on:
        say("seconds until they went on, median", f"{median(went_on):.1f}")
        say("seconds until they went on, longest", f"{max(went_on):.1f}")
    unread = [first[each] for each in first.keys() - known if first[each] > _LATE_SECONDS]
    if unread:
        say("orders whose events it had taken and not recorded", len(unread))
        say("seconds until VTEX gave them again", f"{max(unread):.1f}")
    say("judged by VTEX and the ERP", verdict(plant))


def _process(plant: Plant, name: str) -> Child:
    return next(child for child in plant.ours if child.spec.name == name)


def _end(server: Child, way: str) -> None:
    if way == "restarted":
        server.terminate()
        server.ended_within(30)
    server.kill()


def _handled(plant: Plant) -> int:
    return int(plant.admin("GET", "report")["orders_by_status"].get("handling", 0))


def _answers(url: str) -> bool:
    with suppress(redis.RedisError), redis.Redis.from_url(url, socket_timeout=2) as client:
        return bool(client.ping())
    return False
