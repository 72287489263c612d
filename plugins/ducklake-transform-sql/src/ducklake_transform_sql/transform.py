"""The transform `sql`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from ducklake.api import Options, Relation, TableRef, Transform, TransformContext, parse_select
from ducklake.api.sql import quote


def _query(text: str) -> str:
    """Refuse what is no single SELECT, or reads what is not in the lake."""
    return parse_select(text).text.strip()


class SqlOptions(Options):
    """The query."""

    query: Annotated[
        str,
        AfterValidator(_query),
        Field(
            description=(
                "One SELECT in DuckDB's dialect. It reads `input`, the step before (as the first step of a pipeline with `sources`: "
                "their `as` names), and any table of the lake as `layer.domain.table`."
            ),
            examples=["SELECT cliente_id, sum(importe) AS total FROM input GROUP BY cliente_id"],
        ),
    ]


class Sql(Transform[SqlOptions]):
    """Whatever a SELECT can say."""

    name: ClassVar[str] = "sql"
    Options: ClassVar[type[Options]] = SqlOptions
    capabilities: ClassVar[frozenset[str]] = frozenset({"several_inputs"})

    def reads(self) -> Sequence[TableRef]:
        """The tables of the lake that the query names."""
        return parse_select(self.options.query).tables

    def to_sql(self, inputs: Sequence[Relation], context: TransformContext) -> str:
        """The query as it was written, below the names it uses for its inputs."""
        query = parse_select(self.options.query)
        query.require([relation.alias for relation in inputs])
        used = {name.casefold() for name in query.names}
        strangers = [relation for relation in inputs if relation.alias.casefold() in used and relation.sql != quote(relation.alias)]
        if not strangers:
            return query.text
        named = ",\n".join(f"{quote(relation.alias)} AS (FROM {relation.sql})" for relation in strangers)
        body = f"SELECT * FROM (\n{query.text}\n)" if query.has_with else query.text
        return f"WITH {named}\n{body}"
