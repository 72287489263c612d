"""What a column lands as: its declared type where every value fits, else what its values are, else text.

Any SQLite column may hold anything, so the values decide, not the declaration. One scan asks whether all columns
keep their declaration; only if one does not, or has none, a second scan says what is in it.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Sequence

from ducklake.errors import DataError
from ducklake_connector_sql import convert
from ducklake_connector_sql.batches import Convert, Reading
from ducklake_connector_sqlite.schema import Rows, SqliteColumn, quote

_EXACT = 2**53
"""Whole numbers up to here are exact as floats."""

_DOUBLE_DIGITS = 15
"""Decimal digits that a float always keeps."""

_FACTS = 7
_COLUMNS_A_SCAN = 200
"""SQLite gives back at most 2,000 columns, and nests expressions at most 1,000 deep, each OR being one."""


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What a column holds besides NULL."""

    integers: bool
    reals: bool
    texts: bool
    blobs: bool
    beyond_floats: bool
    only_dates: bool
    misfits: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Planned:
    """How the columns of a table are read.

    Attributes:
        readings: One a column.
        notes: Remarks on those that do not land as declared.
        as_text: Those that land as text without being declared so.
    """

    readings: list[Reading]
    notes: list[str]
    as_text: tuple[str, ...]


def plan_columns(
    connection: sqlite3.Connection, place: str, table: str, columns: Sequence[SqliteColumn], rows: Rows, as_text: Sequence[str] = ()
) -> Planned:
    """How each column is read.

    Args:
        connection: In the transaction that will read the rows.
        place: `source.table`.
        table: The table's name.
        columns: Its columns.
        rows: Those that will be read.
        as_text: Columns that are to land as text whatever they hold, as they did before.

    Raises:
        DataError: A column mixes bytes with anything else.
    """
    kept = [column for column in columns if column.name in as_text and column.family != "text"]
    judged = [column for column in columns if column not in kept]
    declared = [column for column in judged if column.family != "any"]
    open_question = [column for column in judged if column.family == "any"]
    if declared and _some_misfit(connection, table, declared, rows):
        open_question = judged
    facts = dict(zip(open_question, _facts(connection, table, open_question, rows), strict=True)) if open_question else {}
    readings, notes, texts = [], [], [column.name for column in kept]
    for column in columns:
        reading, note = (_text(column.name) if column in kept else _as_declared(column)), None
        if column in facts:
            found = facts[column]
            reading, note = _by_values(place, column, found)
            if reading.type == _text("").type and column.family != "text" and (found.texts or found.integers or found.reals):
                texts.append(column.name)
        readings.append(reading)
        if note:
            notes.append(note)
    return Planned(readings, notes, tuple(texts))


def _text(name: str) -> Reading:
    import pyarrow as pa

    return Reading(name, pa.string(), convert.text_of_anything())


def _some_misfit(connection: sqlite3.Connection, table: str, columns: Sequence[SqliteColumn], rows: Rows) -> bool:
    for start in range(0, len(columns), _COLUMNS_A_SCAN):
        conditions = " OR ".join(f"({misfit(column)})" for column in columns[start : start + _COLUMNS_A_SCAN])
        statement = f"SELECT 1 FROM main.{quote(table)} AS t{rows.only(conditions)} LIMIT 1"
        if connection.execute(statement, rows.parameters).fetchone() is not None:
            return True
    return False


def misfit(column: SqliteColumn) -> str:
    """A condition that is true for a value that is not what the column is declared as; not true for NULL.

    SQLite sorts numbers before text before bytes, whatever the column is declared as: `c >= ''` is any text or bytes.

    Args:
        column: One whose family is not `any`.
    """
    c = column.expression
    match column.family:
        case "integer":
            return f"{c} >= '' OR {c} <> CAST({c} AS INTEGER)"
        case "text":
            return f"{c} < '' OR {c} >= x''"
        case "blob":
            return f"{c} < x''"
        case "real":
            return f"{c} >= '' OR (typeof({c}) = 'integer' AND {c} NOT BETWEEN {-_EXACT} AND {_EXACT})"
        case "boolean":
            return f"{c} NOT IN (0, 1)"
        case "date":
            return _no_date(c)
        case "timestamp":
            return _no_timestamp(c)
    precision, scale = column.digits or (0, 0)
    limit = f"1e{min(precision, _DOUBLE_DIGITS) - scale}"
    return f"{c} >= {limit} OR {c} <= -{limit} OR round({c}, {scale}) <> {c}"


def _no_date(c: str) -> str:
    # The modifier makes SQLite compute: without it, it gives 2024-02-30 and 24:00:00 back as they came.
    return f"date({c}, '+0 days') IS NOT {c} OR {c} < '0001'"


