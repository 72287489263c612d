"""`ducklake test-connection`."""

from __future__ import annotations

from typing import Annotated

import typer

from ducklake.cli import completion
from ducklake.cli.invocation import Invocation

_SHOWN = 20
"""Tables that are named for people; `--json` names all."""


def command(
    cli: Invocation,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A name out of sources.yaml.", autocompletion=completion.sources)],
) -> None:
    """Reach a source and say what answers: latency, server, encryption, missing rights, clock difference, tables.

    Nothing is extracted. A source that cannot be reached is exit 4; rights that are missing are shown, and no failure.

    Args:
        cli: The call.
        source: Its name.
    """
    lake = cli.lake()
    with cli.working():
        found = lake.test_connection(source)
    cli.document([found])
    tables = found["tables"]
    cli.say(f"{source}: {found['server'] or found['type']} answers in {found['latency_ms']:g} ms")
    if found["tls"] is not None:
        cli.say(f"  encryption: {found['tls']}")
    if found["clock_difference_s"] is not None:
        cli.say(f"  clock: {found['clock_difference_s']:+g} s against this machine")
    for line in found["missing_rights"]:
        cli.say(f"  missing right: {line}")
    rest = f", ... ({len(tables) - _SHOWN} more)" if len(tables) > _SHOWN else ""
    cli.say(f"  {len(tables)} tables: {', '.join(tables[:_SHOWN])}{rest}")
