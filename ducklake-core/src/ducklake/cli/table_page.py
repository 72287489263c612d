"""What `catalog show` prints for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ducklake.cli.invocation import Invocation
from ducklake.cli.render import count, moment, size, text, title, write_table

LAST = 5
"""So many versions and files are listed; `--json` has all."""


def write_page(cli: Invocation, facts: Mapping[str, Any], data: str) -> None:
    """Print columns, schema history, versions and files of a table.

    Args:
        cli: The call.
        facts: What `Lake.show` returned.
        data: The data folder, as settings.yaml spells it.
    """
    name = f"{facts['layer']}.{facts['domain']}.{facts['table']}"
    cli.say(title(name))
    cli.say(f"{count(facts['rows'], 'row')}, last change {moment(facts['changed'])} UTC, in {data}/{facts['folder']}")
    _columns(cli, facts["columns"])
    _schemas(cli, facts["schema_history"])
    if facts["versions"]:
        _section(
            cli,
            "versions",
            ("version", "created (UTC)", "rows", "size", "run"),
            [(str(v["version"]), moment(v["created"]), count(v["rows"]), size(v["bytes"]), v["run_id"]) for v in facts["versions"]],
        )
    files = [
        (count(file["rows"]), size(file["size"]), file["path"].removeprefix(f"{facts['folder']}/")) for file in reversed(facts["files"])
    ]
    _section(cli, "files", ("rows", "size", "path"), files)


def _columns(cli: Invocation, columns: Sequence[Mapping[str, Any]]) -> None:
    origin = any(column.get("source_type") for column in columns)
    counted = any("approx_distinct" in column for column in columns)
    headings = ("column", "type", *(("source type",) if origin else ()), "nulls", *(("distinct",) if counted else ()), "min", "max")
    cells = []
    for column in columns:
        kind = (column["type"].replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"), *((text(column.get("source_type")),) if origin else ()))
        lowest, highest = (_short(column.get(key), 12 if origin else 16) for key in ("minimum", "maximum"))
        distinct = (f"~{count(column['approx_distinct'])}",) if counted else ()
        cells.append((column["name"], *kind, text(column.get("nulls")), *distinct, lowest, highest))
    cli.say()
    write_table(headings, cells)


def _schemas(cli: Invocation, history: Sequence[Mapping[str, Any]]) -> None:
    """Each schema version, and what it changed."""
    rows, before = [], None
    for entry in history:
        now = {column["name"]: column["type"] for column in entry["columns"]}
        rows.append((str(entry["schema_version"]), moment(entry["detected"]), _difference(before, now)))
        before = now
    if len(rows) > 1:
        _section(cli, "schema history", ("version", "detected (UTC)", "change"), list(reversed(rows)))


def _difference(before: Mapping[str, str] | None, now: Mapping[str, str]) -> str:
    if before is None:
        return count(len(now), "column")
    parts = [f"+{name} {kind}" for name, kind in now.items() if name not in before]
    parts += [f"-{name}" for name in before if name not in now]
    parts += [f"{name} {before[name]} -> {kind}" for name, kind in now.items() if name in before and before[name] != kind]
    return ", ".join(parts) or "columns in another order"


def _section(cli: Invocation, heading: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    cli.say(f"\n{title(heading)}")
    write_table(headings, rows[:LAST])
    if len(rows) > LAST:
        cli.say(f"... and {len(rows) - LAST:,} more; --json lists all")


def _short(value: str | None, width: int) -> str:
    shown = "-" if value is None else str(value)
    return shown if len(shown) <= width else shown[: width - 1] + "…"
