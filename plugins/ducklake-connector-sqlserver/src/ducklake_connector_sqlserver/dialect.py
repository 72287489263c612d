"""What is asked of SQL Server, in one place: the tests put another server's words here to run everything else over its ODBC driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ducklake_connector_sqlserver import tsql
from ducklake_connector_sqlserver.declared import (
    Ask,
    DeclaredColumn,
    Table,
    columns_of,
    columns_of_query,
    derived,
    indexed_columns,
    is_indexed,
    list_tables,
)
from ducklake_connector_sqlserver.errors import SQL_SERVER, Rules
from ducklake_connector_sqlserver.isolation import Isolation, isolation_of
from ducklake_connector_sqlserver.plans import ColumnPlan, plan_column
from ducklake_connector_sqlserver.probe import SqlServerKeyProbe

if TYPE_CHECKING:
    from ducklake_connector_sqlserver.odbc import Channel
    from ducklake_connector_sqlserver.options import SqlServerOptions

# Who connects decides language, formats and limits of a session; ours are fixed.
_PREPARE = (
    "SET NOCOUNT ON; SET LANGUAGE us_english; SET DATEFORMAT ymd; SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, CONCAT_NULL_YIELDS_NULL, "
    "QUOTED_IDENTIFIER, ARITHABORT ON; SET NUMERIC_ROUNDABORT OFF; SET ROWCOUNT 0; SET TEXTSIZE 2147483647; SET DEADLOCK_PRIORITY LOW"
)
_ITSELF = """
SELECT CAST(session_id AS int) FROM sys.dm_exec_sessions WHERE session_id = {number} AND CAST(context_info AS binary(16)) = 0x{tag}
"""


class Dialect:
    """Transact-SQL."""

    rules: Rules = SQL_SERVER
    probe: type[SqlServerKeyProbe] = SqlServerKeyProbe

    def prepare(self, channel: Channel, tag: str) -> int:
        """Fix what decides how values look, mark the session, and return the server's number of it.

        Args:
            channel: A new connection.
            tag: 32 hexadecimal digits by which `kill` is sure to end this session and no other.
        """
        channel.execute(_PREPARE)
        channel.execute(f"SET CONTEXT_INFO 0x{tag}")
        return int(channel.ask("SELECT CAST(@@SPID AS int)")[0][0])

    def kill(self, channel: Channel, number: int, tag: str) -> None:
        """End a session of ours at the server; needs VIEW SERVER STATE and ALTER ANY CONNECTION.

        Args:
            channel: Another connection.
            number: The server's number of the session.
            tag: What `prepare` marked it with.
        """
        if channel.ask(_ITSELF.format(number=int(number), tag=tag)):
            channel.execute(f"KILL {int(number)}")

    def isolation(self, ask: Ask) -> Isolation:
        """Which snapshots there are.

        Args:
            ask: Runs statements.
        """
        return isolation_of(ask)

    def tables(self, ask: Ask) -> dict[str, Table]:
        """All tables and views, by the name under which they are offered.

        Args:
            ask: Runs statements.
        """
        return list_tables(ask)

    def columns(self, ask: Ask, table: Table) -> tuple[DeclaredColumn, ...]:
        """The columns of a table.

        Args:
            ask: Runs statements.
            table: The table.
        """
        return columns_of(ask, table)

    def query_columns(self, ask: Ask, query: str, place: str) -> tuple[DeclaredColumn, ...]:
        """The columns of a query.

        Args:
            ask: Runs statements.
            query: The SELECT.
            place: `source.table`, for messages.
        """
        return columns_of_query(ask, query, place)

    def indexed(self, ask: Ask, table: Table, column: str) -> bool:
        """Whether an index begins with a column.

        Args:
            ask: Runs statements.
            table: The table.
            column: The column.
        """
        return is_indexed(ask, table, column)

    def indexed_columns(self, ask: Ask, table: Table) -> dict[str, bool]:
        """The columns with which an index begins, and whether each alone is the primary key.

        Args:
            ask: Runs statements.
            table: The table.
        """
        return indexed_columns(ask, table)

    def plan(self, column: DeclaredColumn, options: SqlServerOptions, *, as_text: bool) -> ColumnPlan:
        """How a column is read.

        Args:
            column: As declared.
            options: The source's.
            as_text: Whether it is to be text.
        """
        return plan_column(column, as_text=as_text, datetime2=options.datetime2, datetimeoffset=options.datetimeoffset)

    def source(self, table: Table) -> str:
        """What stands behind FROM for a table.

        Args:
            table: The table.
        """
        return table.sql

    def derived(self, query: str) -> str:
        """What stands behind FROM for a query.

        Args:
            query: The SELECT.
        """
        return derived(query)

    def count(self, unbounded: Sequence[ColumnPlan]) -> str:
        """The expressions of a statement that counts rows and measures values: UTF-16 units of texts, bytes of bytes.

        Args:
            unbounded: Columns without a bound.
        """
        measured = [f"CAST(COALESCE(MAX(DATALENGTH({plan.expression})), 0) AS bigint){_per_unit(plan)}" for plan in unbounded]
        return ", ".join(["COUNT_BIG(*)", *measured])

    def broken(self, plan: ColumnPlan) -> str:
        """An expression that counts the values of a text column in which U+FFFD itself stands.

        Args:
            plan: The column's.
        """
        return f"COUNT_BIG(CASE WHEN CHARINDEX(NCHAR(65533), {plan.expression} COLLATE Latin1_General_100_BIN2) > 0 THEN 1 END)"

    @property
    def sent(self) -> str | None:
        """A statement that tells how many rows the statement before it has sent; None where there is none."""
        return "SELECT ROWCOUNT_BIG()"

    def identifier(self, name: str) -> str:
        """A quoted name.

        Args:
            name: The name.
        """
        return tsql.identifier(name)


def _per_unit(plan: ColumnPlan) -> str:
    """Bytes to UTF-16 units; of a character of another encoding there are no more units than bytes."""
    wide = plan.column.kind in ("nvarchar", "ntext", "xml", "json", "vector")
    return " / 2" if wide else ""
