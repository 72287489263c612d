"""A new catalog from the files alone: their footers say what each belongs to.

Restored are tables, files, landed extractions, published versions with their inputs, schema versions and the state
of each source, which is never further than what is there. The history of failures, runs and checks is lost.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ducklake.api.tables import Schema, TableRef
from ducklake.catalog.commits import commit_extraction, commit_version, set_current
from ducklake.catalog.records import ExtractionRecord, FileRecord, VersionRecord
from ducklake.catalog.store import Catalog
from ducklake.errors import DataError
from ducklake.layers.names import file_number
from ducklake.layers.store import LakePaths, same_file

if TYPE_CHECKING:
    from ducklake.api.writer import StorageWriter

Report = Callable[[str], None]


@dataclasses.dataclass(frozen=True, slots=True)
class RebuildResult:
    """What a rebuild found.

    Attributes:
        tables: Tables restored.
        extractions: Extractions restored.
        versions: Versions of staging and consume tables restored.
        skipped: A line for each file that was left out, with the reason.
        gaps: A line for each table of which an extraction is missing, with what that means.
    """

    tables: int
    extractions: int
    versions: int
    skipped: tuple[str, ...]
    gaps: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Found:
    """A file of ours: what its footer says, and what reading all of it gave."""

    path: Path
    pairs: Mapping[str, str]
    sha256: str

    @property
    def part(self) -> int:
        return int(self.pairs["ducklake.part"])


@dataclasses.dataclass(frozen=True, slots=True)
class _Landing:
    """A landed extraction; `sequence` is its number in its epoch, 0 in files that do not say."""

    record: ExtractionRecord
    sequence: int
    repeats: bool


def rebuild(paths: LakePaths, catalog: Catalog, writer: StorageWriter, report: Report) -> RebuildResult:
    """Make the catalog anew. Nothing else may write to the lake meanwhile.

    Every file is read once: one that is not what was written, as the digest in its footer shows, is left out.

    Args:
        paths: Of the lake.
        catalog: Of the lake; it is missing or damaged. A damaged one is moved into the private folder.
        writer: Reads the files.
        report: Told in one line about each thing restored.

    Raises:
        CatalogError: There is a sound catalog.
    """
    moved = catalog.set_aside()
    skipped: list[str] = []
    if moved is not None:
        report(f"the damaged catalog is kept as {moved}")
    landings = _landings(paths, writer, skipped)
    versions = _versions(paths, writer, skipped)
    gaps: list[str] = []
    records = _with_safe_states(landings, gaps)
    catalog.create(beside_files=True)
    with catalog.write() as connection:
        for record in records:
            commit_extraction(connection, record)
            report(f"{record.ref}: extraction {record.extraction_id}, {record.rows} rows")
        for version in versions:
            commit_version(connection, version)
            report(f"{version.ref}: run {version.run_id}, {version.rows} rows")
        for ref in dict.fromkeys(version.ref for version in versions):
            shown = _shown_version(paths, [version for version in versions if version.ref == ref])
            if shown is not None:
                set_current(connection, ref, shown)
    tables = {record.ref for record in records} | {version.ref for version in versions}
    return RebuildResult(len(tables), len(records), len(versions), tuple(skipped), tuple(gaps))


def _landings(paths: LakePaths, writer: StorageWriter, skipped: list[str]) -> list[_Landing]:
    """Extractions of which every part is there, in the order in which they landed."""
    landings = []
    for parts in _whole(paths, writer, paths.data / "raw", "ducklake.extraction_id", "extraction", skipped):
        last = parts[-1].pairs
        try:
            record = _extraction(paths, parts, last)
            landings.append(_Landing(record, int(last.get("ducklake.sequence", 0)), json.loads(last.get("ducklake.repeats", "true"))))
        except (KeyError, ValueError, TypeError) as error:
            skipped += [f"{paths.relative(part.path)}: unreadable footer: {error}" for part in parts]

    def order(landing: _Landing) -> tuple[Any, ...]:
        record = landing.record
        return record.ref, record.epoch, landing.sequence, record.started, record.extraction_id

    return sorted(landings, key=order)


def _with_safe_states(landings: Iterable[_Landing], gaps: list[str]) -> list[ExtractionRecord]:
    """The extractions, the last one of each table with a state behind which nothing is missing."""
    tables: dict[TableRef, list[_Landing]] = {}
    for landing in landings:
        tables.setdefault(landing.record.ref, []).append(landing)
    records = []
    for ref, landed in tables.items():
        records += [landing.record for landing in landed]
        epoch = [landing for landing in landed if landing.record.epoch == landed[-1].record.epoch]
        # Files that say no number are older than numbers, and are taken to be complete.
        number = next((at for at, landing in enumerate(epoch) if landing.sequence not in (0, at + 1)), None)
        if number is None:
            continue
        state = epoch[number - 1].record.state if number else None
        for landing in epoch[number:]:
            if not landing.repeats:
                state = _with_changes(state, landing.record.state_before, landing.record.state)
        records[-1] = dataclasses.replace(records[-1], state=state)
        gaps.append(
            f"{ref}: extraction {number + 1} of its files is missing; the next extraction reads again what the source has had since then"
        )
    return records


def _with_changes(state: Any, before: Any, after: Any) -> Any:
    """A ledger with what one later extraction changed in it.

    A ledger keeps what has landed as entries of mappings. An entry counts only if the extraction found it as the ledger
    has it: otherwise what landed before is missing, and it has to be read again.
    """
    if not isinstance(after, Mapping):
        return after
    was, known = (value if isinstance(value, Mapping) else {} for value in (before, state))
    merged = dict(known)
    for key, value in after.items():
        if isinstance(value, Mapping) and not all(isinstance(entry, str) for entry in value.values()):
            merged[key] = _with_changes(known.get(key), was.get(key), value)
        elif not isinstance(value, Mapping) or (value != was.get(key) and known.get(key) == was.get(key)):
            merged[key] = value
    for key in was.keys() - after.keys():
        merged.pop(key, None)
    return merged


def _extraction(paths: LakePaths, parts: Sequence[_Found], last: Mapping[str, str]) -> ExtractionRecord:
    return ExtractionRecord(
        extraction_id=last["ducklake.extraction_id"],
        source=last["ducklake.source"],
        table=last["ducklake.table"],
        folder=paths.relative(parts[0].path.parents[3]),
        started=last["ducklake.started"],
        mode=last["ducklake.mode"],
        epoch=int(last["ducklake.epoch"]),
        files=tuple(_file(paths, part) for part in parts),
        schema=Schema.from_json(json.loads(last["ducklake.schema"])),
        state_before=json.loads(last["ducklake.state_before"]),
        state=json.loads(last["ducklake.state_after"]),
        statistics=(),
        seconds=0.0,
        notes=("restored from its files",),
    )


def _versions(paths: LakePaths, writer: StorageWriter, skipped: list[str]) -> list[VersionRecord]:
    numbered = []
    for parts in _whole(paths, writer, paths.private / "versions", "ducklake.run_id", "version", skipped):
        last = parts[-1].pairs
        try:
            numbered.append((int(last["ducklake.version"]), _version(paths, parts, last)))
        except (KeyError, ValueError, TypeError) as error:
            skipped += [f"{paths.relative(part.path)}: unreadable footer: {error}" for part in parts]
    return [record for _, record in sorted(numbered, key=lambda item: (item[1].ref, item[0]))]


def _version(paths: LakePaths, parts: Sequence[_Found], last: Mapping[str, str]) -> VersionRecord:
    inputs: list[list[Any]] = json.loads(last["ducklake.inputs"])
    return VersionRecord(
        run_id=last["ducklake.run_id"],
        ref=TableRef(*json.loads(last["ducklake.destination"])),
        folder=last["ducklake.folder"],
        format="parquet",
        files=tuple(_file(paths, part) for part in parts),
        schema=Schema.from_json(json.loads(last["ducklake.schema"])),
        statistics=(),
        inputs=tuple((TableRef(*ref), int(version)) for ref, version in inputs),
        fingerprint=last.get("ducklake.fingerprint"),
    )


def _shown_version(paths: LakePaths, versions: list[VersionRecord]) -> int | None:
    """The number of the version that the public paths show: after a rollback it is not the last one."""
    for number, version in reversed(list(enumerate(versions, 1))):
        public = paths.absolute(version.folder)
        if all(same_file(paths.absolute(file.path), public / Path(file.path).name) for file in version.files):
            return number
    return None


def _file(paths: LakePaths, found: _Found) -> FileRecord:
    return FileRecord(
        paths.relative(found.path), int(found.pairs["ducklake.file_rows"]), found.path.stat().st_size, found.sha256, found.part
    )


def _whole(paths: LakePaths, writer: StorageWriter, folder: Path, key: str, what: str, skipped: list[str]) -> Iterator[Sequence[_Found]]:
    """The files of each owner of which none is missing, in the order of their parts."""
    owners: dict[str, list[_Found]] = {}
    files = sorted((path for path in folder.rglob("*.parquet") if path.is_file()), key=lambda path: (path.parent, file_number(path.name)))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for found in threads.map(partial(_examined, paths, writer, key), files):
            if isinstance(found, str):
                skipped.append(found)
            else:
                owners.setdefault(found.pairs[key], []).append(found)
    for parts in owners.values():
        parts.sort(key=lambda found: found.part)
        if parts[-1].pairs.get("ducklake.parts") == str(len(parts)):
            yield parts
        else:
            skipped += [f"{paths.relative(found.path)}: parts of its {what} are missing" for found in parts]


def _examined(paths: LakePaths, writer: StorageWriter, key: str, path: Path) -> _Found | str:
    """One of our finished files; a line for anything else, which is left out."""
    try:
        pairs = dict(writer.metadata(path))
        if key not in pairs or not pairs.get("ducklake.part", "").isdecimal():
            return f"{paths.relative(path)}: not written by DuckLake, or never finished"
        seen = writer.examine(path)
    except (DataError, OSError) as error:
        return f"{paths.relative(path)}: {error}"
    if seen.sound is False:
        return f"{paths.relative(path)}: damaged: its content is not what was written"
    return _Found(path, pairs, seen.sha256)
