"""`ducklake run`."""

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
    pipelines: Annotated[
        list[str] | None,
        typer.Argument(metavar="PIPELINE", show_default=False, help="Names out of pipelines.yaml.", autocompletion=completion.pipelines),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All enabled pipelines.")] = False,
    with_upstream: Annotated[bool, typer.Option("--with-upstream", help="Also the pipelines that they read from.")] = False,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Run also where nothing has changed.")] = False,
    wait: Wait = 0,
) -> None:
    """Run pipelines in the order of their dependencies: raw to staging to consume.

    A pipeline publishes its table only if its quality checks pass; else the last good table stays. One whose inputs,
    configuration and plugins are those of the table as it is has nothing to do and is skipped.

    Args:
        cli: The call.
        pipelines: Names.
        everything: Whether to take all.
        with_upstream: Whether to add what they depend on.
        full_refresh: Whether to run those that have nothing to do.
        wait: Seconds.
    """
    one_of("pipelines", pipelines, everything)
    lake = cli.lake(wait=wait)
    with watched(cli) as progress:
        result = lake.run(*(pipelines or ()), all=everything, with_upstream=with_upstream, full_refresh=full_refresh, progress=progress)
    finish(cli, result)
