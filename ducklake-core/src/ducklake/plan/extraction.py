"""Plans of extractions: each source's connector, its options validated, and what holds for each of its tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ducklake.api.extraction import ExtractRequest, Mode
from ducklake.errors import ConfigurationError, PluginError, Problem, did_you_mean
from ducklake.plan.load import valid_options
from ducklake.plan.model import SourcePlan, TablePlan

if TYPE_CHECKING:
    from ducklake.api.connector import Connector
    from ducklake.config.models import ExtractSettings, SourceConfig, TableSelection
    from ducklake.config.project import Project
    from ducklake.config.redaction import Redactor
    from ducklake.plugins.manager import PluginManager
    from ducklake.plugins.registry import Registered

EVERYTHING = "*"


def plan_extraction(project: Project, manager: PluginManager, names: Iterable[str], tables: Sequence[str] = ()) -> list[SourcePlan]:
    """Plans of some sources, in the order in which they are named.

    The secrets among their options are made known to the project's redactor.

    Args:
        project: The configuration.
        manager: The plugins.
        names: Sources.
        tables: Names or patterns of `--table`, looked up as far as the configuration names tables.

    Raises:
        ConfigurationError: Everything that is wrong with these sources: unknown, variables that are missing, a
            connector that is, options, a mode that the connector does not have.
    """
    plans: list[SourcePlan] = []
    problems: list[Problem] = []
    for name in dict.fromkeys(names):
        source = project.sources.get(name)
        if source is None:
            hint = did_you_mean(name, project.sources, "sources")
            problems.append(Problem("unknown_source", f"no source {name!r} in config/sources.yaml", hint))
        elif plan := plan_source(project, manager, source, problems):
            plans.append(plan)
    if not problems:
        problems.extend(_unknown_tables(plans, tables))
    if problems:
        raise ConfigurationError(problems=problems)
    return plans


def plan_source(project: Project, manager: PluginManager, source: SourceConfig, problems: list[Problem]) -> SourcePlan | None:
    """The plan of one source; None if something is wrong with it.

    Args:
        project: The configuration.
        manager: The plugins.
        source: One of its sources.
        problems: Takes what is wrong.
    """
    before = len(problems)
    problems.extend(source.missing)
    try:
        connector: Registered[Connector[Any]] = manager.connector(source.type)
    except PluginError as error:
        found = error.problem
        problems.append(source.node.problem(found.code, found.message, "type", hint=found.hint))
        return None
    options = valid_options(connector, source.options, problems)
    if source.tables and "tables" not in connector.cls.capabilities:
        message = f"a source of type {source.type} takes no 'tables:'"
        problems.append(
            source.node.problem("unknown_key", message, "tables", hint=f"its keys: {', '.join(connector.cls.Options.model_fields)}")
        )
    planned = tuple(_table(project, source, connector, selection, problems) for selection in source.tables or (None,))
    if options is None or len(problems) > before:
        return None
    reveal_secrets(options, project.redactor)
    return SourcePlan(source.name, connector, options, planned)


def reveal_secrets(options: Any, redactor: Redactor) -> None:
    """Make every secret below a model known to the redactor.

    Args:
        options: A model, or what stands in one.
        redactor: Masks them from now on.
    """
    from pydantic import BaseModel, SecretBytes, SecretStr

    match options:
        case SecretStr():
            redactor.add(options.get_secret_value())
        case SecretBytes():
            redactor.add(options.get_secret_value().decode("utf-8", "replace"))
        case BaseModel():
            for name in type(options).model_fields:
                reveal_secrets(getattr(options, name), redactor)
        case dict():
            for value in options.values():
                reveal_secrets(value, redactor)
        case list() | tuple() | set() | frozenset():
            for value in options:
                reveal_secrets(value, redactor)


def _table(
    project: Project, source: SourceConfig, connector: Registered[Connector[Any]], selection: TableSelection | None, problems: list[Problem]
) -> TablePlan:
    settings = source.extract_settings(selection, project.settings.extract)
    able = connector.cls.capabilities
    by_key, by_ledger = "incremental" in able, "ledger" in able
    mode: Mode = settings.mode or ("incremental" if by_ledger or (by_key and settings.key_column) else "full")
    if mode == "incremental" and not by_ledger:
        problem = None
        if not by_key:
            message = (
                f"connector {connector.name} ({connector.plugin.title}) cannot extract incrementally: its capabilities lack 'incremental'"
            )
            hint = "write mode: full, which lands everything as a new snapshot each time"
            problem = _mode_problem(project, source, selection, "unsupported_mode", message, hint)
        elif not settings.key_column:
            message = f"mode: incremental needs a key_column, by which connector {connector.name} finds what is new"
            hint = "add key_column: a column that grows with every new or changed row, such as updated_at or id; or write mode: full"
            problem = _mode_problem(project, source, selection, "missing_key", message, hint)
        if problem is not None and problem not in problems:
            problems.append(problem)
    name = selection.name if selection else EVERYTHING
    problems.extend(found for found in _unable(source, selection, connector, settings) if found not in problems)
    request = ExtractRequest(
        name,
        columns=settings.columns,
        exclude=settings.exclude,
        where=settings.where,
        query=selection.query if selection else None,
        parallel=settings.parallel,
        window=settings.window if mode == "incremental" else None,
        one_snapshot=settings.snapshot == "source",
        on_invalid=settings.on_invalid,
        verify=settings.verify,
    )
    return TablePlan(name, mode, settings.batch_size, settings.key_column, settings.lookback, settings.timeout, settings.retries, request)


def _unable(
    source: SourceConfig, selection: TableSelection | None, connector: Registered[Connector[Any]], settings: ExtractSettings
) -> Iterator[Problem]:
    """What a source or table asks for that its connector cannot do; defaults of settings.yaml hold where they can."""
    at: tuple[str | int, ...] = ("tables", source.tables.index(selection)) if selection else ()
    able = connector.cls.capabilities
    title = f"connector {connector.name} ({connector.plugin.title})"
    if selection and selection.query is not None and "query" not in able:
        yield source.node.problem("unsupported", f"{title} takes no query", *at, "query", hint="name a table, or a view of the query")
    own: list[tuple[tuple[str | int, ...], ExtractSettings]] = [(("extract",), source.extract)]
    if selection and selection.extract:
        own.append(((*at, "extract"), selection.extract))
    for path, block in own:
        for key, word in _NEEDS.items():
            if key in block.model_fields_set and word not in able and not (key == "snapshot" and block.snapshot == "table"):
                yield source.node.problem("unsupported", f"{title} knows no extract.{key}", *path, key, hint="take it out")
        if block.window is not None and settings.mode != "full" and not settings.key_column and "window" in able:
            yield source.node.problem(
                "missing_key", "window needs a key_column, of which it takes a part at a time", *path, "window", hint="add key_column"
            )


_NEEDS = {
    "columns": "columns",
    "exclude": "columns",
    "where": "where",
    "parallel": "parallel",
    "window": "window",
    "snapshot": "one_snapshot",
    "on_invalid": "on_invalid",
    "verify": "verify",
}
"""Options of `extract` and the capability without which a connector would pass over them."""


def _mode_problem(project: Project, source: SourceConfig, selection: TableSelection | None, code: str, message: str, hint: str) -> Problem:
    """A problem where incremental extraction is asked for: at the table, the source, or in settings.yaml."""
    if selection and selection.extract and selection.extract.mode:
        return source.node.problem(code, message, "tables", source.tables.index(selection), "extract", "mode", hint=hint)
    if source.extract.mode:
        return source.node.problem(code, message, "extract", "mode", hint=hint)
    return project.settings_node.problem(code, f"source {source.name}: {message}", "extract", "mode", hint=hint)


def _unknown_tables(plans: Sequence[SourcePlan], tables: Sequence[str]) -> list[Problem]:
    """Names that no source can have, because each of them lists its tables by name and this one is not there."""
    listed = [table.name for plan in plans for table in plan.tables]
    if any(_is_pattern(name) for name in listed):
        return []
    return [
        Problem("unknown_table", f"no table {name!r} in {', '.join(plan.source for plan in plans)}", did_you_mean(name, listed, "tables"))
        for name in tables
        if name not in listed and not _is_pattern(name)
    ]


def _is_pattern(name: str) -> bool:
    return any(character in name for character in "*?[")
