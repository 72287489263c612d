"""The SQL that reads the files of a table: first as text, then with types."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from ducklake.api.sql import literal, quote
from ducklake_connector_csv.diagnosis import MISFIT
from ducklake_connector_csv.options import CsvFormat
from ducklake_connector_csv.types import fits

LINE_SIZE = 16 * 2**20
"""Bytes of a line that need no special care; DuckDB's own limit is 2 MB."""


@dataclasses.dataclass(frozen=True, slots=True)
class ReadableFile:
    """A file as DuckDB gets it.

    Attributes:
        path: The file, or a copy in a private folder.
        columns: Its columns, in its own order.
        skip: Blank lines before its header.
        header: Whether a line names the columns.
        longest: Bytes of its longest line, if that is more than usual.
        lines: Lines up to the end of that header.
    """

    path: Path
    columns: tuple[str, ...]
    skip: int
    header: bool
    longest: int = 0
    lines: int = 0


def as_text(files: Sequence[ReadableFile], layout: CsvFormat, known: Sequence[str] = ()) -> tuple[str, tuple[str, ...]]:
    """A SELECT of all columns of all files as text, matched by name.

    Args:
        files: At least one.
        layout: Their format.
        known: Columns that come first, as they are spelled here, as far as a file has them.

    Returns:
        The SELECT, whose columns are `c0`, `c1`, ... , and what these are called.
    """
    present = {name.casefold() for file in files for name in file.columns}
    names: dict[str, str] = {name.casefold(): name for name in known if name.casefold() in present}
    for file in files:
        for name in file.columns:
            names.setdefault(name.casefold(), name)
    selects = []
    for _, alike in groupby(files, key=lambda file: (file.columns, file.skip, file.header, file.longest, file.path.suffix == ".gz")):
        group = list(alike)
        position = {name.casefold(): at for at, name in enumerate(group[0].columns)}
        picked = (f"f{position[name]}" if name in position else "CAST(NULL AS VARCHAR)" for name in names)
        selects.append(f"SELECT {', '.join(f'{expression} AS c{at}' for at, expression in enumerate(picked))} FROM {_read(group, layout)}")
    return "\nUNION ALL\n".join(selects), tuple(names.values())


def typed(
    text: str,
    names: Sequence[str],
    declared: Mapping[str, str],
    inferred: Mapping[int, str],
    unproven: Collection[int] = (),
    done: Collection[int] = (),
) -> str:
    """A SELECT of the columns under their names and with their types.

    Declared types are checked value by value, and so are inferred ones that no scan has proven yet. The first of these
    columns carries the checks of all: one CASE a row costs less than one for each column.

    Args:
        text: What `as_text` returned, or a SELECT of columns of the same names.
        names: What its columns are called.
        declared: Types by column name, folded.
        inferred: Types by column number.
        unproven: Those inferred columns that may hold a value that is no such type.
        done: Columns that have their type already.
    """
    tried: dict[int, tuple[str, bool]] = {}
    expressions = []
    for at, name in enumerate(names):
        kind = declared.get(name.casefold())
        if kind and kind != "VARCHAR" and at not in done:
            tried[at] = kind, True
        elif not kind and at in inferred and at in unproven:
            tried[at] = inferred[at], False
        proven = not kind and at in inferred
        expressions.append(f"t{at}" if at in tried else f"CAST(c{at} AS {inferred[at]})" if proven else f"c{at}")
    source = text
    if tried:
        first = next(iter(tried))
        expressions[first] = _checked(first, tried)
        casts = ", ".join(f"TRY_CAST(c{at} AS {kind}) AS t{at}" for at, (kind, _) in tried.items())
        source = f"SELECT *, {casts}\nFROM (\n{text}\n)"
    columns = ", ".join(f"{expression} AS {quote(name)}" for expression, name in zip(expressions, names, strict=True))
    return f"SELECT {columns}\nFROM (\n{source}\n)"


def nothing(columns: Sequence[tuple[str, str | None]]) -> str:
    """A SELECT of no rows.

    Args:
        columns: Names and types.
    """
    selected = ", ".join(f"CAST(NULL AS {kind or 'VARCHAR'}) AS {quote(name)}" for name, kind in columns)
    return f"SELECT {selected} WHERE false"


def _checked(column: int, tried: Mapping[int, tuple[str, bool]]) -> str:
    """The value of one column, if in its row each column that was tried to be cast says what its text says.

    Nearly every value reads back as the same text, which is a fraction of the work of looking at the text's form; CASE
    asks the longer question only for the other rows.
    """
    clear = " AND ".join(f"({_clear(at, kind)})" for at, (kind, _) in tried.items())
    each = " AND ".join(f"({_fitting(at, kind, declared)})" for at, (kind, declared) in tried.items())
    return f"CASE WHEN {clear} THEN t{column} WHEN {each} THEN t{column} END"


def _clear(at: int, kind: str) -> str:
    """A condition that is quickly seen, and enough: the text is the one that the value has, or NULL."""
    return f"{reads_back(f'c{at}', f't{at}', kind)} OR c{at} IS NULL"


def reads_back(text: str, value: str, kind: str) -> str:
    """A condition on text that is not NULL: its value has this text, and no other would do as well.

    Args:
        text: An SQL expression of type VARCHAR.
        value: One of the text tried to be cast.
        kind: The type.
    """
    same = f"CAST({value} AS VARCHAR) = {text}"
    if kind == "TIME":
        same += f" AND {text} < '24'"  # 24:00:00 reads back too
    elif kind in ("DATE", "TIMESTAMP", "TIMESTAMPTZ", "DOUBLE"):
        same += f" AND isfinite({value})"
    return same


def _fitting(at: int, kind: str, declared: bool) -> str:
    """The whole question about one value, which ends in an error where the answer is no."""
    longer = f" WHEN {fits(f'c{at}', kind)} THEN true" if declared else ""
    return f"CASE WHEN {_clear(at, kind)} THEN true{longer} ELSE error({literal(MISFIT)} || chr(31) || '{at}' || chr(31) || c{at}) END"


def _read(files: Sequence[ReadableFile], layout: CsvFormat) -> str:
    first = files[0]
    columns = ", ".join(f"'f{at}': 'VARCHAR'" for at in range(len(first.columns)))
    options = [
        literal([_escape(str(file.path)) for file in files]),
        "auto_detect = false",
        f"columns = {{{columns}}}",
        f"header = {literal(first.header)}",
        f"skip = {first.skip if first.header else 0}",
        f"delim = {literal(layout.delimiter)}",
        f"quote = {literal(layout.quote)}",
        f"escape = {literal(layout.quote)}",
        f"nullstr = {literal(list(layout.nulls))}::VARCHAR[]",
        "allow_quoted_nulls = false",
        "strict_mode = true",
        "null_padding = false",
        "hive_partitioning = false",
        f"compression = '{'gzip' if first.path.suffix == '.gz' else 'none'}'",
        f"max_line_size = {max(LINE_SIZE, 2 * first.longest)}",
    ]
    return f"read_csv({', '.join(options)})"


def count(file: ReadableFile, layout: CsvFormat) -> str:
    """A SELECT of the number of records of one file.

    Args:
        file: The file.
        layout: Its format.
    """
    return f"SELECT count(*) FROM {_read([file], layout)}"


def _escape(path: str) -> str:
    """A path in which DuckDB finds no pattern."""
    return re.sub(r"([*?\[])", r"[\1]", path)
