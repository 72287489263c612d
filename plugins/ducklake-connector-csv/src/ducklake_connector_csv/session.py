"""A session over CSV files."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ducklake.api.connector import ConnectorContext
from ducklake.api.engine import EngineError
from ducklake.api.extraction import Extraction, ExtractRequest, ReadAgain
from ducklake.api.sql import quote
from ducklake.errors import ConfigurationError, DataError, did_you_mean
from ducklake_connector_csv.diagnosis import Suspect, explain, misfitting, wrong_field_count
from ducklake_connector_csv.files import is_utf8
from ducklake_connector_csv.increment import Known, Portion, appended, whole
from ducklake_connector_csv.inference import infer, likely, misfits
from ducklake_connector_csv.options import CsvOptions
from ducklake_connector_csv.prepare import Looks, Prepared, surveyed
from ducklake_connector_csv.relation import ReadableFile, as_text, count, nothing, typed
from ducklake_connector_csv.strict import Refused, StrictReader, arrow_type, suits
from ducklake_connector_files.identity import FileIdentity
from ducklake_connector_files.ledger import Content, Digests
from ducklake_connector_files.session import FilesSession

if TYPE_CHECKING:
    import pyarrow as pa


@dataclasses.dataclass(frozen=True, slots=True)
class _Reading:
    """How some files are read, as they were then; `unproven` are the columns whose type is only likely."""

    identities: tuple[FileIdentity, ...]
    suspects: tuple[Suspect, ...]
    relation: str
    columns: tuple[tuple[str, str | None], ...]
    notes: tuple[str, ...]
    unproven: tuple[int, ...]


class CsvSession(FilesSession[CsvOptions]):
    """The CSV files of one source; see `FilesSession`."""

    def __init__(self, options: CsvOptions, context: ConnectorContext) -> None:
        super().__init__(options, context)
        self._looks = Looks(options.format)
        self._digests = Digests()
        self._copies = self._streams = 0

    def get_schema(self, table: str) -> pa.Schema:
        """The schema after all files of the table were looked through; see `Session.get_schema`."""
        reading = self._read_all(table)
        return self.context.engine.stream(f"SELECT * FROM ({reading.relation}) LIMIT 0").schema

    def extract(self, request: ExtractRequest) -> Extraction:
        """Find names and types, then let the engine read; see `Session.extract`."""
        table, proven = request.table, bool(request.as_text)
        state: dict[str, Any] = {}
        digests: dict[str, Future[str]] = {}
        if request.mode == "incremental":
            reading, known, digests = self._read_new(request, proven=proven)
            state = known.to_state()
        else:
            reading = self._read_all(table, proven=proven)

        def verify() -> None:
            for name, digest in digests.items():
                with self._cannot_read(table):
                    state["files"][name]["sha256"] = digest.result()
            self.check_unchanged(table, reading.identities)

        return Extraction(
            relation=reading.relation,
            state=state or None,
            notes=reading.notes,
            translate_error=lambda error: self._explained(table, error, reading.suspects, reading.columns, reading.unproven),
            verify=verify,
        )

    def close(self) -> None:
        """Stop what runs beside, then as `FilesSession.close`."""
        self._looks.close()
        self._digests.close()
        super().close()

    def _read_all(self, table: str, *, proven: bool = True) -> _Reading:
        identities, notes = self.files(table)
        layout = self.options.format
        portions = [whole(self.place(table), file, self.shown(file.path), layout, self._copy) for file in identities]
        return self._read(table, portions, Known.nothing(layout), notes, proven)

    def _read_new(self, request: ExtractRequest, *, proven: bool) -> tuple[_Reading, Known, dict[str, Future[str]]]:
        """What the ledger does not know, the ledger that knows it, and what that lacks until the files have been read."""
        place, layout = self.place(request.table), self.options.format
        known = Known.nothing(layout) if request.state is None else Known.from_state(request.state, place)
        identities, notes = self.files(request.table)
        files = [(file, self.shown(file.path)) for file in identities]
        with self._cannot_read(request.table):
            if is_utf8(layout.encoding) and (proven or not self._strict_types()):
                for file, name in files:
                    if name not in known.ledger.entries:
                        self._looks.begin(file.path)
            contents = known.ledger.compare(files, self._digests)
        portions = self._portions(place, contents, known, notes)
        if portions:
            reading = self._read(request.table, portions, known, notes, proven)
        else:
            reading = _Reading((), (), nothing(known.columns), (), tuple(notes), ())
        digests = {content.name: content.digest for content in contents if content.digest}
        return reading, known.after(contents, reading.columns, layout), digests

    @contextlib.contextmanager
    def _cannot_read(self, table: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DataError(f"{self.place(table)}: cannot read {error.filename}: {error.strerror or error}") from error

    def _portions(self, place: str, contents: Sequence[Content], known: Known, notes: list[str]) -> list[Portion]:
        """What of the files is to be read; adds remarks to the notes."""
        layout = self.options.format
        portions = []
        for content in contents:
            if content.status == "moved":
                notes.append(f"{content.name} was {content.before}: it has landed under that name")
            if content.status in ("same", "moved"):
                continue
            if content.status == "grown" and (found := appended(place, content, known, layout, self._copy)):
                portion, note = found
                notes += [note] if note else []
                portions += [portion] if portion else []
                continue
            if content.status != "new":
                notes.append(f"{content.name} has changed: all of it lands again")
            portions.append(whole(place, content.file, content.name, layout, self._copy))
        return portions

    def _read(self, table: str, portions: Sequence[Portion], known: Known, notes: list[str], proven: bool) -> _Reading:
        """Find names and types: sure ones if `proven`, by scans over everything; else likely ones, checked while the rows are read."""
        place, layout, engine = self.place(table), self.options.format, self.context.engine
        self._check_same_width(place, portions, known)
        exact = {} if proven else self._strict_types()
        strict = bool(exact) and all(self._suits(one.prepared.file) for one in portions)
        if not strict:
            portions = [
                dataclasses.replace(one, prepared=surveyed(place, one.prepared, one.name, layout, self._copy, self._looks))
                for one in portions
            ]
        suspects = [
            Suspect(one.prepared.file.path, one.name, one.prepared.file.columns)
            if not one.start
            else Suspect(one.file.path, one.name, one.prepared.file.columns, one.prepared.file.path, one.start)
            for one in portions
        ]
        files = [one.prepared.file for one in portions]
        text, names = as_text(files, layout, [name for name, _ in known.columns])
        declared = {name.casefold(): kind for name, kind in layout.types.items()}
        kept = {name.casefold(): kind for name, kind in known.columns if kind}
        notes = [*notes, *(note for one in portions for note in one.prepared.notes), *self._missing(portions, names)]
        notes += self._unused_types(place, [*names, *(name for name, _ in known.columns)])
        free = [at for at, name in enumerate(names) if name.casefold() not in declared]
        try:
            for one, suspect in zip(portions, suspects, strict=True):
                self._check_delimiters(place, one.prepared, suspect)
            new = [at for at in free if names[at].casefold() not in kept]
            types = infer(engine, text, new) if proven else likely(engine, text, new)
            before = {at: kind for at in free if (kind := kept.get(names[at].casefold())) and kind != "VARCHAR"}
            drifted = misfits(engine, text, before) if proven else set()
            # A text column has a type once there is a row.
            some = not (set(free) - set(types) - set(before)) or bool(engine.fetch(f"SELECT 1 FROM ({text}) LIMIT 1"))
        except EngineError as error:
            if strict:
                raise ReadAgain(names[0]) from error
            raise self._explained(table, error, suspects) or DataError(f"{place}: {error}") from error
        for at in sorted(drifted):
            notes.append(f"column {names[at]!r} lands as text from now on: it was {before[at]}, and a new value is none")
        types |= {at: kind for at, kind in before.items() if at not in drifted}
        columns = tuple(
            (name, declared.get(name.casefold()) or types.get(at) or ("VARCHAR" if some else None)) for at, name in enumerate(names)
        )
        done: dict[int, pa.DataType] = {}
        if strict:
            done = {at: exact[name.casefold()] for at, name in enumerate(names) if name.casefold() in exact}
            text = self._strict_relation(table, files, names, done)
        identities = tuple(one.file for one in portions)
        unproven = () if proven else tuple(types)
        relation = typed(text, names, declared, types, unproven, done)
        return _Reading(identities, tuple(suspects), relation, columns, tuple(notes), unproven)

    def _suits(self, file: ReadableFile) -> bool:
        declared = {name.casefold() for name in self.options.format.types}
        return suits(file, self.options.format, sampled=not declared.issuperset(name.casefold() for name in file.columns))

    def _strict_types(self) -> dict[str, pa.DataType]:
        """The columns that Arrow reads exactly or not at all, by name, folded; none where the files' format is not for it."""
        layout = self.options.format
        if not is_utf8(layout.encoding):
            return {}
        return {name.casefold(): exact for name, kind in layout.types.items() if (exact := arrow_type(kind)) is not None}

    def _strict_relation(self, table: str, files: Sequence[ReadableFile], names: Sequence[str], types: Mapping[int, pa.DataType]) -> str:
        """A SELECT of the rows as `StrictReader` gives them."""
        reader = StrictReader(files, self.options.format, names, types)

        def batches() -> Iterator[pa.RecordBatch]:
            with self._cannot_read(table):
                try:
                    yield from reader
                except Refused as refused:
                    raise ReadAgain(names[0]) from refused

        self._streams += 1
        stream = f"__csv_{self._streams}"
        self.context.engine.register(stream, batches(), reader.schema)
        return f"SELECT * FROM {quote(stream)}"

    def _check_delimiters(self, place: str, one: Prepared, suspect: Suspect) -> None:
        """DuckDB drops empty fields that a line has too many: count, and look closer where the count is not right."""
        if one.delimiters is None:
            return
        ((records,),) = self.context.engine.fetch(count(one.file, self.options.format))
        lines = records + one.file.header
        if one.delimiters != lines * (len(one.file.columns) - 1):
            error = wrong_field_count(place, [suspect], self.options.format)
            if error:
                raise error

    def _check_same_width(self, place: str, portions: Sequence[Portion], known: Known) -> None:
        """Files without names can only be put together by position, so they must have the same columns."""
        if self.options.format.header:
            return
        first, expected = (
            ("an earlier file", len(known.columns)) if known.columns else (portions[0].name, len(portions[0].prepared.file.columns))
        )
        for one in portions:
            if (found := len(one.prepared.file.columns)) != expected:
                raise DataError(
                    f"{place}: {one.name} has {found} columns, {first} has {expected}",
                    hint="files without header need the same columns; put them into tables of their own, for example with table: '{stem}'",
                )

    def _missing(self, portions: Sequence[Portion], names: Sequence[str]) -> list[str]:
        notes = []
        for one in portions:
            present = {name.casefold() for name in one.prepared.file.columns}
            if lacking := [name for name in names if name.casefold() not in present]:
                notes.append(f"{one.name} lacks {', '.join(map(repr, lacking))}: NULL there")
        return notes

    def _unused_types(self, place: str, names: Sequence[str]) -> list[str]:
        """A type for a column that is not there is a mistake, unless the files make several tables of different columns."""
        known = {name.casefold() for name in names}
        unknown = [name for name in self.options.format.types if name.casefold() not in known]
        if unknown and len(self.listing()) == 1:
            message = f"{place}: format.types names {unknown[0]!r}, which is no column"
            raise ConfigurationError(message, hint=did_you_mean(unknown[0], names, "columns"))
        return [f"format.types names {name!r}, which is no column here" for name in unknown]

    def _explained(
        self,
        table: str,
        error: EngineError,
        suspects: Sequence[Suspect],
        columns: Sequence[tuple[str, str | None]] = (),
        unproven: Sequence[int] = (),
    ) -> DataError | None:
        """The error in the files' own terms, if it has any.

        Raises:
            ReadAgain: A column's type was only likely, and it is another.
        """
        if error.kind in ("cancelled", "memory"):
            return None
        misfit = misfitting(str(error))
        if misfit is not None and misfit in unproven:
            raise ReadAgain(columns[misfit][0])
        types = [(name, kind or "VARCHAR") for name, kind in columns]
        return explain(self.place(table), str(error), suspects, self.options.format, types)

    def _copy(self) -> Path:
        self._copies += 1
        return self.temporary / f"{self._copies}.csv"
