"""A real Tryton on a real PostgreSQL, once for all tests of a run."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from support.postgres import PostgresServer
from support.waiting import until

from orders_sync.demo.played_tryton import SoldOrder, TrytonClerk
from orders_sync.demo.stage import Stage
from orders_sync.demo.tryton_site import DATABASE, TrytonSite, find_tryton
from orders_sync.embedded.processes import Child
from orders_sync.erp.tryton.server import Login, TrytonServer
from orders_sync.errors import ConfigurationError

REPOSITORY = Path(__file__).parents[2]
STORE = "mystore"
_INSTALL_SECONDS = 600


class StoreClerk(TrytonClerk):
    """A clerk who also credits, abandons and decides, and reads what came of it."""

    def credit(self, sale: int) -> str:
        """Credit what was invoiced, and post the credit note; return its number."""
        invoices = self._of_sale("account.invoice", "sales", sale)
        wizard = "wizard.account.invoice.credit"
        session, start, _ = self._ask(f"{wizard}.create", context=self._context())
        context = {**self._context(), "active_model": "account.invoice", "active_ids": invoices}
        context["active_id"] = invoices[0]
        nothing: dict[str, Any] = {}
        asked = self._ask(f"{wizard}.execute", session, nothing, start, context=context)
        view = asked["view"]
        answers = {view["state"]: {**view["defaults"], "with_refund": False}}
        self._ask(f"{wizard}.execute", session, answers, "credit", context=context)
        [note] = self._read(
            "account.invoice",
            [["lines.origin.invoice", "=", invoices[0], "account.invoice.line"]],
            ["id"],
        )
        self._call("account.invoice", "post", [note["id"]])
        [row] = self._read("account.invoice", [["id", "=", note["id"]]], ["number"])
        return str(row["number"])

    def abandon(self, sale: int) -> None:
        """Cancel the shipments and invoices of a sale, and ignore that they are."""
        shipments = self._of_sale("stock.shipment.out", "moves.sale", sale)
        invoices = self._of_sale("account.invoice", "sales", sale)
        self._call("stock.shipment.out", "cancel", shipments)
        self._call("account.invoice", "cancel", invoices)
        lines = self._read("sale.line", [["sale", "=", sale]], ["moves"])
        for line in lines:
            ignored = {"moves_ignored": [["add", line["moves"]]]}
            self._call("sale.line", "write", [line["id"]], ignored)
        self._call("sale.sale", "write", [sale], {"invoices_ignored": [["add", invoices]]})
        self._call("sale.sale", "process", [sale])

    def decide(self, row: int, decision: str, reason: str) -> None:
        """Decide whether an order may be cancelled."""
        values = {"decision": decision, "decision_reason": reason}
        self._call("orders_sync.order", "write", [row], values)

    def sales(self, order_id: str) -> int:
        """Count the sales under an order's id."""
        return int(self._call("sale.sale", "search_count", [["reference", "=", order_id]]))

    def states(self, sale: int) -> tuple[str, str, str]:
        """Read the states of a sale, of its invoices and of its shipments."""
        fields = ["state", "invoice_state", "shipment_state"]
        [row] = self._read("sale.sale", [["id", "=", sale]], fields)
        return row["state"], row["invoice_state"], row["shipment_state"]

    def is_to_ship(self, sale: int) -> bool:
        """Check whether goods of a sale are to be shipped, or may be."""
        alive = ["cancelled", "done"]
        moves = [["sale", "=", sale], ["state", "not in", alive]]
        is_alive = [["id", "=", sale], ["state", "!=", "cancelled"]]
        count = self._call("stock.move", "search_count", moves)
        return bool(count or self._call("sale.sale", "search_count", is_alive))

    def shipped_goods(self, sale: int) -> dict[str, float]:
        """Read how much of each product is shipped, or will be, by its code."""
        domain = [["sale", "=", sale], ["state", "!=", "cancelled"]]
        moves = self._read("stock.move", domain, ["product.code", "quantity"])
        return {move["product."]["code"]: move["quantity"] for move in moves}

    def shipment_address(self, sale: int) -> int:
        """Read where a sale goes, as the id of an address."""
        [row] = self._read("sale.sale", [["id", "=", sale]], ["shipment_address"])
        return int(row["shipment_address"])

    def parties(self, code: str) -> int:
        """Count the parties with an identifier."""
        domain = [["identifiers.code_compact", "=", code]]
        return int(self._call("party.party", "search_count", domain))

    def refusals(self, order_id: str) -> int:
        """Count the reasons that are kept for an order that Tryton refused."""
        return int(self._call("orders_sync.refusal", "search_count", [["number", "=", order_id]]))


