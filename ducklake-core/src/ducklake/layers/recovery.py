"""What a killed process has left behind, mended by the next command that writes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ducklake.catalog.commits import commit_extraction
from ducklake.catalog.locks import locked
from ducklake.catalog.queries import is_committed, snapshot
from ducklake.catalog.records import ExtractionRecord
from ducklake.catalog.store import Catalog
from ducklake.errors import BusyError
from ducklake.layers.names import lock_key
from ducklake.layers.publish import show_public, unshown
from ducklake.layers.raw import COMMIT_FILE, abandon, link_files
from ducklake.layers.store import LakePaths, disk_errors, remove_tree, same_file

Report = Callable[[str], None]


def recover(paths: LakePaths, catalog: Catalog, report: Report) -> bool:
    """Finish or undo what dead processes have begun; tables that a living process holds are left alone.

    Args:
        paths: Of the lake.
        catalog: Of the lake.
        report: Told in one line about each thing that was mended.

    Returns:
        Whether there was anything to look after.
    """
    found = False
    with disk_errors(paths.private):
        for table in sorted(paths.work.iterdir()) if paths.work.is_dir() else []:
            remains = [entry for entry in table.iterdir() if entry.is_dir()]
            if remains:
                found = True
                with contextlib.suppress(BusyError), locked(paths.lock(table.name), table.name):
                    for folder in sorted(remains):
                        _recover_one(paths, catalog, folder, report)
        with catalog.read() as connection:
            tables = snapshot(connection, published=True, statistics=False)
        for state in unshown(paths, tables):
            found = True
            with contextlib.suppress(BusyError), locked(paths.lock(lock_key(state.ref)), str(state.ref)):
                with catalog.read() as connection:
                    current = snapshot(connection, state.ref)[state.ref]
                show_public(paths, current)
                report(f"{state.ref}: the public files show version {current.version} again")
    return found


def _recover_one(paths: LakePaths, catalog: Catalog, folder: Path, report: Report) -> None:
    """One private folder of a dead process, its table locked by us."""
    if not folder.is_dir():
        return
    with catalog.read() as connection:
        committed = is_committed(connection, folder.name)
    document = _document(folder)
    if committed:
        # Public names were durable before the commit, so there is nothing left to do but to tidy up.
        remove_tree(folder)
        return
    if document is None:
        for version in (paths.private / "versions").glob(f"*/*/*/{folder.name}"):
            remove_tree(version)
        remove_tree(folder)
        return
    record = ExtractionRecord.from_json(document["record"])
    problem = _not_adoptable(paths, catalog, folder, document, record)
    if problem is not None:
        abandon(paths, folder, document, problem)
        report(f"{record.ref}: the remains of a killed extraction went to {paths.orphans}: {problem}")
        return
    link_files(paths, folder, document)
    with catalog.write() as connection:
        commit_extraction(connection, record)
    remove_tree(folder)
    report(f"{record.ref}: finished the landing of {record.rows} rows that a killed process had begun")


def _document(folder: Path) -> dict[str, Any] | None:
    """The commit's record if it is whole."""
    try:
        document = json.loads((folder / COMMIT_FILE).read_text(encoding="utf-8"))
        ExtractionRecord.from_json(document["record"])
        return document if isinstance(document["private"], dict) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _not_adoptable(paths: LakePaths, catalog: Catalog, folder: Path, document: dict[str, Any], record: ExtractionRecord) -> str | None:
    """Why a complete landing must not be finished any more; None if it may."""
    for file in record.files:
        private = folder / document["private"][file.path]
        if not private.exists() or private.stat().st_size != file.size:
            return f"{file.path} is not whole"
        public = paths.absolute(file.path)
        if public.exists() and not same_file(private, public):
            return f"another file has the name {file.path}"
    with catalog.read() as connection:
        current = snapshot(connection, record.ref).get(record.ref)
    if record.epoch < (current.version if current else 0):
        return "a newer extraction has landed since"
    if record.mode == "incremental" and (current.state if current else None) != record.state_before:
        return "the table's state has moved on since"
    return None
