"""The stage of an outage: processes as in production, VTEX with latency and a budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from benchmarks.plant import STORE, Plant, running_plant

#: What VTEX publishes.
PER_MINUTE = 6000

_LATENCY_SECONDS = 0.1


@contextmanager
def staged(
    workers: int,
    *,
    per_minute: int = PER_MINUTE,
    erp: str = "staging",
    environment: Mapping[str, str] | None = None,
    **settings: str,
) -> Iterator[Plant]:
    """Run everything with a budget of calls, VTEX's published one by default, and 100 ms a call."""
    account = f"ACCOUNTS__{STORE.upper()}"
    with running_plant(
        workers,
        vtex_per_minute=per_minute,
        environment=environment or {},
        flower=False,
        gateway=False,
        **{
            f"{account}__ERP": erp,
            f"{account}__REQUESTS_PER_MINUTE": str(per_minute),
            "PROCESSES": str(workers),
            **settings,
        },
    ) as plant:
        latency = {"latency_min_seconds": _LATENCY_SECONDS, "latency_max_seconds": _LATENCY_SECONDS}
        plant.admin("PUT", "dials", **latency)
        yield plant


def say(what: str, figure: object) -> None:
    """Print one figure."""
    print(f"{what:>58}: {figure}", flush=True)