def _no_timestamp(c: str) -> str:
    day = f"substr({c}, 1, 19)"
    fraction = f"(length({c}) = 19 OR length({c}) BETWEEN 21 AND 26 AND substr({c}, 20, 1) = '.' AND substr({c}, 21) NOT GLOB '*[^0-9]*')"
    moment = f"typeof({c}) = 'text' AND datetime({day}, '+0 days') IS replace({day}, 'T', ' ') AND {fraction} AND instr({c}, char(0)) = 0"
    return f"{c} < '0001' OR (datetime({c}, '+0 days') IS NOT {c} AND NOT coalesce({moment}, 0))"


def _facts(connection: sqlite3.Connection, table: str, columns: Sequence[SqliteColumn], rows: Rows) -> list[ColumnFacts]:
    found: list[ColumnFacts] = []
    for start in range(0, len(columns), _COLUMNS_A_SCAN):
        expressions = [fact for column in columns[start : start + _COLUMNS_A_SCAN] for fact in _fact_expressions(column)]
        row = connection.execute(f"SELECT {', '.join(expressions)} FROM main.{quote(table)} AS t{rows.where}", rows.parameters).fetchone()
        facts = [bool(value) for value in row]
        found += [ColumnFacts(*facts[at : at + _FACTS]) for at in range(0, len(facts), _FACTS)]
    return found


def _fact_expressions(column: SqliteColumn) -> list[str]:
    c = column.expression
    kinds = [f"max(typeof({c}) = '{kind}')" for kind in ("integer", "real", "text", "blob")]
    beyond = f"max(typeof({c}) = 'integer' AND {c} NOT BETWEEN {-_EXACT} AND {_EXACT})"
    declared = "NULL" if column.family == "any" else f"max({misfit(column)})"
    return [*kinds, beyond, f"NOT max({_no_date(c)})", declared]


def _as_declared(column: SqliteColumn) -> Reading:
    import pyarrow as pa

    name = column.name
    match column.family:
        case "integer":
            return Reading(name, pa.int64(), convert.plain(pa.int64()))
        case "real":
            return Reading(name, pa.float64(), convert.plain(pa.float64()))
        case "blob":
            return Reading(name, pa.binary(), convert.plain(pa.binary()))
        case "boolean":
            return Reading(name, pa.bool_(), lambda values: pa.array(values, pa.int64()).cast(pa.bool_()))
        case "date":
            return Reading(name, pa.date32(), convert.parsed(pa.date32()))
        case "timestamp":
            return Reading(name, pa.timestamp("us"), convert.parsed(pa.timestamp("us")))
        case "decimal":
            return Reading(name, pa.decimal128(*(column.digits or (38, 0))), _decimals(column))
    return Reading(name, pa.string(), convert.plain(pa.string()))


def _decimals(column: SqliteColumn) -> Convert:
    import pyarrow as pa

    target = pa.decimal128(*(column.digits or (38, 0)))
    # At most 15 digits, as `misfit` has made sure: a float and its decimal are the same number of digits.
    return lambda values: pa.array(values, pa.float64()).cast(target)


def _by_values(place: str, column: SqliteColumn, facts: ColumnFacts) -> tuple[Reading, str | None]:
    import pyarrow as pa

    name, family = column.name, column.family
    numbers = facts.integers or facts.reals
    if facts.blobs and (numbers or facts.texts):
        other = "text" if facts.texts else "numbers"
        raise DataError(
            f"{place}.{name}: the column holds bytes (BLOB) and {other}, which no type keeps apart",
            hint=f"mend it at the source, or read a view that has hex({name}) or CAST({name} AS TEXT) instead",
            code="mixed_column",
        )
    if not (numbers or facts.texts or facts.blobs) or (family != "any" and not facts.misfits):
        return _as_declared(column), None
    mixed = False
    if facts.blobs:
        reading, what = Reading(name, pa.binary(), convert.plain(pa.binary())), "bytes"
    elif facts.texts and numbers:
        reading, what, mixed = Reading(name, pa.string(), convert.text_of_anything()), "text and numbers", True
    elif facts.texts and family == "timestamp" and facts.only_dates:
        reading, what = Reading(name, pa.date32(), convert.parsed(pa.date32())), "dates"
    elif facts.texts:
        reading, what = Reading(name, pa.string(), convert.plain(pa.string())), "text"
    elif not facts.reals:
        reading, what = Reading(name, pa.int64(), convert.plain(pa.int64())), "whole numbers"
    elif not facts.beyond_floats:
        reading, what = Reading(name, pa.float64(), convert.plain(pa.float64())), "floating-point numbers"
    else:
        reading, what, mixed = Reading(name, pa.string(), convert.text_of_anything()), "floats and whole numbers beyond 2^53", True
    if family == "any" and not mixed:
        return reading, None
    return reading, f"column {name!r} ({column.declared or 'no type'}) lands as {reading.type}: it holds {what}"
