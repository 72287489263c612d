"""`ducklake extract`."""

from __future__ import annotations

from typing import Annotated

import typer

from ducklake.cli import completion
from ducklake.cli.app import one_of
from ducklake.cli.invocation import Invocation
from ducklake.cli.options import Wait
from ducklake.cli.outcome import finish
from ducklake.cli.progress import watched


def command(
    cli: Invocation,
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE", show_default=False, help="Names out of sources.yaml.", autocompletion=completion.sources),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All enabled sources.")] = False,
    tables: Annotated[
        list[str] | None, typer.Option("--table", metavar="TABLE", show_default=False, help="Only this table; may be repeated.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything anew, also where increments are extracted.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, metavar="N", help="Extract so many tables at once.")] = 1,
    wait: Wait = 0,
) -> None:
    """Copy tables of sources into raw, each as a whole or not at all.

    Files, and tables with a key column, land only what is new since the last time. One table's failure does not stop the others.

    Args:
        cli: The call.
        sources: Names.
        everything: Whether to take all.
        tables: Only these.
        full: Whether to begin anew.
        jobs: Tables at once.
        wait: Seconds.
    """
    one_of("sources", sources, everything)
    lake = cli.lake(wait=wait)
    with watched(cli) as progress:
        result = lake.extract(*(sources or ()), all=everything, tables=tuple(tables or ()), full=full, progress=progress, jobs=jobs)
    finish(cli, result)
