"""The door: what orders_sync asks of Tryton about an order, each question in one transaction.

The facts of an order come as `orders_sync/erp/tryton/facts.py` writes them, in the order's words
and in cents; what Tryton makes of them is in `selling.py`.
"""

from datetime import UTC, datetime
from decimal import Decimal
from functools import wraps

from trytond.exceptions import UserError
from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, Unique, fields
from trytond.model.exceptions import AccessError
from trytond.pool import Pool
from trytond.pyson import Eval
from trytond.rpc import RPC
from trytond.transaction import Transaction, without_check_access

from orders_sync_tryton.customer import unique

#: The facts and answers that this module understands; orders_sync asks for it.
VERSION = 1

_LONGEST_CALL_SECONDS = 60


class Refused(Exception):
    """Raised where an order cannot be sold as it is; `facts` are the answer."""

    def __init__(self, refusal, **facts):
        super().__init__(refusal)
        self.facts = {"refused": refusal, **facts}


def _asked(question):
    """Let those ask who may, see what they must not, and keep what Tryton refuses for its people.

    A refusal of Tryton's own may quote names, so orders_sync is told its kind only, and where the
    text can be read.
    """

    @wraps(question)
    def ask(cls, account, order_id, *arguments):
        pool = Pool()
        pool.get("ir.model.access").check(cls.__name__, "create")
        Account, Refusal = pool.get("orders_sync.account"), pool.get("orders_sync.refusal")
        transaction = Transaction()
        with without_check_access():
            accounts = Account.search([("name", "=", account)])
            if not accounts:
                return {"refused": "account"}
            company = accounts[0].company.id
            with transaction.set_context(company=company, _skip_warnings=True):
                try:
                    answer = question(cls, accounts[0], order_id, *arguments)
                except Refused as refused:
                    transaction.rollback()
                    transaction.tasks.clear()
                    return refused.facts
                except UserError as error:
                    transaction.rollback()
                    transaction.tasks.clear()
                    Refusal.keep(accounts[0], order_id, error)
                    return {"refused": "tryton", "kind": type(error).__name__}
                Refusal.forget(accounts[0], order_id)
                return answer

    return classmethod(ask)


