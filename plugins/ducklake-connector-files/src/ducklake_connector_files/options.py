"""The options that every connector of files has."""

from __future__ import annotations

import string
from pathlib import Path

from pydantic import Field, field_validator

from ducklake.api.options import Options

PLACEHOLDERS = ("stem", "name", "folder")


class FilesOptions(Options):
    """Where the files are, and what tables they make."""

    path: str = Field(
        min_length=1,
        description="A file, or files by a pattern (*, ?, [...], ** for folders at any depth); relative to the project, or absolute.",
        examples=["drops/*.csv"],
    )
    table: str | None = Field(
        default=None,
        min_length=1,
        description=(
            "The table's name: plain text puts all files into one table; {stem}, {name} and {folder} make a table for each. "
            "By default the file's stem, or with a pattern in path the source's name."
        ),
        examples=["{stem}"],
    )

    @field_validator("path", "table")
    @classmethod
    def _without_zero_bytes(cls, value: str | None) -> str | None:
        if value is not None and "\0" in value:
            raise ValueError("holds a zero byte")
        return value

    @field_validator("table")
    @classmethod
    def _known_placeholders(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            fields = [(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(value) if name is not None]
        except ValueError as error:
            raise ValueError(f"{error}; a brace that is meant as such is written twice") from None
        for name, spec, conversion in fields:
            if name not in PLACEHOLDERS or spec or conversion:
                raise ValueError(f"unknown placeholder {{{name}}}; there are {{stem}}, {{name}} and {{folder}}")
        return value


def table_name(file: Path, template: str) -> str:
    """The name of the table that a file belongs to.

    Args:
        file: For example `drops/ventas.csv.gz`: stem `ventas`, name `ventas.csv.gz`, folder `drops`.
        template: Text with placeholders.
    """
    stem = Path(file.stem).stem if file.suffix == ".gz" and Path(file.stem).suffix else file.stem
    names = {"stem": stem, "name": file.name, "folder": file.parent.name}
    # A name that is no UTF-8 keeps its odd bytes visible: `caf\xe9`.
    visible = {key: value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") for key, value in names.items()}
    return template.format_map(visible)
