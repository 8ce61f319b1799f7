"""What Tryton wants VTEX to know, and what became of it."""

import json
import uuid

from trytond.model import Index, ModelSQL, ModelView, Unique, fields
from trytond.pool import Pool
from trytond.pyson import Eval
from trytond.rpc import RPC
from trytond.transaction import without_check_access

from orders_sync_tryton.order import now

_PAGE = 100
_STATES = [
    ("new", "New"),
    ("accepted", "On its way"),
    ("done", "Done"),
    ("refused", "Refused"),
    ("parked", "Parked"),
]


class Command(ModelSQL, ModelView):
    """One thing that VTEX is to know about an order.

    Invoices, shipments and cancellations make theirs by themselves (`selling.py`); people and
    other modules may make any other. What it says is judged by orders_sync, which answers here.
    """

    __name__ = "orders_sync.command"
    _rec_name = "kind"

    order = fields.Many2One(
        "orders_sync.order", "Order", required=True, ondelete="CASCADE", states={"readonly": True}
    )
    kind = fields.Char("Kind", required=True, help="Such as invoice, track, cancel, change, note.")
    body = fields.Text("Body", help="Its fields, as a JSON object: see docs/triggering.md.")
    key = fields.Char("Key", required=True, readonly=True)
    state = fields.Selection(_STATES, "State", required=True, readonly=True, sort=False)
    answer = fields.Text("Answer", readonly=True)
    receipt = fields.Char("Receipt", readonly=True)
    answered_at = fields.Timestamp("Answered at", readonly=True)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints.append(
            ("key_unique", Unique(table, table.key), "orders_sync.msg_key_unique")
        )
        cls._sql_indexes.update(
            {
                Index(table, (table.order, Index.Equality())),
                Index(
                    table,
                    (table.state, Index.Equality(cardinality="low")),
                    where=table.state == "new",
                ),
            }
        )
        cls._order = [("id", "DESC")]
        cls.order.states = {"readonly": Eval("id", -1) > 0}
        for name in ("kind", "body"):
            getattr(cls, name).states = {"readonly": Eval("state") != "new"}
        cls.__rpc__.update(
            pull=RPC(readonly=True, timeout=15), tell=RPC(readonly=False, timeout=60)
        )

    @classmethod
    def default_state(cls):
        """Return that nobody knows of it yet."""
        return "new"

    @classmethod
    def default_key(cls):
        """Return a key that no other command has, in whatever database."""
        return uuid.uuid4().hex

    @classmethod
    def issue(cls, order, kind, body, key):
        """Write a command, unless there is one with this key.

        `key` says what it is about, so that the same document of a restored database is the same.
        """
        key = f"{order.account.name}/{key}"
        if cls.search([("key", "=", key)], limit=1):
            return
        cls.create([{"order": order.id, "kind": kind, "body": json.dumps(body), "key": key}])

    @classmethod
    def pull(cls, account):
        """Return up to a hundred commands that nobody was told of, the oldest first."""
        Pool().get("ir.model.access").check(cls.__name__, "write")
        with without_check_access():
            rows = cls.search(
                [("order.account.name", "=", account), ("state", "=", "new")],
                order=[("id", "ASC")],
                limit=_PAGE,
            )
            return [
                {"kind": row.kind, "order_id": row.order.number, "body": row.body, "key": row.key}
                for row in rows
            ]

    @classmethod
    def tell(cls, account, answers):
        """Write what became of commands, in the order in which it is given.

        Nothing follows done; people may mend what was refused, so that it goes on. Keys that are
        not there are passed over.
        """
        Pool().get("ir.model.access").check(cls.__name__, "write")
        with without_check_access():
            keys = {answer["key"] for answer in answers}
            rows = cls.search([("order.account.name", "=", account), ("key", "in", list(keys))])
            ids = {row.key: row.id for row in rows}
            for answer in answers:
                if answer["key"] not in ids:
                    continue
                row = cls(ids[answer["key"]])
                news = {name: answer[name] for name in ("state", "answer", "receipt")}
                if row.state == "done":
                    continue
                if any(getattr(row, name) != value for name, value in news.items()):
                    cls.write([row], {**news, "answered_at": now()})