class Order(ModelSQL, ModelView):
    """An order of VTEX's, and how far Tryton is with it.

    Its row is the key: whichever of two transactions writes it first, the other one meets it. One
    that was cancelled before it came has no sale, and will have none. `state` is also the fence
    between a cancellation and the people of the warehouse: who begins, and who agrees to a
    cancellation, both write it.
    """

    __name__ = "orders_sync.order"
    _rec_name = "number"

    account = fields.Many2One("orders_sync.account", "Account", required=True, readonly=True)
    number = fields.Char("Order", required=True, readonly=True)
    sale = fields.Many2One("sale.sale", "Sale", readonly=True, ondelete="RESTRICT")
    receipt = fields.Char("Receipt", required=True, readonly=True)
    state = fields.Selection(
        [
            ("placed", "Placed"),
            ("begun", "Begun"),
            ("cancelling", "May be cancelled"),
            ("cancelled", "Cancelled"),
        ],
        "State",
        required=True,
        readonly=True,
        sort=False,
        help="Nobody begins with an order whose cancellation was agreed to.",
    )
    cancel_reason = fields.Char("Reason of Cancellation", readonly=True)
    decision = fields.Selection(
        [(None, ""), ("agree", "May be cancelled"), ("deny", "May not be cancelled")],
        "Decision",
        help="What the customer is told who asks for a cancellation of what has begun.",
    )
    decision_reason = fields.Char("Reason of Decision")
    asked_at = fields.Timestamp("Cancellation asked for", readonly=True)
    revision = fields.Integer("Revision", required=True, readonly=True)
    placed_at = fields.Timestamp("Placed at", readonly=True)
    value = fields.Numeric("Value", required=True, readonly=True, help="As VTEX has it.")
    customer_email = fields.Char("Customer's E-mail", readonly=True, help="Valid for two months.")
    customer_phone = fields.Char("Customer's Phone", readonly=True)
    payments = fields.Text("Payments", readonly=True)
    remark = fields.Text("Remark", readonly=True, help="The customer's.")
    commands = fields.One2Many("orders_sync.command", "order", "Commands")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints.append(
            (
                "order_unique",
                Unique(table, table.account, table.number),
                "orders_sync.msg_order_unique",
            )
        )
        cls._sql_indexes.add(Index(table, (table.sale, Index.Equality())))
        cls._order = [("id", "DESC")]
        cls._buttons.update(
            take_up={"invisible": Eval("state") == "begun", "depends": ["state"]},
            withdraw={
                "invisible": (Eval("state") == "cancelled") | ~Eval("sale"),
                "depends": ["state", "sale"],
            },
        )
        cls.__rpc__.update(
            **{
                name: RPC(readonly=False, timeout=_LONGEST_CALL_SECONDS)
                for name in ("place", "change", "cancel", "consider")
            },
            look=RPC(readonly=True, timeout=15),
        )

    @classmethod
    def default_state(cls):
        """Return that it is there to be fulfilled."""
        return "placed"

    @classmethod
    def default_revision(cls):
        """Return the number of what was handed over."""
        return 1

    @classmethod
    def look(cls, account):
        """Return the module's version, and what is missing before orders can be taken."""
        Pool().get("ir.model.access").check(cls.__name__, "create")
        Account = Pool().get("orders_sync.account")
        with without_check_access():
            is_there = bool(Account.search([("name", "=", account)]))
        return {"version": VERSION, "missing": None if is_there else "account"}

    @_asked
    def place(cls, account, order_id, facts):
        """Make the sale of an order, unless it is there or was cancelled before it came."""
        row = cls._row(account, order_id)
        if row is None:
            row = cls._new(account, order_id, receipt=f"{account.name}/{order_id}", facts=facts)
            sale = Pool().get("sale.sale").sell(account, order_id, facts)
            cls.write([row], {"sale": sale.id, "receipt": sale.number})
            row = cls(row.id)
        return {"receipt": row.receipt}

    @_asked
    def change(cls, account, order_id, facts, revision):
        """Have the sale as the order is by this time, if nobody has begun with it."""
        row = cls._row(account, order_id)
        if row is None:
            raise Refused("unknown")
        if row.state == "cancelled" or row.revision >= revision:
            return {"answer": "taken"}
        if row.state == "begun" or not row.sale:
            return {"answer": "too_late"}
        if row.sale.state == "cancelled":
            return {"answer": "too_late"}
        row.sale.sell_again(account, facts)
        cls.write([row], {**_columns(facts), "revision": revision})
        return {"answer": "taken"}

    @_asked
    def cancel(cls, account, order_id, reason):
        """See to it that nobody fulfils an order; one that is not there will never be."""
        row = cls._row(account, order_id)
        if row is None:
            receipt = f"{account.name}/{order_id}"
            cls._new(account, order_id, receipt=receipt, state="cancelled", cancel_reason=reason)
            return {"answer": "unknown"}
        if row.state == "cancelled":
            return {"answer": "cancelled"}
        if row.sale.has_left:
            return {"answer": "too_late"}
        cls.write([row], {"state": "cancelled", "cancel_reason": reason})
        row.sale.undo()
        return {"answer": "cancelled"}

    @_asked
    def consider(cls, account, order_id):
        """Say whether an order may be cancelled; where it may, nobody begins with it any more.

        People decide about what has begun, by the order's own form.
        """
        row = cls._row(account, order_id)
        if row is None:
            return {"verdict": "undecided"}
        if row.asked_at is None:
            cls.write([row], {"asked_at": now()})
            row = cls(row.id)
        if row.state in {"cancelling", "cancelled"}:
            return {"verdict": "agree"}
        if row.decision == "deny":
            return {"verdict": "deny", "reason": row.decision_reason or account.denial}
        if row.sale.has_left:
            cls.write([row], {"decision": "deny", "decision_reason": account.denial})
            return {"verdict": "deny", "reason": account.denial}
        if row.state == "placed" or row.decision == "agree":
            cls.write([row], {"state": "cancelling", "decision": "agree"})
            return {"verdict": "agree"}
        return {"verdict": "undecided"}

    @classmethod
    def begin(cls, sales):
        """Note that people work on orders.

        Raises:
            AccessError: one of them is cancelled, or its cancellation was agreed to.
        """
        with without_check_access():
            rows = cls.search([("sale", "in", [sale.id for sale in sales])])
            for row in rows:
                row.require_alive()
            fresh = [row for row in rows if row.state == "placed"]
            if fresh:
                cls.write(fresh, {"state": "begun"})

    @classmethod
    def give_up(cls, sales):
        """Have VTEX cancel the orders of sales that people cancelled."""
        Command = Pool().get("orders_sync.command")
        with without_check_access():
            rows = cls.search(
                [("sale", "in", [sale.id for sale in sales]), ("state", "!=", "cancelled")]
            )
            for row in rows:
                reason = row.account.cancellation
                cls.write([row], {"state": "cancelled", "cancel_reason": reason})
                Command.issue(row, "cancel", {"reason": reason}, f"cancel/{row.number}")

    @classmethod
    @ModelView.button
    def take_up(cls, orders):
        """Begin with orders, in whatever way: changes at VTEX are too late from here on."""
        cls.begin([order.sale for order in orders if order.sale])

    @classmethod
    @ModelView.button
    def withdraw(cls, orders):
        """Cancel orders here, though they are confirmed, and have VTEX cancel them."""
        with without_check_access():
            for order in orders:
                if order.sale.has_left:
                    raise AccessError(gettext("orders_sync.msg_order_left", order=order.number))
                order.sale.undo()
            cls.give_up([order.sale for order in orders])

    def require_alive(self):
        """Raise AccessError where nobody is to fulfil the order."""
        if self.state in {"cancelling", "cancelled"}:
            raise AccessError(gettext("orders_sync.msg_order_cancelled", order=self.number))

    @classmethod
    def _row(cls, account, order_id):
        rows = cls.search([("account", "=", account.id), ("number", "=", order_id)])
        return rows[0] if rows else None

    @classmethod
    def _new(cls, account, order_id, *, facts=None, **columns):
        columns |= _columns(facts) if facts else {"value": 0}
        columns["placed_at"] = now()
        with unique():
            return cls.create([{"account": account.id, "number": order_id, **columns}])[0]


