"""Landing in raw: from finished private files to a committed extraction.

The order is what makes it exactly once: private files are complete and durable; a record of the whole commit is
durable beside them; the files get public names that were never used; one catalog transaction makes it true; the
private folder goes. Whoever finds a private folder whose process is gone either finishes that (the record is there)
or throws it away (it is not): see `recovery`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ducklake.api.engine import StagedFiles
from ducklake.api.tables import TableRef
from ducklake.api.writer import StorageWriter
from ducklake.catalog.commits import commit_extraction
from ducklake.catalog.queries import is_committed
from ducklake.catalog.records import ExtractionRecord, FileRecord, StatisticsRecord
from ducklake.catalog.store import Catalog
from ducklake.layers.names import file_name, file_number, lock_key, partition
from ducklake.layers.store import LakePaths, digest, disk_errors, make_folder, put_new, remove_tree, sync_file, sync_folder, write_json

COMMIT_FILE = "commit.json"
"""The record beside finished files; its presence means that the landing can be finished by anyone."""

FOOTER_FORMAT = "2"
"""Version of the keys that files carry in their footers: 2 added sequence, repeats and the digest of the file."""


def work_folder(paths: LakePaths, ref: TableRef, owner: str) -> Path:
    """Make the private folder of a running extraction or pipeline.

    Args:
        paths: Of the lake.
        ref: The table that is written.
        owner: Extraction or run id.
    """
    folder = paths.work / lock_key(ref) / owner
    with disk_errors(folder):
        folder.mkdir(0o700, parents=True, exist_ok=True)
    return folder


def make_lasting(folder: Path) -> None:
    """Make a work folder durable, before anything is made elsewhere that has to be found by it after a power cut.

    Args:
        folder: From `work_folder`. An extraction that finds nothing new never needs this.
    """
    with disk_errors(folder):
        # Each name lasts once the folder that holds it is flushed: the owner's, the table's, and that of all work.
        for holder in (folder.parent, folder.parent.parent, folder.parent.parent.parent):
            sync_folder(holder)


def complete_files(
    writer: StorageWriter, staged: StagedFiles, common: Mapping[str, str], last: Mapping[str, str]
) -> tuple[tuple[Path, FileRecord], ...]:
    """Write the footers of finished files, make them durable, and take their sizes and digests.

    Args:
        writer: Of the files.
        staged: The files in order of their parts.
        common: Pairs for every file.
        last: Pairs for the last file besides.

    Returns:
        Each private file with a record whose path is still empty.
    """
    done = []
    for part, file in enumerate(staged.files, 1):
        pairs = {**common, "ducklake.part": str(part), "ducklake.file_rows": str(file.rows)} | (
            dict(last) if part == len(staged.files) else {}
        )
        with disk_errors(file.path):
            sha256 = writer.complete(file.path, pairs) or digest(file.path)
            sync_file(file.path)
            done.append((file.path, FileRecord("", file.rows, file.path.stat().st_size, sha256, part)))
    return tuple(done)


def land(
    paths: LakePaths,
    catalog: Catalog,
    folder: Path,
    record: ExtractionRecord,
    files: Iterable[tuple[Path, FileRecord]],
    known: Iterable[str],
) -> tuple[ExtractionRecord, int]:
    """Give finished files their public names and commit the extraction. The table's lock is held.

    Args:
        paths: Of the lake.
        catalog: Of the lake.
        folder: The private folder that holds the files; it is gone afterwards.
        record: What is to be committed, without files.
        files: The private files, with records whose paths are still empty.
        known: Paths that the catalog lists for this table.

    Returns:
        The record with its files, and the schema version.

    Raises:
        DataError: The disk does not take it; nothing has landed.
        CatalogError: The catalog does not take it; nothing has landed.
    """
    finished = list(files)
    started = dt.datetime.fromisoformat(record.started)
    day = f"{record.folder}/{partition(started)}"
    first = _next_number(paths, day, known)
    named = tuple(dataclasses.replace(item, path=f"{day}/{file_name(first + at)}") for at, (_, item) in enumerate(finished))
    record = dataclasses.replace(record, files=named)
    document = {"record": record.to_json(), "private": {item.path: path.name for item, (path, _) in zip(named, finished, strict=True)}}
    with disk_errors(folder):
        write_json(folder / COMMIT_FILE, document)
    make_lasting(folder)
    try:
        link_files(paths, folder, document)
        schema_version = _commit(catalog, record)
    except BaseException:
        if not _has_happened(catalog, record.extraction_id):
            abandon(paths, folder, document, "the extraction was given up before its commit")
        raise
    remove_tree(folder)
    return record, schema_version


def link_files(paths: LakePaths, folder: Path, document: Mapping[str, Any]) -> None:
    """Give the private files their public names, durably; files that have them already are left alone.

    Args:
        paths: Of the lake.
        folder: The private folder.
        document: What lies in `COMMIT_FILE`.
    """
    days = set()
    for public, private in document["private"].items():
        target = paths.absolute(public)
        with disk_errors(target):
            make_folder(target.parent)
            put_new(folder / private, paths.absolute(public))
        days.add(target.parent)
    for day in days:
        with disk_errors(day):
            sync_folder(day)


def abandon(paths: LakePaths, folder: Path, document: Mapping[str, Any], reason: str) -> None:
    """Take back public names that were never committed: the files move to the orphans, with the reason.

    Args:
        paths: Of the lake.
        folder: The private folder; it is gone afterwards.
        document: What lies in `COMMIT_FILE`.
        reason: One line for whoever looks.
    """
    for public in document["private"]:
        source = paths.absolute(public)
        if source.exists():
            target = paths.orphans / public
            make_folder(target.parent, 0o700)
            source.rename(target)
            sync_folder(source.parent)
            with contextlib.suppress(OSError):
                target.with_suffix(".reason.json").write_text(
                    json.dumps({"reason": reason, "extraction": document["record"]["extraction_id"]})
                )
    remove_tree(folder)


def statistics_of(staged: StagedFiles) -> tuple[StatisticsRecord, ...]:
    """The writer's statistics over all files; minimum and maximum only where there is one file.

    Args:
        staged: The files.
    """
    single = staged.files[0].statistics if len(staged.files) == 1 else {}
    records = []
    for column in staged.schema:
        counts = [file.statistics[column.name].nulls for file in staged.files if column.name in file.statistics]
        known = [count for count in counts if count is not None]
        nulls = sum(known) if len(known) == len(staged.files) else None
        seen = single.get(column.name)
        records.append(StatisticsRecord(column.name, nulls, seen.minimum if seen else None, seen.maximum if seen else None))
    return tuple(records)


def _commit(catalog: Catalog, record: ExtractionRecord) -> int:
    with catalog.write(record.ref) as connection:
        return commit_extraction(connection, record)


def _has_happened(catalog: Catalog, owner: str) -> bool:
    """After a failed commit, look: it may have happened all the same. If nobody can tell, leave all for recovery."""
    try:
        with catalog.read() as connection:
            return is_committed(connection, owner)
    except Exception:
        return True


def _next_number(paths: LakePaths, day: str, known: Iterable[str]) -> int:
    """A number that no file of that day has or had: public files, orphans and what the catalog lists are looked at."""
    numbers = [0, *(file_number(path.rpartition("/")[2]) for path in known if path.rpartition("/")[0] == day)]
    for folder in (paths.absolute(day), paths.orphans / day):
        if folder.is_dir():
            numbers += [file_number(entry.name) for entry in folder.iterdir()]
    return max(numbers) + 1
