"""Tables and documents on stdout: rich on a terminal, plain aligned text in a pipe."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ducklake.cli.errors import printable

NUMBERS = frozenset({"rows", "size", "time", "files", "nulls", "distinct", "line", "version", "failed", "versions"})
"""Headings whose cells are numbers, flush right."""

NAMES = frozenset(
    {"status", "command", "source", "pipeline", "layer", "domain", "table", "destination", "id", "code", "type", "name", "kind"}
)
"""Keys of documents whose values are names and words of DuckLake, never secrets, even if a secret is spelled alike."""

LAST_COLUMN = 16
"""Places that the last column keeps when a table is too wide for its terminal."""

STATUS_STYLES = {
    "success": "green",
    "ok": "green",
    "passed": "green",
    "empty": "yellow",
    "skipped": "yellow",
    "warn": "yellow",
    "disabled": "yellow",
    "error": "bold red",
    "failed": "bold red",
    "broken": "bold red",
}


def write_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = NUMBERS, indent: str = "") -> None:
    """Print a table.

    Args:
        headings: Its columns; an empty table is its headings.
        rows: Texts, a cell a heading.
        right: The headings whose cells are flush right.
        indent: What stands before every line.
    """
    cells = [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
    flush_right = [heading in set(right) for heading in headings]
    if sys.stdout.isatty():
        _write_rich(headings, cells, flush_right, len(indent))
    else:
        sys.stdout.write(plain_table([list(headings), *cells], flush_right, indent))


def plain_table(rows: Sequence[Sequence[str]], right: Sequence[bool], indent: str = "") -> str:
    """Aligned columns, two spaces apart.

    Args:
        rows: Texts; the first row is the headings.
        right: Which columns are flush right.
        indent: What stands before every line.
    """
    widths = [max(map(cell_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padded = [
            " " * (width - cell_width(cell)) + cell if flush else cell + " " * (width - cell_width(cell))
            for cell, width, flush in zip(row, widths, right, strict=True)
        ]
        lines.append((indent + "  ".join(padded)).rstrip())
    return "\n".join(lines) + "\n"


def cell_width(text: str) -> int:
    """How many places a text takes in a terminal.

    Args:
        text: One line.
    """
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def terminal_width() -> int | None:
    """Columns of the terminal on stdout, or None in a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _write_rich(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], indent: int) -> None:
    from rich import box
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(highlight=False)
    widths = [max(map(cell_width, column)) + 2 for column in zip(headings, *rows, strict=True)]
    room = console.width - indent - sum(widths[:-1])
    table = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for number, (heading, flush) in enumerate(zip(headings, right, strict=True), 1):
        # the last column gives way first, as long as that leaves it readable
        keep = flush or (number < len(headings) and room >= LAST_COLUMN)
        table.add_column(Text(heading), justify="right" if flush else "left", overflow="fold", no_wrap=keep)
    for row in rows:
        table.add_row(*(Text(cell, style=STATUS_STYLES.get(cell, "")) for cell in row))
    console.print(Padding(table, (0, 0, 0, indent), expand=False))


def write_json(document: Any, redact: Callable[[str], str] = str) -> None:
    """Print one document, on one line in a pipe and indented on a terminal.

    Args:
        document: Plain data.
        redact: Takes secrets out of texts; numbers and `NAMES` stay, so that scripts can rely on them.
    """
    terminal = sys.stdout.isatty()
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    clean = _redacted(document, redact)
    text = json.dumps(clean, ensure_ascii=encoding != "utf8", indent=2 if terminal else None, default=_plain, allow_nan=False)
    sys.stdout.write(text + "\n")


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:
    match value:
        case str():
            return redact(value)
        case Mapping():
            return {key: item if key in NAMES and isinstance(item, str) else _redacted(item, redact) for key, item in value.items()}
        case list() | tuple():
            return [_redacted(item, redact) for item in value]
    return value


def _plain(value: Any) -> str:
    """What JSON lacks, as text; the catalog's times are UTC and say so."""
    if isinstance(value, dt.datetime):
        return value.isoformat() + ("Z" if value.tzinfo is None else "")
    return str(value)


def title(text: str) -> str:
    """A heading of a section, bold on a terminal.

    Args:
        text: The heading.
    """
    bold = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\x1b[1m{text}\x1b[0m" if bold else text


def count(number: int | None, noun: str = "") -> str:
    """A number with thousands separators, and its noun in the right number.

    Args:
        number: None gives `-`.
        noun: In the singular; its plural is made with s.
    """
    if number is None:
        return "-"
    return f"{number:,} {noun}{'' if number == 1 else 's'}" if noun else f"{number:,}"


def size(number: int | None) -> str:
    """Bytes for people, in units of 1000.

    Args:
        number: None gives `-`.
    """
    if number is None:
        return "-"
    value, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def seconds(value: float | None) -> str:
    """A duration for people.

    Args:
        value: Seconds; None gives `-`.
    """
    if value is None:
        return "-"
    if value < 60:
        return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def moment(value: Any) -> str:
    """A time for people, to the second, in UTC as the catalog keeps it.

    Args:
        value: A datetime, ISO text or None.
    """
    if value is None:
        return "-"
    when = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    if when.tzinfo is not None:
        when = when.astimezone(dt.UTC)
    return when.strftime("%Y-%m-%d %H:%M:%S")


def text(value: Any) -> str:
    """Any value of a listing as a cell.

    Args:
        value: Plain data; None gives `-`.
    """
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return count(value)
        case float():
            return f"{value:g}"
        case dt.datetime():
            return moment(value)
        case list() | tuple():
            return ", ".join(map(str, value)) or "-"
        case Mapping():
            return ", ".join(f"{key} {item}" for key, item in value.items()) or "-"
    return str(value)