class Refusal(ModelSQL, ModelView):
    """Why Tryton did not take an order, in its own words, for its own people."""

    __name__ = "orders_sync.refusal"
    _rec_name = "number"

    account = fields.Many2One("orders_sync.account", "Account", required=True, readonly=True)
    number = fields.Char("Order", required=True, readonly=True)
    kind = fields.Char("Kind", required=True, readonly=True)
    words = fields.Text("Reason", readonly=True)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints.append(
            (
                "order_unique",
                Unique(table, table.account, table.number),
                "orders_sync.msg_order_unique",
            )
        )
        cls._order = [("id", "DESC")]

    @classmethod
    def keep(cls, account, order_id, error):
        """Write down why an order was refused, in place of an earlier reason."""
        cls.forget(account, order_id)
        row = {"account": account.id, "number": order_id, "kind": type(error).__name__}
        with unique():
            cls.create([{**row, "words": error.message}])

    @classmethod
    def forget(cls, account, order_id):
        """Delete an order's reason, where there is one."""
        rows = cls.search([("account", "=", account.id), ("number", "=", order_id)])
        if rows:
            cls.delete(rows)


def now():
    """Return the time as Tryton keeps it: in UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def _columns(facts):
    names = ("customer_email", "customer_phone", "payments", "remark")
    value = facts["value_cents"] * Decimal("0.01")
    return {"value": value, **{name: facts[name] for name in names}}
