"""What `extract` and `run` did, for people and as a document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from ducklake.cli.errors import write_line, write_problem
from ducklake.cli.invocation import Invocation
from ducklake.cli.render import count, seconds, write_table

if TYPE_CHECKING:
    from ducklake.api.results import CheckOutcome, CommandResult, TableResult


def finish(cli: Invocation, result: CommandResult) -> None:
    """Print a result and leave with its exit code.

    Args:
        cli: The call.
        result: What `Lake` returned.

    Raises:
        Exit: Always; typer's way to an exit code.
    """
    for warning in result.warnings:
        cli.warn(warning)
    show(cli, result)
    cli.document((item.to_json() for item in result.results), [item.error for item in result.results if item.error is not None])
    raise typer.Exit(result.exit_code)


def show(cli: Invocation, result: CommandResult) -> None:
    """Print a result for people: a table on stdout; why something failed on stderr.

    Args:
        cli: The call.
        result: What `Lake` returned.
    """
    if not cli.json and not cli.quiet and result.results:
        write_results(result.results)
        cli.report(f"\n{summary(result)}")
    if not result.results:
        what = "source" if result.command == "extract" else "pipeline"
        cli.report(f"nothing to do: config/{what}s.yaml has no {what} that is enabled")
    for item in result.results:
        for note in item.notes:
            if not cli.quiet:
                write_line("note", cli.redact(f"{label(item)}: {note}"))
        for check in item.checks:
            if not check.passed and check.severity != "error":
                cli.warn(f"{label(item)}: {describe(check)}")
        if item.error is not None:
            write_problem(item.error, cli.redact)


def write_results(results: Sequence[TableResult], indent: str = "") -> None:
    """Print a table, a row a result.

    Args:
        results: Of one command.
        indent: What stands before every line.
    """
    if any(item.pipeline is not None for item in results):
        rows = [
            (item.pipeline or "", item.table or "-", item.status, count(item.rows), seconds(item.seconds), checks(item.checks))
            for item in results
        ]
        write_table(("pipeline", "table", "status", "rows", "time", "checks"), rows, indent=indent)
        return
    write_table(
        ("source", "table", "status", "rows", "time"),
        [(item.source or "", item.table or "-", item.status, count(item.rows), seconds(item.seconds)) for item in results],
        indent=indent,
    )


def label(item: TableResult) -> str:
    """What a line about a result begins with.

    Args:
        item: The result.
    """
    return item.pipeline or ".".join(filter(None, (item.source, item.table)))


def checks(outcomes: Sequence[CheckOutcome]) -> str:
    """Checks in one cell: `4 passed`, or `1 failed of 4`.

    Args:
        outcomes: Of one pipeline.
    """
    failed = sum(not check.passed and check.severity == "error" for check in outcomes)
    warned = sum(not check.passed and check.severity != "error" for check in outcomes)
    parts = [f"{number} {word}" for number, word in ((failed, "failed"), (warned, "warned")) if number]
    if parts:
        return f"{', '.join(parts)} of {len(outcomes)}"
    return f"{len(outcomes)} passed" if outcomes else "-"


def describe(check: CheckOutcome) -> str:
    """A check that did not pass, in a line.

    Args:
        check: The check.
    """
    where = f" ({', '.join(check.columns)})" if check.columns else ""
    return f"check {check.type}{where} failed: {check.details or count(check.failed_rows, 'row')}"


def summary(result: CommandResult) -> str:
    """The last line: what was done in all.

    Args:
        result: What `Lake` returned.
    """
    failed = sum(item.status == "error" for item in result.results)
    skipped = sum(item.status == "skipped" for item in result.results)
    done = [item for item in result.results if item.status not in ("error", "skipped")]
    noun = "table" if result.command == "extract" else "pipeline"
    verb = "extracted" if result.command == "extract" else "published"
    text = f"{count(len(done), noun)}, {count(sum(item.rows for item in done), 'row')} {verb}"
    text += f"; {skipped} skipped" if skipped else ""
    return f"{text}; {failed} failed" if failed else text
