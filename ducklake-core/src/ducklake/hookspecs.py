"""Every hook of DuckLake, and nothing else.

A plugin is a module that an entry point of group `ducklake` names as `KIND.NAME`; it says `api = 1` and
implements hooks with `ducklake.hookimpl`. A hook may leave out parameters that it does not need. Registration
hooks are called when the plugin is loaded: if one raises, nothing of that plugin is registered, the failure is
kept and shown by `ducklake plugins --check`, and every other plugin goes on. Observer hooks are called while
work is done: if one raises, that is a warning that names the plugin, and the work goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from ducklake.api.events import QualityFailure, RunEvent, SchemaChange, StepEvent
    from ducklake.api.registrar import (
        CommandRegistrar,
        ConnectorRegistrar,
        EngineRegistrar,
        QualityCheckRegistrar,
        TransformRegistrar,
        WriterRegistrar,
    )

hookspec = pluggy.HookspecMarker("ducklake")


@hookspec
def register_connectors(register: ConnectorRegistrar) -> None:
    """Offer types of sources.

    Called once, when a plugin of kind `connector` is loaded.

    Args:
        register: Takes `Connector` classes, one call each.

    Example:
        @hookimpl
        def register_connectors(register):
            register(CsvConnector)
    """


@hookspec
def register_transforms(register: TransformRegistrar) -> None:
    """Offer types of pipeline steps.

    Called once, when a plugin of kind `transform` is loaded.

    Args:
        register: Takes `Transform` and `PythonTransform` classes, one call each.

    Example:
        @hookimpl
        def register_transforms(register):
            register(Rename)
    """


@hookspec
def register_quality_checks(register: QualityCheckRegistrar) -> None:
    """Offer types of quality checks.

    Called once, when a plugin of kind `check` or `checks` is loaded.

    Args:
        register: Takes `QualityCheck` classes, one call each.

    Example:
        @hookimpl
        def register_quality_checks(register):
            register(NotNull)
            register(Unique)
    """


@hookspec
def register_writers(register: WriterRegistrar) -> None:
    """Offer storage formats for tables of the lake.

    Called once, when a plugin of kind `writer` is loaded.

    Args:
        register: Takes `StorageWriter` classes, one call each.

    Example:
        @hookimpl
        def register_writers(register):
            register(ParquetWriter)
    """


@hookspec
def register_engines(register: EngineRegistrar) -> None:
    """Offer SQL engines.

    Called once, when a plugin of kind `engine` is loaded.

    Args:
        register: Takes `Engine` classes, one call each.

    Example:
        @hookimpl
        def register_engines(register):
            register(DuckDBEngine)
    """


@hookspec
def register_commands(register: CommandRegistrar) -> None:
    """Offer commands of the CLI, by name, dotted path and help text.

    Called once, when a plugin of kind `command` is loaded: for `--help` and for a command that core does not
    know. The module that holds the command is imported only when it is typed.

    Args:
        register: Takes name, target and help, one call a command.

    Example:
        @hookimpl
        def register_commands(register):
            register("hello", "my_package.hello:hello", "Say hello.")
    """


@hookspec
def before_run(event: RunEvent) -> None:
    """A command begins to extract or run, after its plan was made.

    Args:
        event: The command and the names it was called with.

    Example:
        @hookimpl
        def before_run(event):
            print(event.command, file=sys.stderr)
    """


@hookspec
def after_run(event: RunEvent) -> None:
    """A command has ended, also after failures.

    Args:
        event: As `before_run`, with the exit code.

    Example:
        @hookimpl
        def after_run(event):
            ping(event.exit_code)
    """


@hookspec
def before_step(event: StepEvent) -> None:
    """A table's extraction or a pipeline begins.

    Args:
        event: Which table.

    Example:
        @hookimpl
        def before_step(event):
            started[event.id] = time.monotonic()
    """


@hookspec
def after_step(event: StepEvent) -> None:
    """A table's extraction or a pipeline has ended well (`success`, `empty` or `skipped`).

    Args:
        event: Which table, its rows and duration.

    Example:
        @hookimpl
        def after_step(event):
            metrics.rows(str(event.table), event.rows)
    """


@hookspec
def on_step_error(event: StepEvent) -> None:
    """A table's extraction or a pipeline has failed; the others go on.

    Args:
        event: Which table, and the error's message without secrets.

    Example:
        @hookimpl
        def on_step_error(event):
            notify(f"{event.table}: {event.error}")
    """


@hookspec
def after_commit(event: StepEvent) -> None:
    """A table's new data is committed: from now on every reader sees it.

    Args:
        event: Which table and id.

    Example:
        @hookimpl
        def after_commit(event):
            refresh_dashboard(event.table)
    """


@hookspec
def on_schema_change(change: SchemaChange) -> None:
    """A source's table came with other columns than last time; the new schema version is committed.

    Args:
        change: What was added, dropped and retyped.

    Example:
        @hookimpl
        def on_schema_change(change):
            notify(f"{change.table}: {', '.join(change.added)} are new")
    """


@hookspec
def on_quality_failure(failure: QualityFailure) -> None:
    """A quality check failed; with severity `error` nothing was published.

    Args:
        failure: Which check of which pipeline.

    Example:
        @hookimpl
        def on_quality_failure(failure):
            notify(f"{failure.table}: {failure.check}")
    """


@hookspec(firstresult=True)
def resolve_secret(reference: str) -> str | None:
    """Answer `${secret:REFERENCE}` in configuration; the first answer that is not None counts.

    Called while configuration is resolved, in plugins of kind `secrets`.

    Args:
        reference: What stands behind `secret:`.

    Returns:
        The secret, or None if this plugin does not know it.

    Example:
        @hookimpl
        def resolve_secret(reference):
            return keyring.get_password("ducklake", reference)
    """
