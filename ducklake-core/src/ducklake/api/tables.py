"""Names and schemas: what a table is called and what its columns are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Layer = str
"""`raw`, `staging` or `consume`."""

LAYERS: tuple[Layer, ...] = ("raw", "staging", "consume")

METADATA_COLUMNS: tuple[str, ...] = ("_ingestion_timestamp", "_source_name", "_extraction_id")
"""The columns that every raw row carries besides those of its source."""


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class TableRef:
    """A table of the lake, by name.

    Attributes:
        layer: `raw`, `staging` or `consume`.
        domain: The source (raw), domain (staging) or use case (consume).
        table: The table's own name, as the source spells it; any text.
    """

    layer: Layer
    domain: str
    table: str

    def __str__(self) -> str:
        return f"{self.layer}.{self.domain}.{self.table}"

    @classmethod
    def parse(cls, text: str) -> TableRef:
        """Read `layer.domain.table`; the table's name may hold dots.

        Args:
            text: For example `raw.shop.pedidos`.

        Raises:
            ValueError: Fewer than three parts, or an unknown layer.
        """
        layer, _, rest = text.partition(".")
        domain, _, table = rest.partition(".")
        if layer not in LAYERS or not domain or not table:
            raise ValueError(f"{text!r} is no table of the lake; write layer.domain.table, for example staging.ventas.clientes")
        return cls(layer, domain, table)


def ascii_folded(ref: TableRef) -> tuple[str, ...]:
    """A table's name as the engine compares names: without the case of ASCII letters.

    Args:
        ref: The table.
    """
    return tuple(
        part.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass") for part in (ref.layer, ref.domain, ref.table)
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A column of a relation.

    Attributes:
        name: As it is spelled; any text.
        type: In DuckDB's words, for example `DECIMAL(12,2)`.
        source_type: The type that the source declares, if it came from one.
    """

    name: str
    type: str
    source_type: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a relation, in order."""

    columns: tuple[Column, ...]

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)

    def get(self, name: str) -> Column | None:
        """The column called `name` (DuckDB compares without case), or None.

        Args:
            name: A column's name.
        """
        exact = next((column for column in self.columns if column.name == name), None)
        folded = name.casefold()
        return exact or next((column for column in self.columns if column.name.casefold() == folded), None)

    def require(self, name: str) -> Column:
        """The column called `name`.

        Args:
            name: A column's name.

        Raises:
            UnknownColumn: There is none.
        """
        column = self.get(name)
        if column is None:
            raise UnknownColumn(name, self.names)
        return column

    def to_json(self) -> list[dict[str, Any]]:
        """A list of plain mappings that `from_json` reads back."""
        return [dataclasses.asdict(column) for column in self.columns]

    @classmethod
    def from_json(cls, columns: Sequence[Mapping[str, Any]]) -> Schema:
        """Read what `to_json` wrote.

        Args:
            columns: Mappings with `name`, `type` and optionally `source_type`.
        """
        return cls(tuple(Column(c["name"], c["type"], c.get("source_type")) for c in columns))


class UnknownColumn(LookupError):
    """A step names a column that its input does not have; the compiler adds file, line, pipeline and step.

    Args:
        name: The name that was asked for.
        known: The columns that exist.
    """

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"no column {name!r}")
        self.name = name
        self.known = tuple(known)


@dataclasses.dataclass(frozen=True, slots=True)
class Relation:
    """Something a statement can read from.

    Attributes:
        sql: Its quoted name (or parenthesised SELECT), to be written behind FROM.
        schema: Its columns.
        alias: What the pipeline calls it (`as:`), or `input` for the step before.
    """

    sql: str
    schema: Schema
    alias: str = "input"


@dataclasses.dataclass(frozen=True, slots=True)
class SourceTable:
    """A table that a source offers.

    Attributes:
        name: As the source spells it; `schema.table` outside the default schema.
        kind: `table`, `view`, `file` or another word of the connector.
        rows_estimate: What the source thinks it holds, or None.
    """

    name: str
    kind: str = "table"
    rows_estimate: int | None = None
