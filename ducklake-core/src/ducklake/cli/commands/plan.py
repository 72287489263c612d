"""`ducklake plan`."""

from __future__ import annotations

from typing import Annotated

import typer

from ducklake.cli import completion
from ducklake.cli.invocation import Invocation


def command(
    cli: Invocation,
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="A name out of pipelines.yaml.", autocompletion=completion.pipelines)],
) -> None:
    """Show what a pipeline would do: its inputs, its SQL, its checks, what it would write. Nothing is run.

    Args:
        cli: The call.
        pipeline: Its name.
    """
    lake = cli.lake()
    with cli.working():
        plan = lake.plan(pipeline)
    from ducklake.plan.explain import explain, lines

    cli.document([explain(plan)])
    for line in lines(plan):
        cli.say(line)
