"""Versioned publishing of staging and consume.

Finished files get never-used names under `versions/`; one catalog transaction makes them the table's file set; the
public paths follow by hard link and rename, and are redone by the next command after a crash. Our own readers open
the versioned files of one catalog snapshot, so they see a whole old or a whole new table, always.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from ducklake.api.tables import TableRef
from ducklake.catalog.commits import forget_versions, set_current
from ducklake.catalog.locks import locked
from ducklake.catalog.queries import LakeSnapshot, TableState, snapshot, versions
from ducklake.catalog.store import Catalog
from ducklake.errors import ConfigurationError, DataError
from ducklake.layers.names import encode, lock_key
from ducklake.layers.store import LakePaths, disk_errors, make_folder, put_over, remove_tree, same_file, sync_folder

GRACE = dt.timedelta(minutes=10)
"""How long a superseded version stays at least, for readers that have just opened it."""


def version_folder(paths: LakePaths, ref: TableRef, run_id: str) -> Path:
    """The private folder of a version; its name is never used again.

    Args:
        paths: Of the lake.
        ref: The table.
        run_id: Of the run that makes it.
    """
    return paths.private / "versions" / ref.layer / ref.domain / encode(ref.table) / run_id


def show_public(paths: LakePaths, table: TableState) -> None:
    """Let the public paths of a table show its current version. The table's lock is held.

    Args:
        paths: Of the lake.
        table: As the catalog has it.
    """
    folder = paths.absolute(table.folder)
    make_folder(folder)
    scratch = paths.work / lock_key(table.ref)
    make_folder(scratch, 0o700)
    wanted = {Path(file.path).name: paths.absolute(file.path) for file in table.current_files}
    changed = False
    for name, source in wanted.items():
        if not same_file(source, folder / name):
            put_over(source, folder / name, scratch / "publish.new")
            changed = True
    for entry in folder.iterdir():
        if entry.name not in wanted and entry.suffix == ".parquet" and entry.is_file():
            entry.unlink()
            changed = True
    if changed:
        sync_folder(folder)


def shown(paths: LakePaths, table: TableState) -> bool:
    """Whether the public paths show the current version.

    Args:
        paths: Of the lake.
        table: As the catalog has it.
    """
    folder = paths.absolute(table.folder)
    return all(same_file(paths.absolute(file.path), folder / Path(file.path).name) for file in table.current_files)


def prune(paths: LakePaths, catalog: Catalog, ref: TableRef, keep: int) -> None:
    """Remove versions beyond the number that is kept, once their grace time is over. The table's lock is held.

    Args:
        paths: Of the lake.
        catalog: Of the lake.
        ref: The table.
        keep: Versions to keep, the current one included.
    """
    with catalog.read() as connection:
        kept = versions(connection, ref)
    limit = dt.datetime.now(dt.UTC).replace(tzinfo=None) - GRACE
    old = [(row["version"], row["run_id"]) for row in kept[max(keep, 1) :] if row["superseded"] and row["superseded"] < limit]
    if not old:
        return
    with catalog.write() as connection:
        forget_versions(connection, ref, old)
    for _, run_id in old:
        remove_tree(version_folder(paths, ref, run_id))


def roll_back(paths: LakePaths, catalog: Catalog, ref: TableRef, to: int | None, wait: float) -> tuple[int, int]:
    """Make an earlier version the current one; the versions after it stay, and can be rolled forward to.

    Args:
        paths: Of the lake.
        catalog: Of the lake.
        ref: A table of staging or consume.
        to: Number of the version; None is the one before the current.
        wait: Seconds to wait for the table.

    Returns:
        Numbers of the version before and now.

    Raises:
        ConfigurationError: It is a raw table: raw is append only.
        DataError: There is no such table or version.
        BusyError: Another process holds the table.
    """
    if ref.layer == "raw":
        raise ConfigurationError(f"{ref}: raw is append only, there is nothing to roll back", hint="name a table of staging or consume")
    with locked(paths.lock(lock_key(ref)), str(ref), wait=wait):
        with catalog.read() as connection:
            table = snapshot(connection, ref).get(ref)
            kept = [int(row["version"]) for row in versions(connection, ref)]
        if table is None:
            raise DataError(f"{ref}: no such table in the lake", hint="ducklake catalog", code="no_such_table")
        target = to if to is not None else next((version for version in kept if version < table.version), None)
        if target not in kept:
            what = f"no version {to}" if to is not None else f"no version before {table.version}"
            raise DataError(f"{ref}: {what} is kept", hint=f"kept are {', '.join(map(str, kept))}", code="no_such_version")
        with catalog.write() as connection:
            set_current(connection, ref, target)
            current = snapshot(connection, ref)[ref]
        with disk_errors(paths.data):
            show_public(paths, current)
    return table.version, target


def unshown(paths: LakePaths, tables: LakeSnapshot) -> list[TableState]:
    """Published tables whose public paths lag behind the catalog: a process died between commit and link.

    Args:
        paths: Of the lake.
        tables: All tables.
    """
    return [table for table in tables.values() if table.ref.layer != "raw" and not shown(paths, table)]
