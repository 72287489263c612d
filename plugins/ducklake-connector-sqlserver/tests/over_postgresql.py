"""PostgreSQL's words in place of Transact-SQL, so that sessions, channels and increments run over a live ODBC driver: psqlODBC."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from ducklake_connector_sql.cursor import Horizon
from ducklake_connector_sqlserver import drivers
from ducklake_connector_sqlserver.connector import SqlServerConnector
from ducklake_connector_sqlserver.declared import DeclaredColumn, Table, derived
from ducklake_connector_sqlserver.dialect import Dialect
from ducklake_connector_sqlserver.errors import Rules
from ducklake_connector_sqlserver.isolation import Isolation
from ducklake_connector_sqlserver.odbc import RowChannel
from ducklake_connector_sqlserver.plans import plan_column
from ducklake_connector_sqlserver.probe import SqlServerKeyProbe
from ducklake_connector_sqlserver.server import Server

DRIVER = "PostgreSQL Unicode"
WHOLE = "OVER_POSTGRESQL_DECLARE_FETCH"
"""Set to 0, the driver fetches a result as a whole: version 13 crashes where a connection is lost between two parts of one."""
TABLES = """
SELECT n.nspname::varchar(100), c.relname::varchar(100), c.relkind::varchar(1), (n.nspname = current_schema())::int
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v') AND n.nspname NOT LIKE 'pg%' AND n.nspname <> 'information_schema' ORDER BY 4 DESC, 1, 2
"""
COLUMNS = """
SELECT a.attname::varchar(100), format_type(a.atttypid, a.atttypmod)::varchar(100)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = {schema} AND c.relname = {table} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
INDEXES = """
SELECT a.attname::varchar(100), bool_or(i.indisprimary AND i.indnkeyatts = 1)::int
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = {schema} AND c.relname = {table} AND i.indpred IS NULL GROUP BY a.attname
"""
OPEN = """
SELECT to_char(min(xact_start) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')::varchar(30) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> {application} AND backend_type = 'client backend'
"""
TYPES = {
    "boolean": ("bit", 1, 1, 0),
    "smallint": ("smallint", 2, 5, 0),
    "integer": ("int", 4, 10, 0),
    "bigint": ("bigint", 8, 19, 0),
    "real": ("real", 4, 24, 0),
    "double precision": ("float", 8, 53, 0),
    "date": ("date", 3, 10, 0),
    "text": ("nvarchar", -1, 0, 0),
    "bytea": ("varbinary", -1, 0, 0),
    "timestamp without time zone": ("datetime2", 8, 26, 6),
    "rowversion": ("timestamp", 8, 0, 0),  # a domain of the tests' own
    "uuid": ("uniqueidentifier", 16, 0, 0),
}


def literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def declared(name: str, words: str) -> DeclaredColumn:
    kind, _, rest = words.partition("(")
    numbers = [int(number) for number in rest.rstrip(")").split(",")] if rest[:1].isdigit() else []
    match kind:
        case "numeric":
            return DeclaredColumn(name, "decimal", None, 17, numbers[0], numbers[1])
        case "character varying":
            return DeclaredColumn(name, "nvarchar", None, numbers[0] * 2)
        case "character":
            return DeclaredColumn(name, "nchar", None, numbers[0] * 2)
    return DeclaredColumn(name, TYPES[words][0], None, *TYPES[words][1:])


class PostgresqlProbe(SqlServerKeyProbe):
    @property
    def _name(self):
        return quoted(self.column.name)

    @property
    def _by_version(self):
        return False

    def clock(self):
        found = self.ask("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')::varchar(30)")
        return dt.datetime.fromisoformat(found[0][0]).replace(tzinfo=dt.UTC)

    def horizon(self, probe, lookback):
        oldest = self.ask(OPEN.format(application=literal(self.application)))[0][0]
        now = self.clock()
        return Horizon(now, quiet=True) if oldest is None else Horizon(dt.datetime.fromisoformat(oldest).replace(tzinfo=dt.UTC))

    def reaches(self, kind, text):
        return bool(self.ask(self._first_row("1", [f"{self._name} >= {self._value(kind, text)}"]) + " LIMIT 1"))

    def _extreme(self, kind, order, conditions):
        from ducklake_connector_sql.keys import text_of

        found = self.ask(f"{self._first_row(f'{self._name}::varchar(100)', conditions)} ORDER BY {self._name} {order} LIMIT 1")
        return text_of(kind, found[0][0]) if found else None

    def _first_row(self, what, conditions):
        return f"SELECT {what} FROM {self.source} WHERE {' AND '.join(conditions)}"

    def _value(self, kind, key):
        return f"CAST({literal(key)} AS {kind if kind in ('timestamp', 'date', 'text') else 'numeric'})"


