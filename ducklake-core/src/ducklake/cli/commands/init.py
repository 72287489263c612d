"""`ducklake init`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ducklake.cli.app import usage_error
from ducklake.cli.invocation import Invocation
from ducklake.cli.render import count
from ducklake.scaffold import create_project


def command(
    cli: Invocation,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new folder's name; `.` for the folder of --path itself.")],
    path: Annotated[Path, typer.Option("--path", metavar="DIR", help="Where to make it.")] = Path(),
) -> None:
    """Make a new lake project: configuration to fill in, and folders for the data.

    A file that exists is never overwritten, so a second call only adds what is missing.

    Args:
        cli: The call.
        name: The folder's name.
        path: Where to make it.
    """
    if name in ("", "..") or (Path(name).name != name.rstrip("/") and name != "."):
        raise usage_error(f"{name!r} is no plain folder name", hint=f"ducklake init {Path(name).name or 'NAME'} --path {Path(name).parent}")
    target = path / name
    made = create_project(target)
    kept = [file.path for file in made if not file.created]
    cli.document(({"path": file.path, "status": "created" if file.created else "kept"} for file in made), project=str(target.resolve()))
    cli.report(f"Made {target}: {count(len(made) - len(kept), 'new file')}{f', {len(kept)} kept as they were' if kept else ''}")
    cli.report()
    cli.report("Next:")
    if name != ".":
        cli.report(f"  cd {shlex.quote(str(target))}")
    cli.report("  ducklake add-source            add a source; or edit config/sources.yaml (*.yaml.example name every option)")
    cli.report("  ducklake validate              check it")
    cli.report("  ducklake extract --all         copy the sources into data/raw")
    cli.report('  ducklake query "SELECT ..."    look at it')
