"""What of a table's files is read: everything, or what the ledger does not know yet."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ducklake.errors import DataError
from ducklake_connector_csv.columns import column_names, first_record
from ducklake_connector_csv.options import CsvFormat
from ducklake_connector_csv.prepare import Prepared, prepare
from ducklake_connector_files.identity import FileIdentity
from ducklake_connector_files.ledger import Content, Ledger

FORMAT_VERSION = 1
_PIECE = 1 << 20
_LINE_FEED_IS_ITSELF = ("utf-8", "ascii", "iso8859", "cp125", "latin")
"""Beginnings of names of encodings in which the byte 10 is always a line feed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """What earlier extractions of a table left.

    Attributes:
        ledger: The files that have landed.
        columns: Names and types in the order in which they first came; a column that never had a row has no type yet.
        layout: The part of the format that decides where records begin.
    """

    ledger: Ledger
    columns: tuple[tuple[str, str | None], ...]
    layout: str

    @classmethod
    def nothing(cls, layout: CsvFormat) -> Known:
        """For the first extraction.

        Args:
            layout: The files' format.
        """
        return cls(Ledger({}), (), _signature(layout))

    @classmethod
    def from_state(cls, state: Mapping[str, Any], place: str) -> Known:
        """Read what `to_state` wrote.

        Args:
            state: Of the last extraction.
            place: `source.table`, for messages.

        Raises:
            DataError: It was written by another version.
        """
        if state.get("version") != FORMAT_VERSION:
            hint = f"`ducklake extract {place.partition('.')[0]} --full`"
            raise DataError(f"{place}: the ledger of the files has an unknown version {state.get('version')!r}", hint=hint)
        return cls(Ledger.from_state(state["files"]), tuple((name, kind) for name, kind in state["columns"]), state["layout"])

    def to_state(self) -> dict[str, Any]:
        """A JSON document of texts."""
        files = self.ledger.to_state()
        return {"version": FORMAT_VERSION, "layout": self.layout, "columns": [list(one) for one in self.columns], "files": files}

    def after(self, contents: Sequence[Content], columns: Sequence[tuple[str, str | None]], layout: CsvFormat) -> Known:
        """With what is landing now.

        Args:
            contents: All files of the table.
            columns: Those of the files that were read.
            layout: The files' format.
        """
        entries = {**self.ledger.entries, **{content.name: content.entry for content in contents}}
        for content in contents:
            if content.before is not None:
                entries.pop(content.before, None)
        merged = {name.casefold(): (name, kind) for name, kind in self.columns}
        for name, kind in columns:
            spelled, before = merged.get(name.casefold(), (name, None))
            merged[name.casefold()] = (spelled, kind or before)
        return Known(Ledger(entries), tuple(merged.values()), _signature(layout))


@dataclasses.dataclass(frozen=True, slots=True)
class Portion:
    """A file, or what follows its landed part.

    Attributes:
        file: As it was when it was looked at.
        name: For messages.
        prepared: For the engine.
        start: The bytes before.
    """

    file: FileIdentity
    name: str
    prepared: Prepared
    start: int = 0


def whole(place: str, file: FileIdentity, name: str, layout: CsvFormat, copy: Callable[[], Path]) -> Portion:
    """All of a file.

    Args:
        place: `source.table`, for messages.
        file: The file.
        name: Its name for messages.
        layout: Its format.
        copy: Gives a new path in a private folder.
    """
    return Portion(file, name, prepare(place, file.path, name, layout, copy))


def appended(
    place: str, content: Content, known: Known, layout: CsvFormat, copy: Callable[[], Path]
) -> tuple[Portion | None, str | None] | None:
    """What was appended to a file, where it is sure to be whole records of the same columns; else None.

    The part that has landed was read to its end, so it ends outside of quotes; if it ends with a line feed too, the
    next byte begins a record.

    Args:
        place: `source.table`, for messages.
        content: A file that has grown.
        known: What has landed.
        layout: Its format.
        copy: Gives a new path in a private folder.

    Returns:
        The records (None if there are only blank lines) and a note.
    """
    plain = layout.encoding.startswith(_LINE_FEED_IS_ITSELF) and content.file.path.suffix != ".gz"
    if not (plain and content.whole_lines and known.layout == _signature(layout)):
        return None
    try:
        record = first_record(content.file.path, layout, layout.encoding)
    except csv.Error:
        return None  # all of it is read, which says what is wrong
    if record is None:
        return None
    columns, _ = column_names(record, layout)
    tail = copy()
    blank = True
    with content.file.path.open("rb") as source, tail.open("wb") as target:
        source.seek(content.landed)
        while piece := source.read(_PIECE):
            target.write(piece)
            blank = blank and not piece.strip(b"\r\n")
    if blank and len(columns) > 1:
        return None, None
    try:
        prepared = prepare(place, tail, content.name, layout.model_copy(update={"header": False, "names": columns}), copy)
    except DataError:
        return None  # read as a whole, it tells which line is wrong
    return Portion(content.file, content.name, prepared, content.landed), f"{content.name} has grown: the appended records land"


def _signature(layout: CsvFormat) -> str:
    return json.dumps([layout.header, layout.names, layout.delimiter, layout.quote, layout.encoding])
