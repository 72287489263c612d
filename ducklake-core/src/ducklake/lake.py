"""The composition root and Python API: load, plan, run. The command line is a thin skin over this."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import logging
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ducklake.api.events import RunEvent
from ducklake.api.results import CommandResult, TableResult
from ducklake.api.sql import quote, quote_path
from ducklake.api.tables import TableRef
from ducklake.catalog import queries
from ducklake.catalog.store import Catalog
from ducklake.config.project import SETTINGS, find_project, read_project
from ducklake.errors import ConfigurationError, DataError, Problem, did_you_mean
from ducklake.layers.store import LakePaths

if TYPE_CHECKING:
    import pyarrow as pa

    from ducklake.api.connector import Session
    from ducklake.api.engine import EngineSession
    from ducklake.api.tables import Schema
    from ducklake.catalog.queries import LakeSnapshot
    from ducklake.config.project import Project
    from ducklake.config.references import Redactor
    from ducklake.layers.rebuild import RebuildResult
    from ducklake.layers.verify import FileFinding
    from ducklake.plan.builder import Planner
    from ducklake.plan.model import PipelinePlan
    from ducklake.plugins.manager import PluginManager
    from ducklake.run.context import Cancellable, RunContext
    from ducklake.run.progress import ProgressCallback

_log = logging.getLogger("ducklake")

_CONSEQUENCES = frozenset({"unknown_source", "unknown_table", "unknown_pipeline"})
"""Problems that may only follow from a block that could not be read."""


@dataclasses.dataclass(frozen=True, slots=True)
class ValidationReport:
    """What `validate` found.

    Attributes:
        problems: Everything that is wrong.
        notes: Remarks that are no errors.
        sources: Number of sources.
        pipelines: Number of pipelines.
    """

    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    sources: int
    pipelines: int


@dataclasses.dataclass(frozen=True, slots=True)
class QueryResult:
    """The rows of a query.

    Attributes:
        schema: Its columns, in DuckDB's types.
        table: Its rows as an Arrow table.
    """

    schema: Schema
    table: pa.Table

    @property
    def columns(self) -> list[dict[str, str]]:
        """Name and type of each column."""
        return [{"name": column.name, "type": column.type} for column in self.schema]

    @property
    def rows(self) -> list[list[Any]]:
        """The rows as Python values."""
        arrays = [column.to_pylist() for column in self.table.columns]
        return [list(row) for row in zip(*arrays, strict=True)] if arrays else []

    def arrow(self) -> pa.Table:
        """The rows as an Arrow table."""
        return self.table


class Lake:
    """A lake project.

    Args:
        path: The project's folder; None looks for the nearest one from the working folder upwards.
        wait: Seconds to wait for tables that another process holds.
        texts: What counts instead of what some files of the configuration hold, by name (`config/sources.yaml`, `.env`): to
            try a change before it is written.

    Raises:
        ConfigurationError: There is no project.

    Example:
        lake = Lake("my_project")
        lake.extract("shop")
        lake.run("ventas_staging")
        lake.query("SELECT count(*) FROM staging.ventas.clientes").rows
    """

    @staticmethod
    def clock() -> dt.datetime:
        """The time now, UTC."""
        return dt.datetime.now(dt.UTC)

    def __init__(self, path: str | Path | None = None, *, wait: float = 0.0, texts: Mapping[str, str] | None = None) -> None:
        self.root = find_project(Path.cwd()) if path is None else Path(path).expanduser().absolute()
        self.wait = wait
        self._texts = texts
        self._manager: PluginManager | None = None
        self._open: weakref.WeakSet[Cancellable] = weakref.WeakSet()

    @functools.cached_property
    def _configuration(self) -> tuple[Project, list[Problem]]:
        """What is right and what is wrong; read once, since hundreds of pipelines take seconds."""
        return read_project(self.root, lambda settings: self._plugin_manager(settings.plugins).resolve_secret, self._texts)

    @functools.cached_property
    def project(self) -> Project:
        """The configuration, as it was when this object first looked.

        Raises:
            ConfigurationError: Every problem of all files.
        """
        project, problems = self._configuration
        if problems:
            raise ConfigurationError(problems=problems)
        return project

    @property
    def manager(self) -> PluginManager:
        """The plugins, as settings.yaml switches them."""
        return self._plugin_manager(self.project.settings.plugins)

    @property
    def redactor(self) -> Redactor:
        """Takes the project's secrets out of text."""
        return self.project.redactor

    @functools.cached_property
    def paths(self) -> LakePaths:
        """Where the lake keeps its files."""
        return LakePaths(self.project.data)

    @functools.cached_property
    def catalog_store(self) -> Catalog:
        """The metadata catalog."""
        return Catalog(self.paths.data, self.paths.private)

    def validate(self) -> ValidationReport:
        """Check all configuration, as this object has read it, without touching a source.

        Returns:
            Every problem at once.
        """
        from ducklake.plan.validate import validate_project

        project, wrong = self._configuration
        problems = list(wrong)
        notes: list[str] = []
        if not any(problem.file == SETTINGS for problem in problems):
            with self._open_engine(project) as session:
                found, notes = validate_project(
                    project, self._plugin_manager(project.settings.plugins), self._facts(self._snapshot()), session
                )
            # What hangs on a block that is wrong itself would only be noise.
            problems += [problem for problem in found if not problems or problem.code not in _CONSEQUENCES]
        return ValidationReport(tuple(problems), tuple(notes), len(project.sources), len(project.pipelines))

    def extract(
        self,
        *sources: str,
        all: bool = False,  # noqa: A002 - the word of the command line
        tables: Sequence[str] = (),
        full: bool = False,
        progress: ProgressCallback | None = None,
        wait: float | None = None,
        jobs: int = 1,
    ) -> CommandResult:
        """Land sources in raw.

        Args:
            *sources: Names of sources.
            all: All sources that are enabled.
            tables: Only these tables (names or patterns).
            full: Read everything anew, also where increments are extracted; raw keeps the earlier files.
            progress: Told how far things are.
            wait: Seconds to wait for a table in use; by default the lake's own.
            jobs: Tables that are extracted at once.

        Returns:
            A result a table; failures are results too.

        Raises:
            ConfigurationError: The configuration is wrong; nothing was done.
        """
        from ducklake.plan.extraction import plan_extraction
        from ducklake.run.jobs import extract_sources

        names, skipped, warnings = self._sources(sources, all)
        plans = plan_extraction(self.project, self.manager, names, tables)
        context, _ = self._writing(progress, wait)
        event = RunEvent("extract", tuple(names))
        results: list[TableResult] = [*skipped]
        with self._observed(event, results):
            results.extend(extract_sources(context, plans, tables, anew=full, jobs=jobs))
        return CommandResult("extract", tuple(results), tuple(warnings))

    def run(
        self,
        *pipelines: str,
        all: bool = False,  # noqa: A002 - the word of the command line
        with_upstream: bool = False,
        full_refresh: bool = False,
        progress: ProgressCallback | None = None,
        wait: float | None = None,
    ) -> CommandResult:
        """Run pipelines in the order of their dependencies. One whose table already is what it would publish is skipped.

        Args:
            *pipelines: Names of pipelines.
            all: All pipelines that are enabled.
            with_upstream: Also the pipelines that they depend on.
            full_refresh: Run them although nothing has changed.
            progress: Told how far things are.
            wait: Seconds to wait for a table in use; by default the lake's own.

        Returns:
            A result a pipeline; failures are results too. A pipeline whose upstream failed in this call is skipped.

        Raises:
            ConfigurationError: The configuration is wrong, or a column cannot be bound; nothing was done.
        """
        from ducklake.run.pipeline import run_pipeline

        planner = self._planner()
        names, skipped, warnings = self._pipelines(planner, pipelines, all, with_upstream)
        plans, raised = self._plans_around(planner, names)
        context, recovered = self._writing(progress, wait)
        if recovered:
            # A landing that died may have been finished: plan with what is there now.
            plans, raised = self._plans_around(planner, names)
        results: list[TableResult] = [*skipped, *(self._raised(name, problems[0]) for name, problems in raised.items())]
        failed: set[str] = set(raised)
        with self._observed(RunEvent("run", tuple(names)), results):
            for plan in plans:
                causes = [name for name in plan.upstream if name in failed]
                if causes:
                    failed.add(plan.pipeline)
                    note = f"not run, because {', '.join(causes)} failed"
                    results.append(TableResult("skipped", pipeline=plan.pipeline, table=str(plan.destination), notes=(note,)))
                    continue
                result = run_pipeline(context, plan, self.project.pipelines[plan.pipeline], anew=full_refresh)
                results.append(result)
                if result.exit_code:
                    failed.add(plan.pipeline)
        return CommandResult("run", tuple(results), tuple(warnings))

    def test_connection(self, source: str) -> dict[str, Any]:
        """Reach a source and look at it; nothing is extracted.

        Args:
            source: Its name.

        Returns:
            Latency, server, encryption, difference of the clocks, missing rights and tables.

        Raises:
            ConfigurationError: The source is not configured, or wrongly.
            SourceError: It cannot be reached or refuses.
        """
        from ducklake.plan.extraction import plan_extraction
        from ducklake.run.diagnose import diagnose

        (plan,) = plan_extraction(self.project, self.manager, [source])
        with self.open_engine() as engine:
            return diagnose(plan, self.root, engine, _log)

    @contextlib.contextmanager
    def open_source(self, source: str) -> Iterator[Session]:
        """A source as its connector opens it, to look at its tables; nothing is extracted.

        Args:
            source: Its name.

        Raises:
            ConfigurationError: The source is not configured, or wrongly.
            SourceError: It cannot be reached or refuses.
        """
        from ducklake.plan.extraction import plan_extraction
        from ducklake.run.diagnose import reached

        (plan,) = plan_extraction(self.project, self.manager, [source])
        names = [table.name for table in plan.tables]
        with self.open_engine() as engine, reached(plan, self.root, engine, _log) as connector, connector.open(names) as session:
            yield session

    def plan(self, pipeline: str) -> PipelinePlan:
        """What a pipeline would do; runs nothing.

        Args:
            pipeline: Its name.

        Raises:
            ConfigurationError: It does not exist or cannot be bound.
        """
        planner = self._planner()
        names = planner.select([pipeline], with_upstream=True)
        tables = self._snapshot()
        with self.open_engine() as session:
            plans = planner.plan(names, self._facts(tables), session)
            engine = session.version
        plan = next(plan for plan in plans if plan.pipeline == pipeline)
        return plan if plan.unbound else self._decided(plan, tables, engine)

    def _decided(self, plan: PipelinePlan, tables: LakeSnapshot, engine: str) -> PipelinePlan:
        """With what a run would do now."""
        from ducklake.plan.fingerprint import fingerprint
        from ducklake.run.unchanged import decision_for

        settings = self.project.settings
        decision = decision_for(self.paths, plan, tables, fingerprint(plan, tables, engine, settings.of_files))
        return dataclasses.replace(plan, decision="publish" if decision.needed else "nothing", reason=decision.why)

    def query(self, sql: str) -> QueryResult:
        """Run one SELECT over the lake, read only: no other file, no network, no settings.

        Args:
            sql: Over `raw.source.table`, `staging.domain.table` and `consume.use_case.table`.

        Raises:
            ConfigurationError: It is not exactly one SELECT, or cannot be bound.
            DataError: It failed.
        """
        from ducklake.run.query import run_query

        with self.open_engine() as session:
            schema, table = run_query(self.paths, self.manager, session, self._snapshot(), sql)
        return QueryResult(schema, table)

    def catalog(self) -> list[dict[str, Any]]:
        """A row a table: layer, domain, table, rows, size in bytes, files, last change, last status."""
        with self.catalog_store.read() as connection:
            return queries.tables(connection)

    def extractions(self, limit: int = 50) -> list[dict[str, Any]]:
        """The latest extractions, newest first.

        Args:
            limit: At most so many.
        """
        with self.catalog_store.read() as connection:
            return queries.extractions(connection, limit)

    def runs(self, limit: int = 50) -> list[dict[str, Any]]:
        """The latest pipeline runs, newest first.

        Args:
            limit: At most so many.
        """
        with self.catalog_store.read() as connection:
            return queries.runs(connection, limit)

    def quality(self, limit: int = 50) -> list[dict[str, Any]]:
        """The latest quality checks, newest first.

        Args:
            limit: At most so many.
        """
        with self.catalog_store.read() as connection:
            return queries.quality(connection, limit)

    def show(self, table: str, *, distinct: bool = False) -> dict[str, Any]:
        """Everything the catalog knows of one table.

        Args:
            table: `layer.domain.table`.
            distinct: Estimate how many distinct values each column has (`approx_distinct`, by HyperLogLog), which reads
                the whole table.

        Raises:
            DataError: There is no such table.
        """
        ref = self._table_ref(table)
        with self.catalog_store.read() as connection:
            tables = queries.snapshot(connection)
            state = tables.get(ref)
            if state is None:
                raise DataError(
                    f"{ref}: no such table in the lake", hint=did_you_mean(str(ref), map(str, tables), "tables"), code="no_such_table"
                )
            statistics = queries.column_statistics(connection, {file.owner for file in state.current_files})
            facts: dict[str, Any] = {
                "layer": ref.layer,
                "domain": ref.domain,
                "table": ref.table,
                "folder": state.folder,
                "rows": state.rows,
                "version": state.version,
                "changed": state.changed,
                "columns": [{**dataclasses.asdict(column), **statistics.get(column.name, {})} for column in state.schema],
                "schema_history": queries.schema_history(connection, ref),
                "versions": queries.versions(connection, ref),
                "files": [dataclasses.asdict(file) for file in state.files],
            }
        if distinct and facts["columns"]:
            counts = ", ".join(f"approx_count_distinct({quote(column['name'])})" for column in facts["columns"])
            found = self.query(f"SELECT {counts} FROM {quote_path(ref.layer, ref.domain, ref.table)}").table
            for column, values in zip(facts["columns"], found.columns, strict=True):
                column["approx_distinct"] = min(values[0].as_py(), facts["rows"])
        return facts

    def rollback(self, table: str, to: int | None = None) -> dict[str, Any]:
        """Make an earlier version of a staging or consume table the current one.

        Args:
            table: `layer.domain.table`.
            to: Number of the version; None is the one before the current.

        Returns:
            Table, version before and version now.

        Raises:
            ConfigurationError: It is no such table.
            DataError: There is no such version.
            BusyError: Another process holds the table.
        """
        from ducklake.layers.publish import roll_back

        ref = self._table_ref(table)
        context, _ = self._writing(None, None)
        before, now = roll_back(context.paths, context.catalog, ref, to, context.wait)
        return {"table": str(ref), "before": before, "version": now, "status": "success"}

    def rebuild_catalog(self) -> RebuildResult:
        """Make a missing catalog anew from the footers of the files.

        Raises:
            CatalogError: There is a catalog.
        """
        from ducklake.layers.rebuild import rebuild

        return rebuild(self.paths, self.catalog_store, self.manager.writer("parquet").cls(), _log.debug)

    def verify(self, *tables: str) -> tuple[int, list[FileFinding]]:
        """Compare the files of the lake with the sizes and digests in the catalog; reads all of them.

        Args:
            *tables: Just these, each `layer.domain.table`; none means all.

        Returns:
            The number of files read, and those that are missing or hold something else than was committed.

        Raises:
            ConfigurationError: A name is none.
            DataError: There is no such table.
        """
        from ducklake.layers.verify import verify

        only = [self._table_ref(table) for table in tables]
        known = self._snapshot()
        for ref in only:
            if ref not in known:
                hint = did_you_mean(str(ref), map(str, known), "tables")
                raise DataError(f"{ref}: no such table in the lake", hint=hint, code="no_such_table")
        return verify(self.paths, self._snapshot, only)

    def cancel(self) -> None:
        """Stop what runs, from another thread: it fails, and is taken back as any failure is."""
        for session in list(self._open):
            try:
                session.cancel()
            except Exception as error:  # a connector's own: the others are to be stopped too
                _log.debug("cancelling failed: %s", error)

    def open_engine(self) -> EngineSession:
        """A private session of the engine, with the project's settings.

        Raises:
            ConfigurationError: A setting is refused.
        """
        return self._open_engine(self.project)

    def _open_engine(self, project: Project) -> EngineSession:
        from ducklake.api.engine import EngineError, EngineSettings

        engine = project.settings.engine
        spill = Path(engine.temp_directory).expanduser() if engine.temp_directory else self.paths.spill
        settings = EngineSettings(engine.memory_limit, engine.threads, self.root / spill, project.settings.timezone)
        try:
            session = self._plugin_manager(project.settings.plugins).engine(engine.type).cls().open(settings)
        except EngineError as error:
            raise ConfigurationError(f"config/settings.yaml: the engine refuses its settings: {error}", code="engine") from error
        self._open.add(session)
        return session

    def _plugin_manager(self, switches: Any) -> PluginManager:
        """One manager a lake: lake_plugins.py must not run twice, and secrets are asked for before the project is whole."""
        from ducklake.plugins.manager import PluginManager

        if self._manager is None:
            self._manager = PluginManager(switches, self.root)
        return self._manager

    @staticmethod
    def _table_ref(table: str) -> TableRef:
        try:
            return TableRef.parse(table)
        except ValueError as error:
            raise ConfigurationError(str(error), code="unknown_table") from None

    def _snapshot(self) -> LakeSnapshot:
        with self.catalog_store.read() as connection:
            return queries.snapshot(connection)

    @staticmethod
    def _facts(tables: LakeSnapshot) -> dict[TableRef, Any]:
        """What planning knows of each table that exists."""
        from ducklake.api.transform import TableStatistics
        from ducklake.layers.scan import ALL, table_schema
        from ducklake.plan.model import TableFacts

        return {
            ref: TableFacts(table_schema(table), TableStatistics(table.rows, table.nulls), table_schema(table, ALL))
            for ref, table in tables.items()
        }

    def _planner(self) -> Planner:
        from ducklake.plan.builder import Planner

        return Planner(self.project, self.manager)

    def _plans_around(self, planner: Planner, names: Sequence[str]) -> tuple[list[PipelinePlan], dict[str, tuple[Problem, ...]]]:
        with self.open_engine() as session:
            return planner.plan_around(names, self._facts(self._snapshot()), session)

    def _raised(self, pipeline: str, problem: Problem) -> TableResult:
        """The result of a pipeline whose plugin raised before anything could run."""
        config = self.project.pipelines[pipeline].destination
        table = str(TableRef(config.layer, config.domain, config.table))
        error = dataclasses.replace(problem, message=self.redactor.redact(problem.message))
        return TableResult("error", pipeline=pipeline, table=table, error=error, exit_code=1)

    def _writing(self, progress: ProgressCallback | None, wait: float | None) -> tuple[RunContext, bool]:
        """Everything a run works with, once what dead processes have left is mended, and whether there was any."""
        from ducklake.layers.recovery import recover
        from ducklake.layers.store import disk_errors, make_folder
        from ducklake.run.context import RunContext

        with disk_errors(self.paths.data):
            make_folder(self.paths.data)
            make_folder(self.paths.private, 0o700)
        self.catalog_store.create()
        recovered = recover(self.paths, self.catalog_store, lambda line: _log.warning("%s", self.redactor.redact(line)))
        settings = self.project.settings
        context = RunContext(
            root=self.root,
            paths=self.paths,
            catalog=self.catalog_store,
            manager=self.manager,
            redactor=self.redactor,
            open_engine=self.open_engine,
            compression=settings.parquet.compression,
            row_group_rows=settings.parquet.row_group_rows,
            file_size=settings.parquet.file_size_bytes,
            file_settings=settings.of_files,
            keep_versions=settings.retention.versions,
            wait=self.wait if wait is None else wait,
            progress=progress or (lambda event: None),
            log=_log,
            clock=self.clock,
            opened=self._open.add,
        )
        return context, recovered

    def _sources(self, names: Iterable[str], everything: bool) -> tuple[list[str], list[TableResult], list[str]]:
        """The sources that are meant, results for those that are disabled, and warnings."""
        known = self.project.sources
        wanted = [name for name, source in known.items() if source.enabled] if everything else list(dict.fromkeys(names))
        self._require_sources(wanted, known)
        disabled = [name for name in wanted if not known[name].enabled]
        warnings = [f"source {name} is disabled (enabled: false), nothing was extracted" for name in disabled]
        return [name for name in wanted if name not in disabled], [TableResult("skipped", source=name) for name in disabled], warnings

    @staticmethod
    def _pipelines(
        planner: Planner, names: Iterable[str], everything: bool, with_upstream: bool
    ) -> tuple[list[str], list[TableResult], list[str]]:
        """The pipelines that are meant, results for those that are disabled, and warnings."""
        wanted = planner.select(names, everything=everything, with_upstream=with_upstream)
        disabled = [name for name in wanted if not planner.project.pipelines[name].enabled]
        warnings = [f"pipeline {name} is disabled (enabled: false), nothing was run" for name in disabled]
        return [name for name in wanted if name not in disabled], [TableResult("skipped", pipeline=name) for name in disabled], warnings

    @staticmethod
    def _require_sources(names: Iterable[str], known: Iterable[str]) -> None:
        every = list(known)
        problems = [
            Problem("unknown_source", f"no source {name!r} in config/sources.yaml", did_you_mean(name, every, "sources"))
            for name in names
            if name not in every
        ]
        if problems:
            raise ConfigurationError(problems=problems)

    @contextlib.contextmanager
    def _observed(self, event: RunEvent, results: list[TableResult]) -> Iterator[None]:
        """Tell observers when a command begins and how it ends."""
        self.manager.notify("before_run", event=event)
        code = 130
        try:
            yield
            code = CommandResult(event.command, tuple(results)).exit_code
        finally:
            self.manager.notify("after_run", event=dataclasses.replace(event, exit_code=code))
