"""`ducklake rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from ducklake.cli import completion
from ducklake.cli.invocation import Invocation


def command(
    cli: Invocation,
    table: Annotated[str, typer.Argument(metavar="TABLE", help="layer.domain.table", autocompletion=completion.tables)],
    to: Annotated[int | None, typer.Option("--to", metavar="VERSION", help="Its number; by default the one before the current.")] = None,
    wait: Annotated[float, typer.Option("--wait", min=0, metavar="SECONDS", help="Wait for a table that another process holds.")] = 0,
) -> None:
    """Make an earlier version of a staging or consume table the current one.

    The versions after it stay as long as `retention.versions` keeps them, so that one can go forward again.

    Args:
        cli: The call.
        table: Its name.
        to: Number of the version.
        wait: Seconds to wait for a table that another process holds.
    """
    done = cli.lake(wait=wait).rollback(table, to)
    cli.document([done])
    cli.report(f"{done['table']}: version {done['version']} is the current one (was {done['before']})")
