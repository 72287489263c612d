"""A new catalog from the files alone: their footers say what each belongs to.

Restored are tables, files, landed extractions, published versions with their inputs, schema versions and the state
of each source. The history of failures, runs and checks is lost.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ducklake.api.tables import Schema, TableRef
from ducklake.catalog.commits import commit_extraction, commit_version, set_current
from ducklake.catalog.records import ExtractionRecord, FileRecord, VersionRecord
from ducklake.catalog.store import Catalog
from ducklake.errors import DataError
from ducklake.layers.names import file_number
from ducklake.layers.store import LakePaths, digest, same_file

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
    """

    tables: int
    extractions: int
    versions: int
    skipped: tuple[str, ...]


def rebuild(paths: LakePaths, catalog: Catalog, writer: StorageWriter, report: Report) -> RebuildResult:
    """Make the catalog anew. Nothing else may write to the lake meanwhile.

    Args:
        paths: Of the lake.
        catalog: Of the lake; it is missing or damaged. A damaged one is moved into the private folder.
        writer: Reads the footers.
        report: Told in one line about each thing restored.

    Raises:
        CatalogError: There is a sound catalog.
    """
    moved = catalog.set_aside()
    skipped: list[str] = []
    if moved is not None:
        report(f"the damaged catalog is kept as {moved}")
    extractions = _extractions(paths, writer, skipped)
    versions = _versions(paths, writer, skipped)
    catalog.create(beside_files=True)
    with catalog.write() as connection:
        for record in extractions:
            commit_extraction(connection, record)
            report(f"{record.ref}: extraction {record.extraction_id}, {record.rows} rows")
        for version in versions:
            commit_version(connection, version)
            report(f"{version.ref}: run {version.run_id}, {version.rows} rows")
        for ref in dict.fromkeys(version.ref for version in versions):
            shown = _shown_version(paths, [version for version in versions if version.ref == ref])
            if shown is not None:
                set_current(connection, ref, shown)
    tables = {record.ref for record in extractions} | {version.ref for version in versions}
    return RebuildResult(len(tables), len(extractions), len(versions), tuple(skipped))


def _extractions(paths: LakePaths, writer: StorageWriter, skipped: list[str]) -> list[ExtractionRecord]:
    found: dict[str, list[tuple[dict[str, str], Path]]] = {}
    for path in _files(paths.data / "raw"):
        pairs = _footer(writer, path, "ducklake.extraction_id", skipped, paths)
        if pairs is not None:
            found.setdefault(pairs["ducklake.extraction_id"], []).append((pairs, path))
    records = []
    for parts in found.values():
        parts.sort(key=lambda item: int(item[0]["ducklake.part"]))
        last = parts[-1][0]
        if last.get("ducklake.parts") != str(len(parts)):
            skipped += [f"{paths.relative(path)}: parts of its extraction are missing" for _, path in parts]
            continue
        try:
            records.append(_extraction(paths, parts, last))
        except (KeyError, ValueError, TypeError) as error:
            skipped += [f"{paths.relative(path)}: unreadable footer: {error}" for _, path in parts]
    return sorted(records, key=lambda record: (record.ref, record.epoch, record.started, record.extraction_id))


def _extraction(paths: LakePaths, parts: list[tuple[dict[str, str], Path]], last: dict[str, str]) -> ExtractionRecord:
    files = tuple(_file(paths, path, pairs) for pairs, path in parts)
    return ExtractionRecord(
        extraction_id=last["ducklake.extraction_id"],
        source=last["ducklake.source"],
        table=last["ducklake.table"],
        folder=paths.relative(parts[0][1].parents[3]),
        started=last["ducklake.started"],
        mode=last["ducklake.mode"],
        epoch=int(last["ducklake.epoch"]),
        files=files,
        schema=Schema.from_json(json.loads(last["ducklake.schema"])),
        state_before=json.loads(last["ducklake.state_before"]),
        state=json.loads(last["ducklake.state_after"]),
        statistics=(),
        seconds=0.0,
        notes=("restored from its files",),
    )


def _versions(paths: LakePaths, writer: StorageWriter, skipped: list[str]) -> list[VersionRecord]:
    found: dict[str, list[tuple[dict[str, str], Path]]] = {}
    for path in _files(paths.private / "versions"):
        pairs = _footer(writer, path, "ducklake.run_id", skipped, paths)
        if pairs is not None:
            found.setdefault(pairs["ducklake.run_id"], []).append((pairs, path))
    numbered = []
    for parts in found.values():
        parts.sort(key=lambda item: int(item[0]["ducklake.part"]))
        last = parts[-1][0]
        if last.get("ducklake.parts") != str(len(parts)):
            skipped += [f"{paths.relative(path)}: parts of its version are missing" for _, path in parts]
            continue
        numbered.append((int(last["ducklake.version"]), _version(paths, parts, last)))
    return [record for _, record in sorted(numbered, key=lambda item: (item[1].ref, item[0]))]


def _version(paths: LakePaths, parts: list[tuple[dict[str, str], Path]], last: dict[str, str]) -> VersionRecord:
    inputs: list[list[Any]] = json.loads(last["ducklake.inputs"])
    return VersionRecord(
        run_id=last["ducklake.run_id"],
        ref=TableRef(*json.loads(last["ducklake.destination"])),
        folder=last["ducklake.folder"],
        format="parquet",
        files=tuple(_file(paths, path, pairs) for pairs, path in parts),
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


def _file(paths: LakePaths, path: Path, pairs: dict[str, str]) -> FileRecord:
    return FileRecord(
        paths.relative(path), int(pairs["ducklake.file_rows"]), path.stat().st_size, digest(path), int(pairs["ducklake.part"])
    )


def _files(folder: Path) -> Iterable[Path]:
    return sorted((path for path in folder.rglob("*.parquet") if path.is_file()), key=lambda path: (path.parent, file_number(path.name)))


def _footer(writer: StorageWriter, path: Path, key: str, skipped: list[str], paths: LakePaths) -> dict[str, str] | None:
    """The pairs of one of our finished files; None, with a line in `skipped`, for anything else."""
    try:
        pairs = dict(writer.metadata(path))
    except (DataError, OSError) as error:
        skipped.append(f"{paths.relative(path)}: {error}")
        return None
    if key not in pairs or "ducklake.part" not in pairs:
        skipped.append(f"{paths.relative(path)}: not written by DuckLake, or never finished")
        return None
    return pairs