class PostgresqlDialect(Dialect):
    rules = Rules(access={}, passing={}, data={})
    probe = PostgresqlProbe
    sent = None

    def prepare(self, channel, tag):
        channel.execute(f"SET application_name = 'ducklake/{tag}'")
        channel.execute("SET TimeZone = 'UTC'")
        return int(channel.ask("SELECT pg_backend_pid()")[0][0])

    def kill(self, channel, number, tag):
        channel.ask(
            f"SELECT pg_cancel_backend(pid)::int FROM pg_stat_activity WHERE pid = {number} AND application_name = 'ducklake/{tag}'"
        )

    def isolation(self, ask):
        return Isolation((), ("BEGIN ISOLATION LEVEL REPEATABLE READ",))

    def tables(self, ask):
        return {
            name if default else f"{schema}.{name}": Table(schema, name, "view" if kind == "v" else "table")
            for schema, name, kind, default in ask(TABLES)
        }

    def columns(self, ask, table):
        return tuple(declared(*row) for row in ask(COLUMNS.format(schema=literal(table.schema), table=literal(table.name))))

    def query_columns(self, ask, query, place):
        ask(f"CREATE TEMP VIEW described AS SELECT * FROM {derived(query)}")
        try:
            ((schema,),) = ask("SELECT nspname::varchar(100) FROM pg_namespace WHERE oid = pg_my_temp_schema()")
            return self.columns(ask, Table(schema, "described", "view"))
        finally:
            ask("DROP VIEW described")

    def indexed(self, ask, table, column):
        return True

    def indexed_columns(self, ask, table):
        return {name: primary == 1 for name, primary in ask(INDEXES.format(schema=literal(table.schema), table=literal(table.name)))}

    def plan(self, column, options, *, as_text):
        found = plan_column(column, as_text=as_text)
        return dataclasses.replace(found, expression=quoted(column.name))

    def source(self, table):
        return f"{quoted(table.schema)}.{quoted(table.name)}"

    def count(self, unbounded):
        return ", ".join(["count(*)", *(f"coalesce(max(octet_length({plan.expression})), 0)" for plan in unbounded)])

    def broken(self, plan):
        return f"count(CASE WHEN position(U&'\\FFFD' IN {plan.expression}) > 0 THEN 1 END)"

    def identifier(self, name):
        return quoted(name)


class OverPostgresql(Server):
    def connection_string(self, place):
        options = self._options
        driver = drivers.choose(self._context.source, DRIVER, drivers.installed())
        return drivers.joined(
            {
                "Driver": driver,
                "Server": options.host,
                "Port": str(options.port),
                "Database": options.database,
                "UID": options.user or "",
                "PWD": self.password or "",
                "UseDeclareFetch": os.environ.get(WHOLE, "1"),
                "Fetch": "2000",
                "BoolsAsChar": "0",
                "TextAsLongVarchar": "1",
                "ByteaAsLongVarBinary": "1",
                "MaxLongVarcharSize": "100000000",
                "MaxVarcharSize": "100000",
            }
        )


class PostgresqlOverOdbc(SqlServerConnector):
    """The connector `sqlserver`, over PostgreSQL's driver."""

    name: ClassVar[str] = "over-odbc"

    def server(self):
        return OverPostgresql(self.options.connection, self.context, PostgresqlDialect())


def run(connection, statements):
    """Run statements on a connection, close it, and return the rows of the last one."""
    try:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
    finally:
        connection.close()


class Database:
    """A database of a test's own, reached over ODBC too."""

    def __init__(self, url: str, name: str) -> None:
        parts = urlsplit(url)
        self.fields = {"host": parts.hostname, "port": parts.port or 5432, "database": name, "user": unquote(parts.username or "postgres")}
        if parts.password:
            self.fields["password"] = unquote(parts.password)

    def connect(self, **changes):
        import pyodbc

        fields = {**self.fields, **changes}
        words = {"host": "Server", "port": "Port", "database": "Database", "user": "UID", "password": "PWD"}
        return pyodbc.connect(
            drivers.joined({"Driver": DRIVER, **{words[key]: str(value) for key, value in fields.items()}}), autocommit=True
        )

    def execute(self, *statements, **changes):
        """Run statements on one connection and return the rows of the last one."""
        return run(self.connect(**changes), statements)

    def channel(self, kind=RowChannel, **changes):
        """A bare channel to it."""
        from ducklake_connector_sqlserver.options import SqlServerConnection

        server = OverPostgresql(SqlServerConnection(**{**self.fields, **changes}), _Context(), PostgresqlDialect())
        return kind(server.connection_string("erp.t"), 10, "erp.t")


class _Context:
    source = "erp"
