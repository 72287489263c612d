"""The options that every command takes, before and after its name."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ducklake.cli.errors import failed
from ducklake.cli.invocation import Invocation

Project = Annotated[str | None, typer.Option("--project", "-C", metavar="DIR", help="The lake's folder [default: here or above].")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Verbose = Annotated[int, typer.Option("--verbose", "-v", count=True, show_default=False, help="Say more; tracebacks too.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only what failed, and results asked for.")]

Wait = Annotated[
    float, typer.Option("--wait", min=0, show_default=False, metavar="SECONDS", help="Wait so long for tables that another process holds.")
]
"""For commands that write; what is held fails at once without it."""


def _show_help(ctx: typer.Context, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        sys.stdout.write(ctx.get_help() + "\n")
        raise typer.Exit


Help = Annotated[
    bool, typer.Option("--help", "-h", is_eager=True, expose_value=False, callback=_show_help, help="Show this message and leave.")
]

_GLOBAL: dict[str, tuple[Any, Any]] = {"project": (Project, None), "json": (Json, False), "verbose": (Verbose, 0), "quiet": (Quiet, False)}

PLAIN = (["--project", "-C"], ["--verbose", "-v"])
"""Options whose values the parser alone makes right."""


def apply(cli: Invocation, *, project: str | None = None, json: bool = False, verbose: int = 0, quiet: bool = False) -> None:
    """Add what the options say at one place of the command line; the later `-C` wins.

    Args:
        cli: The call.
        project: The lake's folder.
        json: Whether to print a document.
        verbose: How often `-v` was given there.
        quiet: Whether to leave out what only reports.
    """
    cli.project = Path(project) if project is not None else cli.project
    cli.json |= json
    cli.verbose += verbose
    cli.quiet |= quiet


def with_globals(function: Callable[..., Any], name: str | None = None) -> Callable[..., Any]:
    """What typer makes a command of: the function's own parameters and the global options.

    Args:
        function: Gets the `Invocation` where a parameter is annotated so, and typer's context likewise (its `obj`
            is the `Invocation`). An option of its own that has the name of a global one stays its own.
        name: The command's name in the document; None leaves it as it is.
    """
    own = inspect.signature(function, eval_str=True).parameters
    lent = {
        key: parameter.annotation for key, parameter in own.items() if parameter.annotation in (Invocation, *typer.Context.__mro__[:-1])
    }
    shared = {key: value for key, value in _GLOBAL.items() if key not in own}

    def call(**given: Any) -> Any:
        context, _ = given.pop("ducklake_context"), given.pop("ducklake_help", None)
        cli: Invocation = context.find_object(Invocation)
        apply(cli, **{key: given.pop(key) for key in shared})
        if context.invoked_subcommand is not None:
            return None
        cli.command = name or cli.command
        given |= {key: cli if annotation is Invocation else context for key, annotation in lent.items()}
        try:
            return function(**given)
        except (KeyboardInterrupt, OSError) as error:  # typer has answers of its own for these
            raise typer.Exit(failed(cli, error)) from None

    parameters = [inspect.Parameter("ducklake_context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    parameters += [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for key, p in own.items() if key not in lent]
    parameters += [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
        for key, (annotation, default) in {**shared, "ducklake_help": (Help, False)}.items()
    ]
    vars(call)["__signature__"] = inspect.Signature(parameters)
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    call.__name__, call.__doc__ = function.__name__, function.__doc__
    return call


def lightly(command: Any) -> Any:
    """Let options that were not typed, and global ones, pass without typer's validation: it imports pydantic, 0.15 s.

    Args:
        command: What typer made; commands below it are treated likewise.
    """
    for parameter in command.params:
        parameter.process_value = _process(parameter)
    for below in getattr(command, "commands", {}).values():
        lightly(below)
    return command


def _process(parameter: Any) -> Callable[[Any, Any], Any]:
    validate = parameter.process_value

    def process(context: Any, value: Any) -> Any:
        if value is None and not parameter.required and parameter.nargs == 1 and not parameter.multiple:
            return None if parameter.callback is None else parameter.callback(context, parameter, None)
        return value if parameter.opts in PLAIN else validate(context, value)

    return process
