"""What an increment asks a database besides its rows: the clock, the highest key, whether the table went back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ducklake_connector_sql.keys import KeyKind, parse, render, text_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, FromClause

    from ducklake_connector_sql.types import ReflectedColumn

_CLOCKS = {
    "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')",
    "postgresql": "SELECT CAST(clock_timestamp() AS text)",
    "mysql": "SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)",
    "mariadb": "SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)",
    "mssql": "SELECT CONVERT(varchar(33), SYSUTCDATETIME(), 126)",
    "oracle": "SELECT to_char(sys_extract_utc(systimestamp), 'YYYY-MM-DD\"T\"HH24:MI:SS.FF6') FROM dual",
}
_TEXT_OF_SERVER = ("postgresql", "mysql", "mariadb")


def clock(connection: Connection) -> dt.datetime:
    """The server's clock, in UTC where the database tells.

    Args:
        connection: Of which the session's zone is UTC.
    """
    from sqlalchemy import func, select

    statement = _CLOCKS.get(connection.dialect.name)
    now = connection.exec_driver_sql(statement).scalar_one() if statement else connection.execute(select(func.now())).scalar_one()
    # Server clocks may tell more digits than a datetime holds.
    moment = now if isinstance(now, dt.datetime) else dt.datetime.fromisoformat(str(now)[:26] if "T" in str(now) else str(now))
    return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def highest(
    connection: Connection, source: FromClause, key: ColumnElement[Any], column: ReflectedColumn, kind: KeyKind, now: dt.datetime
) -> str | None:
    """The highest key, leaving out what is no value to go on from: infinities, NaN, times beyond the server's clock.

    Args:
        connection: In autocommit.
        source: The table.
        key: Its key.
        column: The key as reflected.
        kind: What its values are.
        now: The server's clock.
    """
    from sqlalchemy import Double, Numeric, Text, cast, func, select, type_coerce
    from sqlalchemy import types as sa
    from sqlalchemy.dialects import mysql

    dialect = connection.dialect.name
    top: Any = func.max(key)
    if dialect in _TEXT_OF_SERVER and kind != "text":
        top = cast(top, Text() if dialect == "postgresql" else mysql.CHAR())
    statement = select(type_coerce(top, sa.NullType())).select_from(source)
    if kind in ("date", "timestamp"):
        aware = kind == "timestamp" and getattr(column.type, "timezone", False)
        limit = render(now if aware else now.replace(tzinfo=None)) if kind == "timestamp" else render(now.date())
        statement = statement.where(key <= bound(column, kind, limit, dialect))
    elif dialect == "postgresql" and kind == "float":
        statement = statement.where(key < cast("Infinity", Double()))
    elif dialect == "postgresql" and kind == "decimal":
        statement = statement.where(key < cast("NaN", Numeric()))
    return text_of(kind, connection.execute(statement).scalar())


def reaches(
    connection: Connection, source: FromClause, key: ColumnElement[Any], column: ReflectedColumn, kind: KeyKind, watermark: str
) -> bool:
    """Whether some row has a key at or above one that was seen.

    Args:
        connection: In the snapshot.
        source: The table.
        key: Its key.
        column: The key as reflected.
        kind: What its values are.
        watermark: That key.
    """
    from sqlalchemy import literal, select

    condition = key >= bound(column, kind, watermark, connection.dialect.name)
    statement = select(literal(1)).select_from(source).where(condition).limit(1)
    return connection.execute(statement).first() is not None


def bound(column: ReflectedColumn, kind: KeyKind, text: str, dialect: str) -> ColumnElement[Any]:
    """A key as a parameter, made the key's own type by the server.

    Args:
        column: The key as reflected.
        kind: What its values are.
        text: The key as `render` writes it.
        dialect: SQLAlchemy's name of the database.
    """
    from sqlalchemy import String, bindparam, cast
    from sqlalchemy import types as sa

    if kind == "text":
        return bindparam(None, text, type_=String())
    if dialect == "sqlite":  # its types are those of the values
        value: Any = text if kind in ("date", "timestamp") else parse(kind, text)
        return bindparam(None, float(value) if kind == "decimal" else value, type_=sa.NullType())
    if dialect in _TEXT_OF_SERVER or kind not in ("date", "timestamp"):
        return cast(bindparam(None, text, type_=String()), column.type)
    return bindparam(None, parse(kind, text), type_=column.type)


def has_index(connection: Connection, name: str, schema: str | None, key: str) -> bool:
    """Whether an index, a key or a unique constraint begins with a column; true where the database does not tell.

    Args:
        connection: An open connection.
        name: The table.
        schema: Its schema, or None.
        key: The column.
    """
    from sqlalchemy import inspect

    inspector = inspect(connection)
    try:
        groups: list[Sequence[str | None]] = [inspector.get_pk_constraint(name, schema)["constrained_columns"]]
        groups += [unique["column_names"] for unique in inspector.get_unique_constraints(name, schema)]
        groups += [index["column_names"] for index in inspector.get_indexes(name, schema)]
    except RuntimeError:  # a dialect that knows no such thing
        return True
    return any(group and group[0] == key for group in groups)
