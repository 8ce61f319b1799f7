"""Rules that an ERP's people put on the staging tables, in each database's own SQL."""

from __future__ import annotations

from collections.abc import Callable

#: SQL: table, event (`INSERT`), condition on the new row and words in; statements out.
Rule = Callable[[str, str, str, str], list[str]]


def _sqlite(table: str, event: str, condition: str, words: str) -> list[str]:
    return [
        (
            f"CREATE TRIGGER rule_{table} BEFORE {event} ON {table} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
        )
    ]


def _postgresql(table: str, event: str, condition: str, words: str) -> list[str]:
    return [
        (
            f"CREATE FUNCTION rule_{table}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{words}'; END $$"
        ),
        (
            f"CREATE TRIGGER rule_{table} BEFORE {event} ON {table} FOR EACH ROW "
            f"WHEN ({condition}) EXECUTE FUNCTION rule_{table}()"
        ),
    ]


def _mariadb(table: str, event: str, condition: str, words: str) -> list[str]:
    return [
        (
            f"CREATE TRIGGER rule_{table} BEFORE {event} ON {table} FOR EACH ROW "
            f"IF {condition} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{words}'; END IF"
        )
    ]


#: Refuses the rows of a table for which a condition holds.
TRIGGERS: dict[str, Rule] = {"sqlite": _sqlite, "postgresql": _postgresql, "mariadb": _mariadb}
