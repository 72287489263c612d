"""A session over CSV files."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ducklake.api.engine import EngineError
from ducklake.api.extraction import Extraction, ExtractRequest
from ducklake.errors import ConfigurationError, DataError, did_you_mean
from ducklake_connector_csv.diagnosis import Suspect, explain, wrong_field_count
from ducklake_connector_csv.inference import infer
from ducklake_connector_csv.options import CsvOptions
from ducklake_connector_csv.prepare import Prepared, prepare
from ducklake_connector_csv.relation import as_text, count, typed
from ducklake_connector_files.identity import FileIdentity
from ducklake_connector_files.session import FilesSession

if TYPE_CHECKING:
    import pyarrow as pa


@dataclasses.dataclass(frozen=True, slots=True)
class _Reading:
    """How one table is read, and from which files as they were then."""

    identities: tuple[FileIdentity, ...]
    suspects: tuple[Suspect, ...]
    relation: str
    types: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


class CsvSession(FilesSession[CsvOptions]):
    """The CSV files of one source."""

    _copies = 0

    def get_schema(self, table: str) -> pa.Schema:
        """The schema after all files of the table were looked through; see `Session.get_schema`."""
        reading = self._read(table)
        return self.context.engine.stream(f"SELECT * FROM ({reading.relation}) LIMIT 0").schema

    def extract(self, request: ExtractRequest) -> Extraction:
        """Find names and types, then let the engine read; see `Session.extract`."""
        table = request.table
        reading = self._read(table)
        return Extraction(
            relation=reading.relation,
            notes=reading.notes,
            translate_error=lambda error: self._explained(table, error, reading.suspects, reading.types),
            verify=lambda: self.check_unchanged(table, reading.identities),
        )

    def _read(self, table: str) -> _Reading:
        identities, notes = self.files(table)
        place, layout = self.place(table), self.options.format
        prepared = [prepare(place, file.path, self.shown(file.path), layout, self._copy) for file in identities]
        self._check_same_width(place, identities, prepared)
        suspects = tuple(
            Suspect(one.file.path, self.shown(file.path), one.file.columns) for one, file in zip(prepared, identities, strict=True)
        )
        text, names = as_text([one.file for one in prepared], layout)
        declared = {name.casefold(): kind for name, kind in layout.types.items()}
        notes += [note for one in prepared for note in one.notes] + self._missing(identities, prepared, names)
        notes += self._unused_types(place, names)
        try:
            for one, suspect in zip(prepared, suspects, strict=True):
                self._check_delimiters(place, one, suspect)
            inferred = infer(self.context.engine, text, [at for at, name in enumerate(names) if name.casefold() not in declared])
        except EngineError as error:
            raise self._explained(table, error, suspects, ()) or DataError(f"{place}: {error}") from error
        types = tuple((name, declared.get(name.casefold()) or inferred.get(at, "VARCHAR")) for at, name in enumerate(names))
        return _Reading(tuple(identities), suspects, typed(text, names, declared, inferred), types, tuple(notes))

    def _check_delimiters(self, place: str, one: Prepared, suspect: Suspect) -> None:
        """DuckDB drops empty fields that a line has too many: count, and look closer where the count is not right."""
        if one.delimiters is None:
            return
        ((records,),) = self.context.engine.fetch(count(one.file, self.options.format))
        lines = records + self.options.format.header
        if one.delimiters != lines * (len(one.file.columns) - 1):
            error = wrong_field_count(place, [suspect], self.options.format)
            if error:
                raise error

    def _check_same_width(self, place: str, identities: Sequence[FileIdentity], prepared: Sequence[Prepared]) -> None:
        """Files without names can only be put together by position, so they must have the same columns."""
        if self.options.format.header:
            return
        first, expected = self.shown(identities[0].path), len(prepared[0].file.columns)
        for file, one in zip(identities, prepared, strict=True):
            if (found := len(one.file.columns)) != expected:
                raise DataError(
                    f"{place}: {self.shown(file.path)} has {found} columns, {first} has {expected}",
                    hint="files without header need the same columns; put them into tables of their own, for example with table: '{stem}'",
                )

    def _missing(self, identities: Sequence[FileIdentity], prepared: Sequence[Prepared], names: Sequence[str]) -> list[str]:
        notes = []
        for file, one in zip(identities, prepared, strict=True):
            present = {name.casefold() for name in one.file.columns}
            if lacking := [name for name in names if name.casefold() not in present]:
                notes.append(f"{self.shown(file.path)} lacks {', '.join(map(repr, lacking))}: NULL there")
        return notes

    def _unused_types(self, place: str, names: Sequence[str]) -> list[str]:
        """A type for a column that is not there is a mistake, unless the files make several tables of different columns."""
        known = {name.casefold() for name in names}
        unknown = [name for name in self.options.format.types if name.casefold() not in known]
        if unknown and len(self.listing()) == 1:
            message = f"{place}: format.types names {unknown[0]!r}, which is no column"
            raise ConfigurationError(message, hint=did_you_mean(unknown[0], names, "columns"))
        return [f"format.types names {name!r}, which is no column here" for name in unknown]

    def _explained(self, table: str, error: EngineError, suspects: Sequence[Suspect], types: Sequence[tuple[str, str]]) -> DataError | None:
        if error.kind in ("cancelled", "memory"):
            return None
        return explain(self.place(table), str(error), suspects, self.options.format, types)

    def _copy(self) -> Path:
        self._copies += 1
        return self.temporary / f"{self._copies}.csv"
