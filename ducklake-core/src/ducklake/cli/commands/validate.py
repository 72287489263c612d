"""`ducklake validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from ducklake.cli.errors import write_line, write_problem
from ducklake.cli.invocation import Invocation
from ducklake.cli.render import count
from ducklake.errors import ConfigurationError

if TYPE_CHECKING:
    from ducklake.lake import Lake


def _lake(cli: Invocation) -> Lake:
    """The lake, also where its configuration cannot be loaded: `validate` then says all that is wrong."""
    try:
        return cli.lake()
    except ConfigurationError:
        from ducklake.lake import Lake

        return Lake(cli.project)


def command(cli: Invocation) -> None:
    """Check all configuration, and every pipeline against the tables that are known.

    All errors are shown at once. No source is touched and nothing is written.

    Args:
        cli: The call.
    """
    lake = _lake(cli)
    with cli.working():
        report = lake.validate()
    for problem in report.problems:
        write_problem(problem, cli.redact)
    for note in report.notes:
        if not cli.quiet:
            write_line("note", cli.redact(note))
    cli.document(errors=report.problems, notes=list(report.notes), sources=report.sources, pipelines=report.pipelines)
    if report.problems:
        cli.report(count(len(report.problems), "problem"))
        raise typer.Exit(2)
    cli.report(f"ok: {count(report.sources, 'source')}, {count(report.pipelines, 'pipeline')}")
