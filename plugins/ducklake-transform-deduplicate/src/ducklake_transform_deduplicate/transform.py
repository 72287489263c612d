"""The transform `deduplicate`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from ducklake.api import OptionError, Options, Probe, Relation, Schema, Transform, TransformContext
from ducklake.api.sql import columns, quote, quote_path
from ducklake.api.tables import METADATA_COLUMNS

NEWEST_FIRST = "_ingestion_timestamp"
REPEATED = "__repeated"
MAX_FRACTION = 0.5
"""Of the rows that share their key: up to here numbering only those is faster, although the input is read twice for it."""

_DIRECTION = re.compile(r"(.*\S)\s+(asc|desc)", re.IGNORECASE | re.DOTALL)


class DeduplicateOptions(Options):
    """Which rows are the same, and which of them stays."""

    keys: Annotated[
        list[str],
        Field(min_length=1, description="The columns that tell rows apart: one row a combination of values stays. NULL equals NULL."),
    ]
    order_by: Annotated[
        list[str] | str | None,
        Field(
            description=(
                "Columns, each with `asc` or `desc` behind it: the first row in this order stays. By default the one that landed last. "
                "Where it leaves a choice, a hash of the other columns decides, so that the same input always gives the same rows."
            ),
            examples=[["updated_at desc"]],
        ),
    ] = None


class Deduplicate(Transform[DeduplicateOptions]):
    """Keeps one row a key."""

    name: ClassVar[str] = "deduplicate"
    Options: ClassVar[type[Options]] = DeduplicateOptions

    def to_sql(self, inputs: Sequence[Relation], context: TransformContext) -> str:
        """The first row of each key.

        The order ends with a hash of all other columns: so the result is the same each time, for a fraction of what
        sorting by the columns themselves costs.
        """
        return self._first(inputs[0].schema, inputs[0].sql)

    def probe(self, inputs: Sequence[Relation], context: TransformContext) -> Probe:
        """Look for keys that occur more than once, reading the key columns only; then number the rows of just those.

        Keys are told apart by a hash, so that NULL equals NULL, and of any number of columns one small number has to be
        kept. Keys that share one are numbered without need, which changes nothing.
        """
        schema, source = inputs[0].schema, inputs[0].sql
        keys = self._keys(schema)
        # Qualified, for the input may have columns of these names too.
        joined = f"{quote(REPEATED)} ON hash({', '.join(quote_path('rows', key) for key in keys)}) = {quote_path(REPEATED, 'key')}"
        repeated = f'(\n    SELECT *\n    FROM {source} AS "rows"\n    SEMI JOIN {joined}\n)'
        return Probe(
            sql=f"SELECT hash({columns(keys)}) AS key, count(*) AS rows\nFROM {source}\nGROUP BY 1\nHAVING count(*) > 1",
            table=REPEATED,
            none=f"SELECT *\nFROM {source}",
            few=f'SELECT *\nFROM {source} AS "rows"\nANTI JOIN {joined}\nUNION ALL\n{self._first(schema, repeated)}',
            max_fraction=MAX_FRACTION,
            question=f"keys ({', '.join(keys)}) that occur more than once",
        )

    def output(self, inputs: Sequence[Relation], context: TransformContext) -> Schema:
        """The input's columns."""
        self._order(inputs[0].schema, self._keys(inputs[0].schema))
        return inputs[0].schema

    def _first(self, schema: Schema, source: str) -> str:
        keys = self._keys(schema)
        order = self._order(schema, keys)
        ordered = f"\n    ORDER BY {order}" if order else ""
        return f"SELECT *\nFROM {source}\nQUALIFY row_number() OVER (\n    PARTITION BY {columns(keys)}{ordered}\n) = 1"

    def _keys(self, schema: Schema) -> tuple[str, ...]:
        return tuple(dict.fromkeys(schema.require(key).name for key in self.options.keys))

    def _order(self, schema: Schema, keys: Sequence[str]) -> str:
        wanted = self._wanted(schema)
        named = {name for name, _ in wanted}
        rest = [name for name in schema.names if name not in named and name not in keys]
        # Apart from the metadata, which is another at each extraction: rows that have not changed give the same row again.
        groups = [[name for name in rest if (name in METADATA_COLUMNS) == meta] for meta in (False, True)]
        ties = [f"hash({columns(group)})" for group in groups if group]
        return ", ".join([*(quote(name) + direction for name, direction in wanted), *ties])

    def _wanted(self, schema: Schema) -> list[tuple[str, str]]:
        """The columns of `order_by`, each with what stands behind it in SQL."""
        wanted = self.options.order_by
        if wanted is None:
            return [(NEWEST_FIRST, " DESC")] if NEWEST_FIRST in schema.names else []
        found: list[tuple[str, str]] = []
        for text in [wanted] if isinstance(wanted, str) else wanted:
            parts = None if schema.get(text) else _DIRECTION.fullmatch(text.strip())
            name = schema.require(parts[1] if parts else text.strip()).name
            if name in dict(found):
                raise OptionError(f"column {name!r} stands twice in order_by", "order_by")
            found.append((name, " DESC" if parts and parts[2].lower() == "desc" else ""))
        return found
