"""`ducklake plugins` and `ducklake plugins new`."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import Annotated

import typer

from ducklake.cli.app import COMMANDS, group, usage_error
from ducklake.cli.errors import write_problem
from ducklake.cli.installed import plugin_manager
from ducklake.cli.invocation import Invocation
from ducklake.cli.plugin_package import create_package, distribution, refuse_name
from ducklake.cli.render import count, write_table
from ducklake.errors import Problem
from ducklake.plugins.firstparty import package_of


def listing(
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


def new(
    cli: Invocation,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND", help="connector, transform, check, checks (several of them), writer, engine, observer, command or secrets."
        ),
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What configuration calls it: the word behind `type:`, or the command.")],
    path: Annotated[Path, typer.Option("--path", metavar="DIR", help="Where to make its folder.")] = Path(),
) -> None:
    """Make a package for a new plugin: it installs, registers and passes its own tests as it stands.

    The folder ducklake-KIND-NAME holds typed source, a conformance test, a README and a CI file. Nothing is ever overwritten.

    Args:
        cli: The call.
        kind: Of the plugin.
        name: Of the plugin.
        path: Where to make it.
    """
    refuse_name(kind, name)
    if kind == "command" and name in COMMANDS:
        raise usage_error(f"'{name}' is a command of ducklake itself, which no plugin can replace", "choose another name")
    package = distribution(kind, name)
    if kind != "command" and package_of({"checks": "check"}.get(kind, kind), name):
        cli.warn(f"DuckLake has a {kind} '{name}' of its own; where both are installed, neither can be used")
    target = path / package
    made = create_package(kind, name, target)
    cli.document(({"path": file, "status": "created"} for file in made), project=str(target.resolve()))
    cli.report(f"Made {target}: {count(len(made), 'file')}")
    cli.report()
    cli.report("Next:")
    cli.report(f"  cd {shlex.quote(str(target))}")
    cli.report('  pip install -e ".[dev]"        install it, with what its tests need (with uv: uv pip install ...)')
    cli.report("  pytest                         what DuckLake expects of it")
    cli.report("  ducklake plugins --check       see it registered")


def _provides(kind: str, names: tuple[str, ...]) -> str:
    """What was registered, without repeating the kind."""
    return ", ".join(name.removeprefix(f"{kind}.").removeprefix("check.") for name in names)


command = group(
    "plugins",
    "List the plugins that are installed, from their packages' metadata.\n\n"
    "Works without a lake; within one, its settings say which plugins are required or switched off.",
    {"new": new},
    alone=listing,
)
