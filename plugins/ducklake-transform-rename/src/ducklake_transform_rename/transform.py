"""The transform `rename`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from ducklake.api import Column, OptionError, Options, Relation, Schema, Transform, TransformContext
from ducklake.api.sql import quote


class RenameOptions(Options):
    """Which columns get which names."""

    columns: Annotated[
        dict[str, Annotated[str, Field(min_length=1)]],
        Field(
            min_length=1,
            description="The name now, and the name it gets. The other columns stay as they are.",
            examples=[{"cli_id": "cliente_id"}],
        ),
    ]


class Rename(Transform[RenameOptions]):
    """Gives columns other names; order and types stay."""

    name: ClassVar[str] = "rename"
    Options: ClassVar[type[Options]] = RenameOptions
    capabilities: ClassVar[frozenset[str]] = frozenset({"row_wise"})

    def to_sql(self, inputs: Sequence[Relation], context: TransformContext) -> str:
        """All columns, some under another name."""
        renamed = ",\n    ".join(f"{quote(old)} AS {quote(new)}" for old, new in self._names(inputs[0].schema).items())
        return f"SELECT * RENAME (\n    {renamed}\n)\nFROM {inputs[0].sql}"

    def output(self, inputs: Sequence[Relation], context: TransformContext) -> Schema:
        """The input's columns under their new names."""
        names = self._names(inputs[0].schema)
        return Schema(tuple(Column(names.get(column.name, column.name), column.type) for column in inputs[0].schema))

    def _names(self, schema: Schema) -> dict[str, str]:
        """Old to new, the old names spelled as in the input; refuses names that would then be there twice."""
        names: dict[str, str] = {}
        taken: dict[str, str] = {}
        for written, new in self.options.columns.items():
            old = schema.require(written).name
            if old in names:
                raise OptionError(f"column {old!r} is renamed twice", "columns", written)
            if new.casefold() in taken:
                raise OptionError(f"{taken[new.casefold()]!r} and {old!r} would both be called {new!r}", "columns", written)
            names[old] = new
            taken[new.casefold()] = old
        for column in schema:
            if column.name not in names and column.name.casefold() in taken:
                old = taken[column.name.casefold()]
                written = next(key for key in self.options.columns if schema.require(key).name == old)
                hint = f"rename {column.name!r} too, or choose another name"
                raise OptionError(f"there is a column {column.name!r} already, {old!r} cannot take its name", "columns", written, hint=hint)
        return names
