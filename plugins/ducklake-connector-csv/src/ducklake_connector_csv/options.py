"""The options of a `csv` source."""

from __future__ import annotations

import codecs

from pydantic import Field, field_validator, model_validator

from ducklake.api.options import Options
from ducklake_connector_csv.types import canonical_type
from ducklake_connector_files.options import FilesOptions


class CsvFormat(Options):
    """How the files are written."""

    header: bool = Field(default=True, description="Whether the first line of each file names the columns.")
    names: tuple[str, ...] | None = Field(
        default=None,
        description="The columns' names, in order; without a header column1, column2, ... by default, with one they replace its names.",
        examples=[["id", "importe"]],
    )
    delimiter: str = Field(
        default=",", min_length=1, max_length=1, description="The character between two fields; \\t for a tab.", examples=[";"]
    )
    quote: str = Field(
        default='"',
        max_length=1,
        description="What may enclose a field; doubled within it, it stands for itself. Empty: nothing does.",
    )
    encoding: str = Field(default="utf-8", description="Any encoding that Python knows.", examples=["latin-1", "cp1252", "utf-16"])
    nulls: tuple[str, ...] = Field(
        default=("",),
        description="Unquoted texts that mean NULL; a quoted field is never NULL.",
        examples=[["", "NA"]],
    )
    types: dict[str, str] = Field(
        default_factory=dict,
        description=(
            "Types of columns, by name. A value that does not fit exactly is an error. "
            "A column that is not named here gets a type if every value keeps its text by it; else it is text."
        ),
        examples=[{"importe": "DECIMAL(12,2)"}],
    )

    @field_validator("names")
    @classmethod
    def _distinct_names(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names is None:
            return None
        if not names:
            raise ValueError("is empty")
        seen: set[str] = set()
        for name in names:
            if not name or "\0" in name:
                raise ValueError(f"{name!r} is no name for a column")
            if name.casefold() in seen:
                raise ValueError(f"{name!r} stands there twice (upper and lower case count as the same)")
            seen.add(name.casefold())
        return names

    @field_validator("delimiter", mode="before")
    @classmethod
    def _tab_by_name(cls, value: object) -> object:
        return "\t" if value in ("\\t", "tab") else value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            name = codecs.lookup(value).name
            "".encode(name)
        except (LookupError, ValueError):
            raise ValueError(f"unknown encoding {value!r}; for example utf-8, latin-1, cp1252, utf-16") from None
        return name

    @field_validator("types")
    @classmethod
    def _known_types(cls, types: dict[str, str]) -> dict[str, str]:
        seen: dict[str, str] = {}
        for name in types:
            if (other := seen.setdefault(name.casefold(), name)) != name:
                raise ValueError(f"{other!r} and {name!r} are one column (upper and lower case count as the same)")
        return {name: canonical_type(text) for name, text in types.items()}

    @model_validator(mode="after")
    def _characters_apart(self) -> CsvFormat:
        reserved = {"\n", "\r", "\0"}
        for key, value in (("delimiter", self.delimiter), ("quote", self.quote)):
            if reserved & set(value):
                raise ValueError(f"{key} must not hold a line break or a zero byte")
        if self.quote and self.quote in self.delimiter:
            raise ValueError("delimiter and quote must differ")
        for null in self.nulls:
            if self.delimiter in null or reserved & set(null) or (self.quote and self.quote in null):
                raise ValueError(f"nulls: {null!r} must hold neither delimiter, quote nor line break")
            if null != null.strip():
                raise ValueError(f"nulls: {null!r} must not begin or end with a blank")
        return self


class CsvOptions(FilesOptions):
    """A source of type `csv`."""

    format: CsvFormat = Field(default_factory=CsvFormat, description="How the files are written.")
