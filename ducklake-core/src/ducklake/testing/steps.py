"""Running a transform or a quality check the way core does, without a lake around it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ducklake.api.engine import EngineSession
    from ducklake.api.quality import CheckResult, QualityCheck
    from ducklake.api.tables import Relation, Schema
    from ducklake.api.transform import AnyTransform


@dataclasses.dataclass(frozen=True)
class StepResult:
    """What a step made of its input.

    Attributes:
        schema: Its columns.
        rows: Its rows, in the engine's order.
        sql: The statement, of transforms written in SQL.
    """

    schema: Schema
    rows: list[tuple[Any, ...]]
    sql: str = ""

    @property
    def types(self) -> dict[str, str]:
        """Column name to type."""
        return {column.name: column.type for column in self.schema}


def run_transform(
    session: EngineSession,
    transform: AnyTransform,
    *selects: str,
    aliases: Sequence[str] = (),
    batch_size: int | None = None,
    as_text: bool = False,
) -> StepResult:
    """Run one step over the rows of a SELECT.

    Args:
        session: The fixture `engine_session`.
        transform: The step, made with its options.
        *selects: Its input, or several for a step that takes them.
        aliases: What the pipeline calls them; `input` for a single one.
        batch_size: Rows of the batches that a step in Python gets.
        as_text: Give all values as text, as the engine writes them: it has types that Python lacks.

    Raises:
        AssertionError: The columns that come out are not those that the step announces.
    """
    from ducklake.api.transform import Transform, TransformContext

    inputs = [_relation(session, select, alias) for select, alias in zip(selects, aliases or ["input"] * len(selects), strict=True)]
    context = TransformContext(session.describe)
    announced = transform.output(inputs, context)
    if isinstance(transform, Transform):
        sql = transform.to_sql(inputs, context)
        assert [(c.name, c.type) for c in session.describe(sql)] == [(c.name, c.type) for c in announced], "output() and to_sql() differ"
        return StepResult(announced, session.fetch(text_of(sql) if as_text else sql), sql)
    fitted = []
    expected = _arrow_schema(session, announced)
    batches = session.stream(f"SELECT * FROM {inputs[0].sql}", batch_size or 50_000)
    for batch in transform.apply(batches, context):
        assert tuple(batch.schema.names) == announced.names, "output() and apply() differ"
        try:
            batch.validate(full=True)
            fitting = batch.cast(expected)
        except (ValueError, TypeError) as error:
            raise AssertionError(f"output() and apply() differ: {error}") from error
        fitted.append(fitting)
    session.register("__out", fitted, expected)
    out = "SELECT * FROM __out"
    return StepResult(announced, session.fetch(text_of(out) if as_text else out))


def text_of(sql: str) -> str:
    """A SELECT of the same rows with every value as text.

    Args:
        sql: One SELECT.
    """
    return f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({sql})"


def _arrow_schema(session: EngineSession, schema: Schema) -> Any:
    from ducklake.api.sql import quote

    columns = ", ".join(f"CAST(NULL AS {column.type}) AS {quote(column.name)}" for column in schema)
    return session.stream(f"SELECT {columns} WHERE false").schema


def run_check(session: EngineSession, check: QualityCheck[Any], select: str) -> CheckResult:
    """Run one check over the rows of a SELECT.

    Args:
        session: The fixture `engine_session`.
        check: The check, made with its options.
        select: The rows.
    """
    relation = _relation(session, select, "checked")
    for name in check.columns():
        relation.schema.require(name)
    values: dict[str, Any] = {}
    metrics = check.metrics(relation)
    if metrics:
        values |= zip(metrics, session.fetch(f"SELECT {', '.join(metrics.values())} FROM {relation.sql}")[0], strict=True)
    query = check.query(relation)
    if query:
        values |= zip(session.describe(query).names, session.fetch(query)[0], strict=True)
    return check.evaluate(values, session.fetch(f"SELECT count(*) FROM {relation.sql}")[0][0])


def _relation(session: EngineSession, select: str, alias: str) -> Relation:
    from ducklake.api.sql import quote
    from ducklake.api.tables import Relation

    number = session.fetch("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE 'rows_%'")[0][0]
    name = quote(f"rows_{number}")
    session.fetch(f"CREATE TABLE {name} AS {select}")
    return Relation(name, session.describe(f"SELECT * FROM {name}"), alias)
