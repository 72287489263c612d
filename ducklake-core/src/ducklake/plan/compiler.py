"""From steps to statements: each run of SQL steps becomes one, a WITH part a step."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from ducklake.api.engine import EngineError, EngineSession
from ducklake.api.parse import volatile_words
from ducklake.api.sql import quote, quote_path
from ducklake.api.tables import Relation, Schema, TableRef
from ducklake.api.transform import Probe, PythonTransform, TableStatistics, Transform, TransformContext
from ducklake.errors import BindError
from ducklake.plan.load import LoadedPipeline, LoadedStep
from ducklake.plan.model import PlannedProbe, PythonStage, SqlStage, Stage, probe_ref, stage_ref
from ducklake.plan.problems import step_problem
from ducklake.plan.statement import Statement, select_columns, select_nothing

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class CompiledPipeline:
    """What the steps of a pipeline became.

    Attributes:
        stages: As `PipelinePlan.stages`.
        schema: The columns that come out, as the engine names their types.
    """

    stages: tuple[Stage, ...]
    schema: Schema


def compile_pipeline(
    pipeline: LoadedPipeline,
    sources: Sequence[Relation],
    tables: Mapping[TableRef, Relation],
    session: EngineSession,
    statistics: TableStatistics | None = None,
    source: TableRef | None = None,
) -> CompiledPipeline:
    """Compile and bind.

    Args:
        pipeline: One without problems.
        sources: The relations of its `source` or `sources`.
        tables: The other tables that its steps read.
        session: An engine's session in which all of them are defined.
        statistics: Of the only source, if they are known.
        source: The only source, whose scan may be repeated.

    Raises:
        BindError: A step does not go with its input; with file, line, pipeline, step and the nearest name.
    """
    compiler = _Compiler(pipeline, tables, session, source)
    if len(sources) > 1 and not (pipeline.steps and "several_inputs" in pipeline.steps[0].transform.capabilities):
        message = f"it has {len(sources)} sources, so its first step must bring them together"
        hint = "begin with a step of type sql that joins them, or name further tables as layer.domain.table in one"
        path = ("transforms", 0) if pipeline.steps else ("sources",)
        raise BindError(problems=[pipeline.config.node.problem("bind", message, *path, hint=hint)])
    compiler.begin(sources)
    for step in pipeline.steps:
        compiler.add(step, statistics if step.number == 1 else None)
    return compiler.finish()


class _Compiler:
    def __init__(
        self, pipeline: LoadedPipeline, tables: Mapping[TableRef, Relation], session: EngineSession, source: TableRef | None
    ) -> None:
        self._pipeline = pipeline
        self._tables = tables
        self._session = session
        self._scanned = source
        self._stages: list[Stage] = []
        self._bound: dict[str, Schema] = {}

    def begin(self, sources: Sequence[Relation]) -> None:
        """A new statement over some relations."""
        self._statement = Statement()
        self._steps: list[LoadedStep] = []
        self._probe: PlannedProbe | None = None
        self._ways: dict[str, Statement] = {}
        for source in sources:
            self._statement = self._statement.then(source.alias, select_columns(source.schema, source.sql))
        self._first = len(self._statement.parts)
        self._inputs = [Relation(quote(source.alias), source.schema, source.alias) for source in sources]

    def add(self, step: LoadedStep, statistics: TableStatistics | None) -> None:
        """One more step."""
        tables = {ref: self._tables[ref] for ref in step.reads}
        context = TransformContext(lambda sql: self._describe(self._statement.then(step.name, sql)), tables, statistics)
        if isinstance(step.transform, Transform):
            sql, schema = self._sql_of(step, step.transform, context)
            if probe := self._probe_of(step, step.transform, context):
                self._look(step, probe)
            else:
                self._ways = {way: statement.then(step.name, sql) for way, statement in self._ways.items()}
            if "row_wise" not in step.transform.capabilities or step.reads:
                self._scanned = None
            self._statement = self._statement.then(step.name, sql)
            self._steps.append(step)
            self._inputs = [Relation(quote(step.name), schema)]
        else:
            self._add_python(step, step.transform, context)

    def finish(self) -> CompiledPipeline:
        """The last statement."""
        schema = self._flush()
        return CompiledPipeline(tuple(self._stages), schema)

    def _sql_of(self, step: LoadedStep, transform: Transform[Any], context: TransformContext) -> tuple[str, Schema]:
        try:
            sql = _answered("to_sql", transform.to_sql(self._inputs, context), str)
            return sql, _answered("output", transform.output(self._inputs, context), Schema)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin may raise anything
            # A name that the engine misses here may be missed in an earlier step, which is then the one to mend.
            self._bind()
            raise self._error(step, error) from error

    def _probe_of(self, step: LoadedStep, transform: Transform[Any], context: TransformContext) -> Probe | None:
        """What the step would look for, if its input is a scan that gives the same rows each time."""
        if self._scanned is None or volatile_words(self._statement.sql):
            return None
        try:
            probe = transform.probe(self._inputs, context)
            return probe if probe is None else _answered("probe", probe, Probe)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin may raise anything
            raise self._error(step, error) from error

    def _look(self, step: LoadedStep, probe: Probe) -> None:
        """Both other ways, begun as the statement is."""
        if self._scanned is None:
            return
        kept = quote_path(*_parts(probe_ref(self._pipeline.name)))
        asked = self._statement.then(f"{step.name}_probe", probe.sql).sql
        streamed = dataclasses.replace(self._statement, streamed=True)
        self._ways = {
            "none": self._statement.then(step.name, probe.none),
            "few": streamed.then(probe.table, f"FROM {kept}").then(step.name, probe.few),
        }
        self._probe = PlannedProbe(f"{step.number} {step.type}", probe.question, asked, self._scanned, probe.max_fraction, none="", few="")

    def _add_python(self, step: LoadedStep, transform: PythonTransform[Any], context: TransformContext) -> None:
        schema = self._flush()
        self._scanned = None
        inputs = [Relation(quote_path(*_parts(stage_ref(self._pipeline.name, len(self._stages)))), schema)]
        try:
            output = _answered("output", transform.output(inputs, context), Schema)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin may raise anything
            raise self._error(step, error, schema.names) from error
        self._stages.append(PythonStage(step.type, step.number, output, step.plugin.title))
        place = stage_ref(self._pipeline.name, len(self._stages))
        try:
            self._session.define(place, select_nothing(output))
        except EngineError as error:
            raise self._error(step, error, output.names) from error
        self.begin([Relation(quote_path(*_parts(place)), output)])

    def _flush(self) -> Schema:
        schema = self._bind()
        probe = self._probe and dataclasses.replace(self._probe, none=self._ways["none"].sql, few=self._ways["few"].sql)
        self._stages.append(SqlStage(self._statement.sql, tuple(f"{step.number} {step.type}" for step in self._steps), probe))
        return schema

    def _bind(self) -> Schema:
        """Bind the whole statement at once; only where that fails step by step, to find the one to blame."""
        try:
            return self._describe(self._statement)
        except EngineError as whole:
            for place, step in enumerate(self._steps, start=self._first + 1):
                try:
                    self._describe(Statement(self._statement.parts[:place]))
                except EngineError as error:
                    raise self._error(step, error, self._known_before(place)) from error
            problem = self._pipeline.config.node.problem("bind", str(whole))
            raise BindError(problems=[problem]) from whole

    def _known_before(self, place: int) -> list[str]:
        """The columns that a step could name: of all sources for the first step, else of the step before."""
        if place - 1 > self._first:
            return list(self._describe(Statement(self._statement.parts[: place - 1])).names)
        names: list[str] = []
        for count in range(1, self._first + 1):
            names.extend(self._describe(Statement(self._statement.parts[:count])).names)
        return names

    def _describe(self, statement: Statement) -> Schema:
        sql = statement.sql
        if sql not in self._bound:
            self._bound[sql] = self._session.describe(sql)
        return self._bound[sql]

    def _error(self, step: LoadedStep, error: BaseException, known: Sequence[str] | None = None) -> BindError:
        names = [name for relation in self._inputs for name in relation.schema.names] if known is None else known
        tables = [name for ref in step.reads for name in self._tables[ref].schema.names]
        return BindError(problems=[step_problem(step.node, error, step.plugin, [*names, *tables])])


def _answered(method: str, answer: T, kind: type[T]) -> T:
    """What a plugin's method returned, if it is what it has to be."""
    if not isinstance(answer, kind):
        raise TypeError(f"{method}() returned a {type(answer).__name__}, not a {kind.__name__}")
    return answer


def _parts(ref: TableRef) -> tuple[str, str, str]:
    return (ref.layer, ref.domain, ref.table)
