"""SQL as the ERP's people write it, on whichever database the staging tables are in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, CursorResult

from orders_sync.erp.staging import StagingErp

MakeStaging = Callable[..., StagingErp]


class ErpSql:
    """Statements in the database's own SQL, with `:name` for a value, each committed at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, **values: Any) -> CursorResult[Any]:
        if values and self._connection.dialect.name != "sqlite":
            statement = re.sub(r"(?<![:\w]):(\w+)", r"%(\1)s", statement)
        return self._connection.exec_driver_sql(statement, values or None)
