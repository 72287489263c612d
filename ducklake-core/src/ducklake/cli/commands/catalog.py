"""`ducklake catalog` and the commands below it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from ducklake.cli import completion
from ducklake.cli.app import group
from ducklake.cli.errors import write_problem
from ducklake.cli.invocation import Invocation
from ducklake.cli.render import count, moment, seconds, size, text, title, write_table
from ducklake.errors import Problem

Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="So many, the newest first.")]
Cells = Mapping[str, Callable[[Mapping[str, Any]], str]]


def tables(cli: Invocation) -> None:
    """List the tables of the lake.

    Args:
        cli: The call.
    """
    rows = cli.lake().catalog()
    cells: Cells = {
        "table": name,
        "rows": lambda row: count(row["rows"]),
        "size": lambda row: size(row["size"]),
        "last change (UTC)": lambda row: moment(row["last_change"]),
        "last status": lambda row: text(row["last_status"]),
    }
    listing(cli, rows, cells, "the lake is empty; begin with: ducklake extract --all")


def name(row: Mapping[str, Any]) -> str:
    """A table's full name.

    Args:
        row: Of a listing.
    """
    return f"{row['layer']}.{row['domain']}.{row['table']}"


def listing(cli: Invocation, rows: Sequence[Mapping[str, Any]], cells: Cells, empty: str) -> None:
    """Print rows as a table, or all they hold as a document.

    Args:
        cli: The call.
        rows: Plain data.
        cells: Headings, and how each is read from a row.
        empty: What to say if there is no row.
    """
    cli.document(rows)
    if cli.json:
        return
    if not rows:
        cli.report(empty)
        return
    write_table(list(cells), [[read(row) for read in cells.values()] for row in rows])


def extractions(cli: Invocation, limit: Limit = 20) -> None:
    """List the latest extractions.

    Args:
        cli: The call.
        limit: At most so many.
    """
    rows = cli.lake().extractions(limit)
    cells: Cells = {
        "date (UTC)": lambda row: moment(row["date"]),
        "table": lambda row: f"{row['source']}.{row['table']}",
        "mode": lambda row: row["mode"],
        "status": lambda row: row["status"],
        "rows": lambda row: count(row["rows"]),
        "files": lambda row: count(row["files"]),
        "time": lambda row: seconds(row["seconds"]),
    }
    listing(cli, rows, cells, "no extraction so far; begin with: ducklake extract --all")
    _explain(cli, rows, lambda row: f"{row['source']}.{row['table']}")


def runs(cli: Invocation, limit: Limit = 20) -> None:
    """List the latest runs of pipelines.

    Args:
        cli: The call.
        limit: At most so many.
    """
    rows = cli.lake().runs(limit)
    cells: Cells = {
        "date (UTC)": lambda row: moment(row["date"]),
        "pipeline": lambda row: row["pipeline"],
        "destination": lambda row: row["destination"],
        "status": lambda row: row["status"],
        "rows": lambda row: count(row["rows"]),
        "time": lambda row: seconds(row["seconds"]),
    }
    listing(cli, rows, cells, "no run so far; begin with: ducklake run --all")
    _explain(cli, rows, lambda row: str(row["pipeline"]))


def quality(cli: Invocation, limit: Limit = 20) -> None:
    """List the latest quality checks.

    Args:
        cli: The call.
        limit: At most so many.
    """
    rows = cli.lake().quality(limit)
    cells: Cells = {
        "date (UTC)": lambda row: moment(row["date"]),
        "pipeline": lambda row: row["pipeline"],
        "check": lambda row: row["type"],
        "columns": lambda row: text(row["columns"]),
        "result": lambda row: "passed" if row["passed"] else "failed" if row["severity"] == "error" else "warn",
        "failed": lambda row: count(row["failed_rows"]),
    }
    listing(cli, rows, cells, "no check so far; quality_checks in config/pipelines.yaml are run by: ducklake run")
    if any(row["samples"] for row in rows):
        cli.say(f"\n{title('why')}")
    for row in rows:
        for sample in row["samples"]:
            shown = ", ".join(f"{name}={'NULL' if value is None else value}" for name, value in sample.items())
            cli.say(f"{row['pipeline']}: {row['type']}({text(row['columns'])}): {shown}")


def show(
    cli: Invocation,
    table: Annotated[str, typer.Argument(metavar="TABLE", help="layer.domain.table", autocompletion=completion.tables)],
    distinct: Annotated[
        bool, typer.Option("--distinct", help="Read the table, and estimate how many distinct values each column has.")
    ] = False,
) -> None:
    """Show one table: columns with statistics, schema history, versions, files.

    Args:
        cli: The call.
        table: Its name.
        distinct: Whether to estimate numbers of distinct values, marked `~`.
    """
    lake = cli.lake()
    with cli.working() if distinct else contextlib.nullcontext():
        facts = lake.show(table, distinct=distinct)
    cli.document([facts])
    if cli.json:
        return
    from ducklake.cli.table_page import write_page

    write_page(cli, facts, lake.project.settings.data_path)


def rebuild(cli: Invocation) -> None:
    """Make a missing catalog anew from the files of the lake.

    The history of failures, runs and checks is lost; tables, files, versions and schemas come back.

    Args:
        cli: The call.
    """
    lake = cli.lake()
    with cli.working():
        result = lake.rebuild_catalog()
    for line in result.skipped:
        cli.warn(f"left out: {line}")
    for line in result.gaps:
        cli.warn(line)
    facts = {"tables": result.tables, "extractions": result.extractions, "versions": result.versions}
    cli.document([facts])
    cli.report(f"restored {', '.join(count(number, noun.removesuffix('s')) for noun, number in facts.items())}")
    cli.report("the history of failures, runs and checks is lost, and so are the statistics of columns until tables land or run again")


def verify(
    cli: Invocation,
    tables: Annotated[
        list[str] | None, typer.Argument(metavar="[TABLE]...", help="layer.domain.table; none: all", autocompletion=completion.tables)
    ] = None,
) -> None:
    """Read every file of the lake and compare its size and sha256 with the catalog.

    Ends with exit code 1 if a file is missing or holds something else than was committed.

    Args:
        cli: The call.
        tables: Just these.
    """
    with cli.working():
        count_read, findings = cli.lake().verify(*tables or ())
    rows = [{"table": str(finding.ref), "path": finding.path, "status": "error", "error": finding.problem} for finding in findings]
    problems = [
        Problem("damaged", f"{finding.ref}: {finding.path} {finding.problem}", "restore the file from a backup") for finding in findings
    ]
    for problem in problems:
        write_problem(problem, cli.redact)
    cli.document(rows, problems, files=count_read)
    cli.report(f"{count(count_read, 'file')} read, {len(findings)} of them damaged or missing")
    if findings:
        raise typer.Exit(1)


def _explain(cli: Invocation, rows: Sequence[Mapping[str, Any]], label: Callable[[Mapping[str, Any]], str]) -> None:
    """Say below a listing why something failed: too long for a cell."""
    if cli.json:
        return
    failures = [(row["date"], label(row), row["error"]) for row in rows if row["error"]]
    if failures:
        cli.say(f"\n{title('why')}")
    for date, what, cause in failures:
        cli.say(f"{moment(date)}  {what}: {cause}")


command = group(
    "catalog",
    "List the tables of the lake: rows, size, last change, last status.",
    {"show": show, "extractions": extractions, "runs": runs, "quality": quality, "rebuild": rebuild, "verify": verify},
    alone=tables,
)
