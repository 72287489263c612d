"""Reading a table of the lake: a SELECT over exactly the files that the catalog lists, with explicit columns."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ducklake.api.sql import quote
from ducklake.api.tables import Column, Schema

if TYPE_CHECKING:
    from ducklake.api.writer import StorageWriter
    from ducklake.catalog.queries import TableFile, TableState
    from ducklake.layers.store import LakePaths

_INTEGERS = {"TINYINT": 1, "SMALLINT": 2, "INTEGER": 4, "BIGINT": 8}
_UNSIGNED = {"UTINYINT": 1, "USMALLINT": 2, "UINTEGER": 4, "UBIGINT": 8}
_DIGITS = {1: 3, 2: 5, 4: 10, 8: 20}
_DAY = re.compile(r"/year=(\d{4})/month=(\d{2})/day=(\d{2})/[^/]*$")
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """Which files of a table are read.

    Attributes:
        snapshots: Of raw tables: `all` extractions, or the `latest` complete one; of what landed within the dates.
        first: Of raw tables: the first day of landing (UTC) that counts; None is the beginning.
        last: The last day that counts; None is today.
    """

    snapshots: str = "latest"
    first: dt.date | None = None
    last: dt.date | None = None

    def to_json(self) -> dict[str, str]:
        """Plain data."""
        days = {"from": self.first, "to": self.last}
        return {"snapshots": self.snapshots, **{name: day.isoformat() for name, day in days.items() if day}}

    def __str__(self) -> str:
        words = {"latest": "latest extraction", "all": "all extractions"}[self.snapshots]
        days = [f"{word} {day}" for word, day in (("from", self.first), ("to", self.last)) if day]
        return f"{words}, landed {' '.join(days)}" if days else words


LATEST = Selection()
ALL = Selection("all")


def table_schema(table: TableState, selection: Selection = LATEST) -> Schema:
    """The columns under which a table is read.

    Args:
        table: As the catalog has it.
        selection: Which of its files.
    """
    files = _files(table, selection)
    used = sorted({file.schema_version for file in files}) or [table.schema_version]
    return reconcile(table.schemas[version] for version in used)


def scan_table(paths: LakePaths, writer: StorageWriter, table: TableState, selection: Selection = LATEST) -> str:
    """A SELECT that reads a table.

    Files of different schema versions are read each with their own columns, cast by lossless widenings only.

    Args:
        paths: Of the lake.
        writer: Of the table's format.
        table: As the catalog has it.
        selection: Which of its files.
    """
    # As planned: whichever days are asked for, the columns are those of the whole table.
    target = table_schema(table, LATEST if selection == LATEST else ALL)
    parts = [
        scan if schema.names == target.names and _types(schema) == _types(target) else _projected(scan, schema, target)
        for scan, schema in reversed(scan_versions(paths, writer, table, selection))
    ]
    return " UNION ALL ".join(parts) or writer.scan([], target)


def scan_versions(paths: LakePaths, writer: StorageWriter, table: TableState, selection: Selection = LATEST) -> list[tuple[str, Schema]]:
    """A SELECT for each set of columns and types that the files of a table have, the newest first.

    Args:
        paths: Of the lake.
        writer: Of the table's format.
        table: As the catalog has it.
        selection: Which of its files.
    """
    alike: dict[frozenset[tuple[str, str]], tuple[Schema, list[TableFile]]] = {}
    for file in sorted(_files(table, selection), key=lambda file: file.schema_version, reverse=True):
        schema = table.schemas[file.schema_version]
        columns = frozenset((column.name, column.type) for column in schema)
        alike.setdefault(columns, (schema, []))[1].append(file)
    return [(writer.scan([paths.absolute(file.path) for file in files], schema), schema) for schema, files in alike.values()]


def reconcile(schemas: Iterable[Schema]) -> Schema:
    """One schema for files of several: the newest order, every column, types that hold all values exactly.

    Args:
        schemas: From the oldest to the newest.
    """
    versions = list(schemas)
    merged: dict[str, Column] = {}
    for schema in reversed(versions):
        for column in schema:
            key = column.name.casefold()
            known = merged.get(key)
            merged[key] = column if known is None else Column(known.name, widest(known.type, column.type), known.source_type)
    return Schema(tuple(merged.values()))


def widest(one: str, other: str) -> str:
    """The type that holds all values of both without changing any; text where there is no other.

    Args:
        one: A type in DuckDB's words.
        other: A type in DuckDB's words.
    """
    if one == other:
        return one
    pair = {one, other}
    for family in (_INTEGERS, _UNSIGNED):
        if pair <= family.keys():
            return max(pair, key=family.__getitem__)
    if pair == {"FLOAT", "DOUBLE"}:
        return "DOUBLE"
    decimals = [_decimal(kind) for kind in (one, other)]
    if None not in decimals:
        (digits, scale), (other_digits, other_scale) = decimals[0], decimals[1]  # type: ignore[misc]
        whole, fraction = max(digits - scale, other_digits - other_scale), max(scale, other_scale)
        if whole + fraction <= 38:
            return f"DECIMAL({whole + fraction},{fraction})"
    return "VARCHAR"


def _decimal(kind: str) -> tuple[int, int] | None:
    """Digits and scale of a decimal, or of the decimal that holds an integer type."""
    if found := _DECIMAL.fullmatch(kind):
        return int(found[1]), int(found[2])
    size = _INTEGERS.get(kind) or _UNSIGNED.get(kind)
    return (_DIGITS[size], 0) if size else None


def _projected(scan: str, schema: Schema, target: Schema) -> str:
    columns = []
    for column in target:
        own = schema.get(column.name)
        expression = "NULL" if own is None else quote(own.name)
        columns.append(f"CAST({expression} AS {column.type}) AS {quote(column.name)}")
    return f"SELECT {', '.join(columns)} FROM ({scan})"


def _types(schema: Schema) -> tuple[str, ...]:
    return tuple(column.type for column in schema)


def read_files(table: TableState, selection: Selection = LATEST) -> tuple[TableFile, ...]:
    """The files that are read.

    Args:
        table: As the catalog has it.
        selection: Which of them.
    """
    if table.ref.layer != "raw" or selection == LATEST:
        return table.current_files
    landed = [(file, landing_day(file.path)) for file in table.files]
    first, last = selection.first or dt.date.min, selection.last or dt.date.max
    within = tuple(file for file, day in landed if day is None or first <= day <= last)
    newest = max((file.version for file in within), default=0)
    return tuple(file for file in within if selection.snapshots == "all" or file.version == newest)


def landing_day(path: str) -> dt.date | None:
    """The day (UTC) on which a raw file landed, out of its folders.

    Args:
        path: Of a raw file.
    """
    found = _DAY.search(path)
    return dt.date(int(found[1]), int(found[2]), int(found[3])) if found else None


def _files(table: TableState, selection: Selection) -> tuple[TableFile, ...]:
    files = read_files(table, selection)
    # A file without rows says nothing about types: what a first, empty extraction guessed must not turn later columns into text.
    return tuple(file for file in files if file.rows) or files


def schema_difference(before: Schema, now: Schema) -> tuple[tuple[str, ...], tuple[str, ...], Mapping[str, tuple[str, str]]]:
    """What changed between two schemas.

    Args:
        before: The earlier one.
        now: The later one.

    Returns:
        Names added, names dropped, and name to (type before, type now) for those retyped.
    """
    old = {column.name: column.type for column in before}
    new = {column.name: column.type for column in now}
    retyped = {name: (old[name], kind) for name, kind in new.items() if name in old and old[name] != kind}
    return tuple(name for name in new if name not in old), tuple(name for name in old if name not in new), retyped
