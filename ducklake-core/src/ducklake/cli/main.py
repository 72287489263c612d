"""The entry point `ducklake`."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer
from typer.main import get_command

from ducklake.cli.app import LazyGroup, new_app, usage_error
from ducklake.cli.errors import failed
from ducklake.cli.invocation import Invocation
from ducklake.cli.options import lightly, with_globals
from ducklake.cli.signals import leave, watch

_USAGE: Any = typer.BadParameter.__bases__[0]
"""Typer's base of wrong command lines, wherever its version keeps it."""

HELP = "DuckLake: a data lake on DuckDB. Sources in YAML become Parquet in raw, staging and consume."
EPILOG = "Begin with `ducklake demo`, or `ducklake init NAME`. Every command explains itself: `ducklake COMMAND --help`."


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and leave with its exit code.

    Args:
        arguments: What was typed behind `ducklake`; by default the process's own.
    """
    args = list(sys.argv[1:] if arguments is None else arguments)
    cli = Invocation(json="--json" in args[: args.index("--") if "--" in args else None])
    _prepare_streams()
    watch(cli)
    code = _run(cli, args)
    if cli.signal is not None:
        leave(cli)
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End the process; where it ran plugins they may no longer print, and those that are stuck are not waited for."""
    guard = sys.modules.get("ducklake.run.guard")
    if guard is not None:
        guard.close_stdout()
    limit = sys.modules.get("ducklake.plugins.limit")
    if limit is not None and limit.STUCK:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _run(cli: Invocation, args: list[str]) -> int:
    try:
        code = _root()(args=args, prog_name="ducklake", standalone_mode=False, obj=cli)
        sys.stdout.flush()
    except _USAGE as error:
        return _misused(cli, error)
    except (Exception, KeyboardInterrupt) as error:
        return failed(cli, error)
    return code if isinstance(code, int) else 0


def _misused(cli: Invocation, error: Any) -> int:
    path = error.ctx.command_path if error.ctx is not None else "ducklake"
    cli.command = cli.command or path.removeprefix("ducklake").strip()
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(error.message + "\n")
        cli.document(errors=usage_error("no command was given", hint=f"{path} --help").problems)
        return 2
    message = error.format_message().rstrip(".").replace("Value error, ", "")
    return failed(cli, usage_error(message[:1].lower() + message[1:], hint=f"{path} --help"))


def _root() -> Any:
    app = new_app(
        cls=LazyGroup,
        help=HELP,
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=True,
        subcommand_metavar="COMMAND ...",
    )
    app.callback()(with_globals(_options))
    return lightly(get_command(app))


def _version(wanted: bool) -> None:
    if wanted:
        import platform
        from importlib.metadata import version

        from ducklake import __version__

        sys.stdout.write(f"ducklake {__version__} (DuckDB {version('duckdb')}, Python {platform.python_version()})\n")
        raise typer.Exit


def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Take the options that stand before the command."""


def _prepare_streams() -> None:
    """Never fail at a character that a terminal's encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
