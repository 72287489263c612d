"""The rows of a query: as a table, CSV, JSON or Parquet, without changing a value."""

from __future__ import annotations

import datetime as dt
import decimal
import itertools
import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ducklake.cli import render
from ducklake.cli.errors import printable, write_line
from ducklake.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

    from ducklake.lake import QueryResult

SCREEN_ROWS = 100
"""So many rows are shown on a terminal; a pipe gets all."""
CELL_WIDTH = 60
"""Longer texts are cut on a terminal; a pipe gets them whole."""
CHUNK = 10_000
"""Rows that are Python objects at once."""
EXACT_INTEGER = 2**53
_NUMERIC = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*)", re.IGNORECASE)


def python_rows(result: QueryResult) -> Iterator[Sequence[Any]]:
    """The rows as Python values, chunk by chunk.

    Args:
        result: What `Lake.query` returned.
    """
    kinds = [column["type"] for column in result.columns]
    for batch in result.arrow().to_batches(max_chunksize=CHUNK):
        yield from zip(*map(_values, batch.columns, kinds), strict=True)


def _values(array: pa.Array, kind: str) -> list[Any]:
    """A column's values; those that Python has no type for, as nanoseconds, infinity and years after 9999, as text."""
    try:
        values: list[Any] = array.to_pylist()
    except (ValueError, OverflowError):
        import duckdb
        import pyarrow as pa

        with duckdb.connect() as connection:
            rows = connection.from_arrow(pa.table({"value": array})).project("CAST(value AS VARCHAR)").fetchall()
        values = [row[0] for row in rows]
    if kind in ("HUGEINT", "UHUGEINT"):
        return [None if value is None else int(value) for value in values]
    if kind.startswith("MAP("):
        return [None if value is None else dict(value) for value in values]
    return values


def write_table(result: QueryResult) -> None:
    """Print a table; on a terminal too narrow for it, a block a row.

    Args:
        result: What `Lake.query` returned.
    """
    width = render.terminal_width()
    rows = [[cell(value) for value in row] for row in itertools.islice(python_rows(result), None if width is None else SCREEN_ROWS + 1)]
    more, rows = (len(rows) > SCREEN_ROWS, rows[:SCREEN_ROWS]) if width is not None else (False, rows)
    names = [printable(column["name"]) for column in result.columns]
    if width is not None:
        rows = [[cell if len(cell) <= CELL_WIDTH else cell[: CELL_WIDTH - 1] + "…" for cell in row] for row in rows]
    widest = [max(map(render.cell_width, column)) for column in zip(names, *rows, strict=True)]
    if width is not None and sum(widest) + 2 * len(widest) > width and len(names) > 1:
        _write_records(names, rows)
    else:
        right = [name for name, column in zip(names, result.columns, strict=True) if _numeric(column["type"])]
        render.write_table(names, rows, right=right)
    if more:
        write_line("note", f"the first {SCREEN_ROWS} rows are shown; --format csv prints all")


def write_csv(result: QueryResult) -> None:
    """Print CSV with a header: NULL is empty, empty text is quoted.

    Args:
        result: What `Lake.query` returned.
    """
    sys.stdout.write(_csv_line([column["name"] for column in result.columns]))
    sys.stdout.writelines(_csv_line([None if value is None else _text(value) for value in row]) for row in python_rows(result))


def write_rows(result: QueryResult) -> None:
    """Print the bare rows: a JSON array of objects.

    Args:
        result: What `Lake.query` returned.
    """
    names = [column["name"] for column in result.columns]
    _write_array("[", (dict(zip(names, map(json_value, row), strict=True)) for row in python_rows(result)), "]\n")


def write_document(result: QueryResult) -> None:
    """Print `{"columns", "rows"}`.

    Args:
        result: What `Lake.query` returned.
    """
    _write_array(f'{{"columns": {_json(result.columns)}, "rows": [', (list(map(json_value, row)) for row in python_rows(result)), "]}\n")


def write_parquet(result: QueryResult) -> None:
    """Write a Parquet file to stdout.

    Args:
        result: What `Lake.query` returned.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as sink:  # pyarrow closes what it writes to
        try:
            pq.write_table(result.arrow(), sink)
        except pa.ArrowNotImplementedError as error:
            raise DataError(f"query: Parquet cannot hold a column: {error}", hint="CAST it, say to VARCHAR", code="query") from error


def json_value(value: Any) -> Any:
    """A value as JSON can hold it exactly: large integers, decimals, times, bytes as text.

    Args:
        value: Out of a result.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= EXACT_INTEGER else str(value)
        case float():
            return value if math.isfinite(value) else _text(value)
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case _ if type(value).__name__ == "MonthDayNano":
            return _interval(value)
        case list() | tuple():
            return [json_value(item) for item in value]
        case Mapping():
            return {_text(key): json_value(item) for key, item in value.items()}
    return _text(value)


def _text(value: Any) -> str:
    """A value as DuckDB would print it."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity") if math.isinf(value) else repr(value)
        case decimal.Decimal():
            return f"{value:f}" if value.is_finite() else str(value)
        case dt.datetime():
            return value.isoformat(sep=" ")
        case dt.date() | dt.time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\x{byte:02X}" for byte in bytes(value))
        case _ if type(value).__name__ == "MonthDayNano":
            return _interval(value)
        case list() | tuple() | Mapping():
            return _json(json_value(value))
    return str(value)


def _interval(value: Any) -> str:
    months, days, nanoseconds = value
    parts = [f"{number} {word}{'' if abs(number) == 1 else 's'}" for number, word in ((months, "month"), (days, "day")) if number]
    if nanoseconds or not parts:
        seconds, rest = divmod(abs(nanoseconds) // 1000, 1_000_000)
        clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}" + (f".{rest:06d}".rstrip("0") if rest else "")
        parts.append(("-" if nanoseconds < 0 else "") + clock)
    return " ".join(parts)


def cell(value: Any) -> str:
    """A value as one line of a table.

    Args:
        value: Out of a result.
    """
    return "NULL" if value is None else printable(_text(value).replace("\n", "\\n"))


def _numeric(kind: str) -> bool:
    return _NUMERIC.fullmatch(kind) is not None


def _csv_line(values: Sequence[str | None]) -> str:
    return ",".join("" if value is None else _quoted(value) for value in values) + "\n"


def _quoted(value: str) -> str:
    if value and not any(character in value for character in ',"\n\r') and value == value.strip():
        return value
    return '"' + value.replace('"', '""') + '"'


def _json(value: Any) -> str:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return json.dumps(value, ensure_ascii=encoding != "utf8", allow_nan=False, default=_text)


def _write_array(opening: str, items: Iterable[Any], closing: str) -> None:
    """Write item by item, so that a large result never stands in memory as text."""
    write: Callable[[str], object] = sys.stdout.write
    write(opening)
    for number, item in enumerate(items):
        write((",\n" if number else "") + _json(item))
    write(closing)


def _write_records(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    width = max(map(render.cell_width, names))
    for number, row in enumerate(rows, 1):
        sys.stdout.write(render.title(f"row {number}") + "\n")
        sys.stdout.writelines(f"  {name}{' ' * (width - render.cell_width(name))}  {cell}\n" for name, cell in zip(names, row, strict=True))