@dataclass(frozen=True)
class Tryton:
    """A server whose products are the sandbox's; its database has the orders of every test."""

    site: TrytonSite
    clerk: StoreClerk
    server: Child
    postgres: PostgresServer

    def options(self) -> dict[str, str]:
        """Return the options of the adapter."""
        return self.site.options()

    def sold(self, order_id: str) -> list[SoldOrder]:
        """Return the orders of an id."""
        return [sold for sold in self.clerk.orders(STORE) if sold.order.order_id == order_id]

    def options_of_clerk(self) -> dict[str, str]:
        """Return options by which the adapter is somebody else."""
        return {**self.options(), "user": "clerk", "password": self.site.password("clerk")}

    def bridge(self) -> TrytonServer:
        """Return Tryton as the user of orders_sync has it."""
        options = self.options()
        login = Login(options["user"], options["password"])
        return TrytonServer(options["url"], options["database"], login)

    def die_and_return(self) -> None:
        """Kill the server, and start it again."""
        self.server.kill()
        self.server.start()
        until(self.site.answers)

    def forget_sessions(self) -> None:
        """End all sessions, as Tryton does after a while."""
        self._run("DELETE FROM ir_session")

    def confuse_units(self, sku: str) -> None:
        """Keep a product in kilograms that is sold in pieces, which Tryton itself prevents."""
        self._run(
            "UPDATE product_template SET default_uom = "
            "(SELECT id FROM product_uom WHERE symbol = 'kg') "
            "WHERE id = (SELECT template FROM product_product WHERE code = %s)",
            sku,
        )

    def _run(self, statement: LiteralString, *values: str) -> None:
        url = self.postgres.url(DATABASE)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement, values)


@pytest.fixture(scope="session")
def tryton_programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Put Tryton's programs on the PATH; they are installed where they are not there."""
    path = os.environ["PATH"]  # noqa: TID251 -- no setting of the project's
    try:
        find_tryton()
    except ConfigurationError:
        programs = _installed_once(tmp_path_factory)
        os.environ["PATH"] = f"{programs}:{path}"  # noqa: TID251 -- as above
    yield
    os.environ["PATH"] = path  # noqa: TID251 -- as above


@pytest.fixture(scope="session")
def tryton(
    tryton_programs: None,  # noqa: ARG001 -- the server is one of them
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Tryton]:
    """Yield the Tryton of this run."""
    home = tmp_path_factory.mktemp("tryton")
    environment = {"PGHOST": str(postgres.folder), "PGUSER": "tests"}
    site = TrytonSite(home, STORE, uri="postgresql://", environment=environment)
    # Without translations it is there sooner.
    site.set_up(language="en")
    with (
        Stage(home, finish_seconds=0.0) as stage,
        closing(StoreClerk(site.url, DATABASE, site.password("clerk"))) as clerk,
    ):
        server = stage.run(site.spec())
        until(site.answers)
        yield Tryton(site, clerk, server, postgres)


def _installed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where a server's programs are, for all test processes of this run."""
    base = tmp_path_factory.getbasetemp()
    is_one_of_several = "PYTEST_XDIST_WORKER" in os.environ  # noqa: TID251 -- as above
    folder = (base.parent if is_one_of_several else base) / "tryton-venv"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "bin" / "trytond").exists():
            _install(folder)
    return folder / "bin"


def _install(folder: Path) -> None:
    """Install what a server needs, as deploy/tryton's page says."""
    package = f"{REPOSITORY / 'deploy' / 'tryton'}[postgres]"
    for argv in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "pip"), "install", "--quiet", package],
    ):
        done = subprocess.run(
            argv, check=False, capture_output=True, text=True, timeout=_INSTALL_SECONDS
        )
        if done.returncode:
            reason = f"Tryton could not be installed: {done.stderr[-500:]}"
            if os.environ.get("CI") == "true":  # noqa: TID251 -- no setting of the project's
                pytest.fail(reason)
            pytest.skip(reason)
