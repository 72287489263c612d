"""`ducklake plugins`."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from ducklake.cli.errors import write_problem
from ducklake.cli.installed import plugin_manager
from ducklake.cli.invocation import Invocation
from ducklake.cli.render import count, write_table
from ducklake.errors import Problem


def command(
    cli: Invocation,
    check: Annotated[bool, typer.Option("--check", help="Import each, and say why one is broken; exit 2 if one is.")] = False,
) -> None:
    """List the plugins that are installed, from their packages' metadata.

    Works without a lake; within one, its settings say which plugins are required or switched off.

    Args:
        cli: The call.
        check: Whether to import them.
    """
    manager = plugin_manager(cli)
    with cli.working() if check else contextlib.nullcontext():
        found = manager.all_plugins(check)
        required = manager.required_problems() if check else []
    broken = [info for info in found if info.status == "broken"]
    problems = [Problem("broken_plugin", f"{info.id} of {info.title} is broken: {info.error}", info.hint) for info in broken]
    problems += required
    cli.document((info.to_json() for info in found), problems)
    if not cli.json:
        headings = ("kind", "name", "status", "package", "version")
        cells = [(info.kind, info.name, info.status, info.distribution, info.version) for info in found]
        if check:
            headings = ("kind", "name", "status", "package", "provides")
            cells = [(info.kind, info.name, info.status, info.distribution, _provides(info.kind, info.provides)) for info in found]
        write_table(headings, cells, right=())
        cli.report(f"\n{count(len(found), 'plugin')}" + (f", {len(problems)} broken or missing" if problems else ""))
    for problem in problems:
        write_problem(problem)
    if problems:
        raise typer.Exit(2)


def _provides(kind: str, names: tuple[str, ...]) -> str:
    """What was registered, without repeating the kind."""
    return ", ".join(name.removeprefix(f"{kind}.").removeprefix("check.") for name in names)
