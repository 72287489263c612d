"""The commands, by name and module: `--help` shows them without importing any."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from ducklake.cli.errors import write_line
from ducklake.cli.options import lightly, with_globals
from ducklake.errors import ConfigurationError, DuckLakeError, PluginError, did_you_mean
from ducklake.plugins.firstparty import package_of


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A command before it is imported.

    Attributes:
        target: `package.module:name` of a function, or of a `typer.Typer` with commands below.
        help: One line.
        section: The heading of `--help` under which it stands.
    """

    target: str
    help: str
    section: str


def _own(name: str, text: str, section: str) -> tuple[str, Entry]:
    return name, Entry(f"ducklake.cli.commands.{name}:command", text, section)


COMMANDS: Mapping[str, Entry] = dict(
    [
        _own("init", "Make a new lake project.", "Start"),
        _own("demo", "Watch a whole lake work, on generated data.", "Start"),
        _own("validate", "Check all configuration; no source is touched.", "Configure"),
        _own("config", "Print the JSON Schema of the configuration.", "Configure"),
        _own("plugins", "List what is installed, why one is broken; make new ones.", "Configure"),
        (
            "test-connection",
            Entry("ducklake.cli.commands.test_connection:command", "Reach a source: latency, encryption, rights, tables.", "Configure"),
        ),
        _own("extract", "Copy tables of sources into raw.", "Work"),
        _own("run", "Run pipelines: raw to staging to consume, checked.", "Work"),
        _own("plan", "Show what a pipeline would do, without doing it.", "Work"),
        _own("rollback", "Make an earlier version of a table the current one.", "Work"),
        _own("catalog", "List tables, extractions, runs and checks.", "Look"),
        _own("query", "Run SQL over the lake, read only.", "Look"),
    ]
)
PLUGIN_SECTION = "From plugins"


class LazyGroup(TyperGroup):
    """The command `ducklake`: imports a command's module when it is typed, and asks plugins last."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of `--help`."""
        return list(_entries())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported now; None if nobody knows it."""
        entry = COMMANDS.get(cmd_name) or _entries().get(cmd_name)
        if entry is None:
            return None
        try:
            return load(cmd_name, entry.target)
        except Exception as error:
            if ctx.resilient_parsing:
                return None
            if entry.section == PLUGIN_SECTION:
                raise PluginError(f"command {cmd_name} of a plugin cannot be loaded: {error}", hint="ducklake plugins --check") from error
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As typer's, with a hint for a name that nobody knows."""
        if not ctx.resilient_parsing and args[0] not in COMMANDS and args[0] not in (known := _entries()):
            package = package_of("command", args[0])
            raise usage_error(f"no command {args[0]!r}", f"pip install {package}" if package else did_you_mean(args[0], known, "commands"))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, section by section, without importing them."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, entry in _entries().items():
            sections.setdefault(entry.section, []).append((name, entry.help))
        width = max(len(name) for rows in sections.values() for name, _ in rows)
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])


def usage_error(message: str, hint: str | None = None) -> ConfigurationError:
    """What is raised where the command line is wrong.

    Args:
        message: One line.
        hint: What to type instead.
    """
    return ConfigurationError(message, hint=hint, code="usage")


def one_of(what: str, names: Sequence[str] | None, everything: bool) -> None:
    """Refuse a command line with neither names nor `--all`, or with both.

    Args:
        what: `sources` or `pipelines`.
        names: What was typed.
        everything: Whether `--all` was.

    Raises:
        ConfigurationError: It is not one of the two.
    """
    if everything and names:
        raise usage_error(f"name {what} or --all, not both")
    if not everything and not names:
        command = "extract" if what == "sources" else "run"
        raise usage_error(f"name one or more {what}, or --all", hint=f"ducklake {command} --all")


def _entries() -> dict[str, Entry]:
    """Core's commands, then those of plugins; a name of core's stays core's."""
    from ducklake.plugins.manager import PluginManager

    try:
        found = PluginManager().commands()
    except DuckLakeError as error:
        write_line("warning", f"commands of plugins are left out: {error}")
        return dict(COMMANDS)
    return {**COMMANDS, **{name: Entry(target, text, PLUGIN_SECTION) for name, target, text in found if name not in COMMANDS}}


def load(name: str, target: str) -> Any:
    """Import a command.

    Args:
        name: What the user types.
        target: `package.module:name`.
    """
    module, _, attribute = target.partition(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        return lightly(get_command(found))
    app = new_app()
    _add(app, name, found, name)
    return lightly(get_command(app))


def new_app(**settings: Any) -> typer.Typer:
    """An app as all parts of the CLI are: plain help, no completion options of its own.

    Args:
        **settings: For `typer.Typer`.
    """
    return typer.Typer(
        **{"add_completion": False, "rich_markup_mode": None, "pretty_exceptions_enable": False, "add_help_option": False, **settings}
    )


def group(name: str, text: str, below: Mapping[str, Callable[..., Any]], alone: Callable[..., Any] | None = None) -> typer.Typer:
    """A command with commands below it.

    Args:
        name: What the user types.
        text: What it is about.
        below: The commands below, by name.
        alone: What the command does without one of them; None shows the help.
    """
    metavar = "COMMAND ..." if alone is None else "[COMMAND] ..."
    app = new_app(name=name, help=text, no_args_is_help=alone is None, subcommand_metavar=metavar)
    app.callback(invoke_without_command=alone is not None)(with_globals(alone or _nothing, name))
    for word, function in below.items():
        _add(app, word, function, f"{name} {word}")
    return app


def _add(app: typer.Typer, word: str, function: Callable[..., Any], name: str) -> None:
    text = inspect.cleandoc(function.__doc__ or "").partition("\n\nArgs:")[0]
    app.command(word, add_help_option=False, help=text, short_help=text.partition("\n\n")[0])(with_globals(function, name))


def _nothing() -> None:
    """Do nothing before the command below."""
