"""The transform `cast`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from ducklake.api import Column, EngineError, OptionError, Options, Relation, Schema, Transform, TransformContext
from ducklake.api.sql import quote
from ducklake.errors import did_you_mean
from ducklake_transform_cast.types import CANONICAL, is_known, spelled


class CastOptions(Options):
    """Which columns get which types."""

    columns: Annotated[
        dict[str, Annotated[str, AfterValidator(spelled)]],
        Field(min_length=1, description="A column, and its type in DuckDB's words or usual ones.", examples=[{"fecha_alta": "date"}]),
    ]
    on_invalid: Annotated[
        Literal["fail", "null"],
        Field(
            description="What becomes of a value that cannot be cast: `fail` stops the pipeline and names the value, `null` makes it NULL."
        ),
    ] = "fail"


class Cast(Transform[CastOptions]):
    """Gives columns other types; order and names stay."""

    name: ClassVar[str] = "cast"
    Options: ClassVar[type[Options]] = CastOptions
    capabilities: ClassVar[frozenset[str]] = frozenset({"row_wise"})

    def to_sql(self, inputs: Sequence[Relation], context: TransformContext) -> str:
        """All columns, some cast."""
        function = "CAST" if self.options.on_invalid == "fail" else "TRY_CAST"
        casts = ",\n    ".join(
            f"{function}({quote(name)} AS {kind}) AS {quote(name)}" for name, (_, kind) in self._types(inputs[0].schema).items()
        )
        return f"SELECT * REPLACE (\n    {casts}\n)\nFROM {inputs[0].sql}"

    def output(self, inputs: Sequence[Relation], context: TransformContext) -> Schema:
        """The input's columns with their new types."""
        types = {name: _printed(written, kind, context) for name, (written, kind) in self._types(inputs[0].schema).items()}
        return Schema(tuple(Column(column.name, types.get(column.name, column.type)) for column in inputs[0].schema))

    def _types(self, schema: Schema) -> dict[str, tuple[str, str]]:
        """The columns as the input spells them, each with the key in the options and its type."""
        types: dict[str, tuple[str, str]] = {}
        for written, kind in self.options.columns.items():
            name = schema.require(written).name
            if name in types:
                raise OptionError(f"column {name!r} is cast twice", "columns", written)
            types[name] = (written, kind)
        return types


def _printed(written: str, kind: str, context: TransformContext) -> str:
    """The type's name as the engine prints it; asks the engine only where it is not plain."""
    if is_known(kind):
        return kind
    try:
        return context.describe(f"SELECT CAST(NULL AS {kind}) AS value").columns[0].type
    except EngineError as error:
        hint = did_you_mean(kind, [*CANONICAL, "decimal(12,2)"], "types")
        message = f"no type {kind!r}" if kind.replace("_", "").isalnum() else f"{kind}: {error}"
        raise OptionError(message, "columns", written, hint=hint if "no type" in message else None) from error
