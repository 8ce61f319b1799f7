"""The ledger's tables; `migrations/` creates them, and a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from orders_sync.commands.acceptance import storable

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, always aware and in UTC, on databases with and without time zones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse naive times; store the others in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("The ledger takes aware datetimes only.")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        """Return the time in UTC."""
        if value is None:
            return None
        stored: datetime = value
        return stored.replace(tzinfo=UTC) if dialect.name == "sqlite" else stored.astimezone(UTC)


class AnyText(TypeDecorator[str]):
    """A text in somebody else's words, without what no database can keep."""

    impl: type[sa.String] = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature.
        """Replace null characters and halves of characters."""
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return storable(value)


class ShortText(AnyText):
    """A text in somebody else's words, cut to `length`."""

    impl = sa.String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Replace what cannot be kept, and cut the text."""
        text = super().process_bind_param(value, dialect)
        return None if text is None else text[: self.length]


def partial_index(
    name: str, *columns: str, where: str = "", sqlite: str = "", using: str = "btree"
) -> sa.Index:
    """Return an index of some rows, by default those that have the last column."""
    where = where or f"{columns[-1]} IS NOT NULL"
    return sa.Index(
        name,
        *columns,
        postgresql_where=sa.text(where),
        sqlite_where=sa.text(sqlite or where),
        postgresql_using=using,
    )


def _key() -> tuple[sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("account", sa.String(100), primary_key=True),
        sa.Column("order_id", sa.Text, primary_key=True),
    )


def _flag(name: str, comment: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false(), comment=comment)


orders = sa.Table(
    "orders",
    metadata,
    *_key(),
    sa.Column("progress", sa.String(20), nullable=False, comment="how far the order is"),
    sa.Column("standing", sa.String(20), nullable=False, comment="what happens with it now"),
    sa.Column("next_step", sa.String(40), comment="the task that goes on with it"),
    sa.Column("news", sa.Boolean, nullable=False, comment="an event came that no read has seen"),
    sa.Column("status", AnyText, comment="VTEX's status when it was last read"),
    sa.Column("latest_status", AnyText, comment="VTEX's status in any later read of it"),
    sa.Column("sequence", ShortText(255), comment="VTEX's sequence, which people quote"),
    sa.Column("marketplace_order_id", ShortText(255), comment="the marketplace's id of it"),
    sa.Column("erp_reference", AnyText, comment="the ERP's name for it"),
    sa.Column("revision", sa.Integer, comment="of its kept document, where its ERP takes changes"),
    sa.Column("erp_revision", sa.Integer, comment="the revision that its ERP has"),
    sa.Column("value_cents", sa.BigInteger, comment="what it is worth in that document"),
    sa.Column("compare_at", UtcDateTime, comment="when it is read for changes; VTEX tells of none"),
    sa.Column("due_at", UtcDateTime, comment="from when it may be dispatched"),
    sa.Column("dispatched_until", UtcDateTime, comment="a message or a worker has it until then"),
    sa.Column("attempts", sa.Integer, nullable=False, comment="failed tries of this step"),
    sa.Column("failing_since", UtcDateTime, comment="the first failed try of this step"),
    sa.Column("cause", ShortText(100), comment="why it waits or is parked"),
    sa.Column("reason", AnyText, comment="the same in words"),
    sa.Column("hint", AnyText, comment="what a person can do"),
    sa.Column("lease_owner", sa.String(200), comment="the process that works on it"),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("write_until", UtcDateTime, comment="a write to VTEX may be on the wire until then"),
    sa.Column("version", sa.Integer, nullable=False, comment="the fencing token"),
    sa.Column("first_seen_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Index(None, "account", "standing", "updated_at"),
    sa.Index(None, "account", "updated_at"),
    sa.Index(None, "order_id"),
    sa.Index(None, "standing", "updated_at"),
    sa.Index(None, "status", "updated_at"),
    sa.Index(None, "updated_at"),
    partial_index("ix_orders_due", "account", "next_step", "due_at"),
    partial_index("ix_orders_dispatched", "account", "dispatched_until"),
    partial_index("ix_orders_compare_at", "account", "compare_at"),
    partial_index("ix_orders_leased", "lease_owner"),
    partial_index("ix_orders_cause", "cause", "updated_at", where="cause IS NOT NULL"),
    partial_index(
        "ix_orders_parked",
        "cause",
        "updated_at",
        "order_id",
        "account",
        where="standing = 'parked'",
    ),
    # People's words may be longer than PostgreSQL's other indices take.
    partial_index("ix_orders_sequence", "sequence"),
    partial_index("ix_orders_marketplace_order_id", "marketplace_order_id"),
    partial_index("ix_orders_erp_reference", "erp_reference", using="hash"),
)

commands = sa.Table(
    "commands",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("account", sa.String(100), nullable=False),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("key", sa.Text, comment="makes a repeat harmless; empty where it was refused"),
    sa.Column("asked_key", sa.Text, comment="the key as the caller gave it"),
    sa.Column("fingerprint", sa.String(64), nullable=False, comment="tells bodies apart"),
    sa.Column("body", sa.Text, nullable=False, comment="JSON, as it was asked for or edited"),
    sa.Column("source", sa.String(20), nullable=False, comment="service, erp, cli, http or rules"),
    sa.Column("caller", ShortText(100), comment="the token that asked for it over HTTP"),
    _flag("asked_by_erp", "its ERP is to be answered"),
    sa.Column("progress", sa.String(20), nullable=False, comment="accepted, sent or done"),
    sa.Column("standing", sa.String(20), nullable=False, comment="what happens with it now"),
    sa.Column("outcome", sa.String(20), nullable=False, comment="what its caller is told"),
    sa.Column("told", sa.String(20), comment="the outcome that the ERP was told last"),
    sa.Column("next_step", sa.String(40), comment="the task that goes on with it"),
    sa.Column("receipt", AnyText, comment="VTEX's receipt, or the id of a change"),
    sa.Column("vtex_number", AnyText, comment="an invoice's number as VTEX has it"),
    sa.Column("tracking_number", ShortText(255), comment="the carrier's number of its package"),
    sa.Column("value_cents", sa.BigInteger, comment="an invoice's value as it was sent"),
    sa.Column("due_at", UtcDateTime, comment="from when it may be dispatched; none in line"),
    sa.Column("dispatched_until", UtcDateTime, comment="a message or a worker has it until then"),
    sa.Column("line", AnyText, comment="what it conflicts with: goods, or tracking of an invoice"),
    sa.Column(
        "position",
        sa.BigInteger,
        nullable=False,
        server_default=sa.text("0"),
        comment="its place among its order's",
    ),
    _flag("is_rest", "an invoice of all that is left"),
    sa.Column("intent", AnyText, comment="JSON: a write whose outcome is not known"),
    sa.Column("attempts", sa.Integer, nullable=False, comment="failed tries of this step"),
    sa.Column("failing_since", UtcDateTime, comment="the first failed try of this step"),
    sa.Column("cause", ShortText(100), comment="why it waits or is parked"),
    sa.Column("reason", AnyText, comment="the same in words"),
    sa.Column("hint", AnyText, comment="what a person can do"),
    sa.Column("version", sa.Integer, nullable=False, comment="the fencing token"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("retried_at", UtcDateTime, comment="when a person last had it tried again"),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("account", "key"),
    sa.Index(None, "order_id", "account"),
    sa.Index(None, "standing", "updated_at"),
    partial_index("ix_commands_due", "account", "next_step", "due_at"),
    partial_index("ix_commands_dispatched", "account", "dispatched_until"),
    partial_index(
        "ix_commands_untold",
        "account",
        "updated_at",
        where="asked_by_erp AND told IS DISTINCT FROM outcome",
        sqlite="asked_by_erp = 1 AND told IS NOT outcome",
    ),
    partial_index(
        "ix_commands_parked", "cause", "updated_at", "id", "account", where="standing = 'parked'"
    ),
    partial_index("ix_commands_vtex_number", "vtex_number"),
    partial_index("ix_commands_tracking_number", "tracking_number"),
)

users = sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("password", sa.Text, nullable=False, comment="argon2's hash of it"),
    sa.Column("role", sa.String(20), nullable=False, comment="viewer, operator or admin"),
    sa.Column("accounts", sa.Text, comment="the accounts it may see, by blanks; empty: all"),
    _flag("sees_persons", "it may see names, documents and addresses"),
    sa.Column("language", sa.String(10), comment="the desk's for it; empty: its browser's"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("disabled_at", UtcDateTime),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True, comment="SHA-256 of its token"),
    sa.Column("user", sa.String(100), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False, comment="its last use, to the minute"),
    sa.Column("provider", sa.Boolean, comment="signed in elsewhere, by no password of ours"),
    sa.Column("role", sa.String(20), comment="what the provider's groups gave, of no user of ours"),
    sa.Column("sees_persons", sa.Boolean, comment="what they gave beside it"),
    sa.Index(None, "user"),
    sa.Index(None, "created_at"),
)

callers = sa.Table(
    "callers",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True, comment="the part of a token that is shown"),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, comment="SHA-256 of the whole token"),
    sa.Column("scopes", sa.Text, nullable=False, comment="what it may do, by blanks"),
    sa.Column("accounts", sa.Text, comment="the accounts it is for, by blanks; empty: all"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("used_at", UtcDateTime, comment="its last use, to the minute"),
    sa.UniqueConstraint("name"),
)

documents = sa.Table(
    "documents",
    metadata,
    *_key(),
    sa.Column("body", sa.LargeBinary, nullable=False, comment="as VTEX sent it, byte for byte"),
    sa.Column("read_at", UtcDateTime, nullable=False),
    sa.Column("given", sa.LargeBinary, comment="the one that its ERP has, where that is another"),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("account", sa.String(100), primary_key=True),
    sa.Column("identity", sa.String(400), primary_key=True),
    sa.Column("order_id", sa.Text, comment="empty where the event cannot be read"),
    sa.Column("event_id", sa.Text),
    sa.Column("domain", sa.Text),
    sa.Column("state", sa.Text),
    sa.Column("last_state", sa.Text),
    sa.Column("current_change", sa.Text, comment="VTEX's time of the change, as text"),
    sa.Column("handle", sa.Text, comment="acknowledges the latest delivery"),
    sa.Column("delivered_at", UtcDateTime, nullable=False, comment="the latest delivery"),
    sa.Column("deliveries", sa.Integer, nullable=False),
    sa.Column("first_seen_at", UtcDateTime, nullable=False),
    sa.Column("asks_nothing", sa.Boolean, nullable=False, comment="its order need not be read"),
    sa.Column("problem", sa.Text, comment="why it cannot be read"),
    sa.Column("acknowledged_at", UtcDateTime),
    sa.Index(None, "account", "order_id"),
    partial_index(
        "ix_events_unacknowledged", "account", "delivered_at", where="acknowledged_at IS NULL"
    ),
    # A handle may be longer than PostgreSQL's other indices take.
    partial_index("ix_events_handle", "handle", where="acknowledged_at IS NULL", using="hash"),
    partial_index("ix_events_unreadable", "first_seen_at", where="problem IS NOT NULL"),
)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("account", sa.String(100), nullable=False),
    sa.Column("order_id", sa.Text),
    sa.Column("what", sa.String(100), nullable=False, comment="noun.participle"),
    sa.Column("step", sa.String(40)),
    sa.Column("attempt", sa.Integer),
    sa.Column("seconds", sa.Double, comment="how long the step took"),
    sa.Column("task_id", ShortText(300)),
    sa.Column("note", AnyText, comment="without personal data"),
    sa.Index(None, "account", "order_id", "id"),
)

operator_log = sa.Table(
    "operator_log",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("who", sa.String(100), nullable=False),
    sa.Column("did", sa.String(100), nullable=False),
    sa.Column("account", sa.String(100), nullable=False),
    sa.Column("order_id", sa.Text),
    sa.Column("why", sa.Text),
    sa.Index(None, "account", "order_id", "id"),
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("account", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("value", sa.Text),
    sa.Column("lease_owner", sa.String(200)),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("process", sa.String(200), primary_key=True, comment="host, process id and a mark"),
    sa.Column("node", sa.Text, nullable=False, comment="Celery's name of the worker"),
    sa.Column("queues", sa.Text, nullable=False, comment="the queues that it serves, by commas"),
    sa.Column("threads", sa.Integer, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False, comment="its last sign of life"),
)

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("account", sa.String(100), primary_key=True, comment="empty for all of them"),
    sa.Column("chore", sa.String(40), primary_key=True, comment="the task that does it"),
    sa.Column("due_at", UtcDateTime, comment="its next run; empty until it is woken"),
    sa.Column("claimed_at", UtcDateTime, comment="a run is under way since then"),
    sa.Column("version", sa.Integer, nullable=False, comment="the fencing token"),
    sa.Column("ran_at", UtcDateTime, comment="when the last run began that ended"),
    sa.Column("seconds", sa.Double, comment="how long that run took"),
    sa.Column("worked_at", UtcDateTime, comment="when it last had something to do"),
    sa.Column("succeeded_at", UtcDateTime, comment="when the last run that succeeded ended"),
    sa.Column("failure", ShortText(100), comment="the kind of error of the last run"),
    sa.Index(None, "due_at"),
)

account_settings = sa.Table(
    "account_settings",
    metadata,
    sa.Column("account", sa.String(100), primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False, comment="the number of its last change"),
    sa.Column("settings", sa.Text, comment="JSON: all but its secrets; none: it is not kept here"),
    sa.Column("secrets", sa.Text, comment="JSON of the rest, encrypted; none: they lie elsewhere"),
    sa.Column("disabled_at", UtcDateTime, comment="since when its work waits"),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Index(None, "revision"),
)

erp_tokens = sa.Table(
    "erp_tokens",
    metadata,
    sa.Column("account", sa.String(100), primary_key=True),
    sa.Column("tokens", sa.Text, nullable=False, comment="JSON, encrypted"),
    sa.Column("version", sa.Integer, nullable=False, comment="the fencing token"),
    sa.Column("refreshing_since", UtcDateTime, comment="a process renews them since then"),
    sa.Column("refreshing_by", sa.String(200), comment="that process"),
    sa.Column("refused_at", UtcDateTime, comment="when the ERP refused to renew them"),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

strays = sa.Table(
    "strays",
    metadata,
    sa.Column("id", sa.String(60), primary_key=True),
    sa.Column("arrived_at", UtcDateTime, nullable=False, comment="when a worker put it aside"),
    sa.Column("queue", sa.Text, nullable=False, comment="where it was taken from"),
    sa.Column("reason", sa.String(40), nullable=False, comment="why no task can take it"),
    sa.Column("name", sa.Text, nullable=False, comment="the task that it names; may be empty"),
    sa.Column("size", sa.Integer, nullable=False, comment="of the whole message, in bytes"),
    sa.Column("body", sa.LargeBinary, comment="the message as it was; none once it is erased"),
    sa.Column("standing", sa.String(20), nullable=False, comment="parked, done or void"),
    sa.Column("decided_at", UtcDateTime, comment="when a person retried or discarded it"),
    sa.Index(None, "standing", "arrived_at"),
)
