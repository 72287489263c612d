"""Opening the catalog: for one short transaction at a time, behind a lock of ours.

DuckDB lets one process write to a file and none read meanwhile, so nobody keeps it open: readers and writers take the
same lock for some 20 ms. Nothing but DuckDB ever opens the file itself: another `open()` in this process would drop
DuckDB's own lock when it is closed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ducklake.api.sql import literal
from ducklake.catalog.known import Known
from ducklake.catalog.locks import locked
from ducklake.catalog.schema import FORMAT_VERSION, MIGRATIONS
from ducklake.errors import BusyError, CatalogError, DataError

if TYPE_CHECKING:
    import duckdb

    from ducklake.api.tables import TableRef
    from ducklake.catalog.queries import TableState

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": "1",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}

WAIT_SECONDS = 30.0
"""How long a command waits for the catalog's own lock."""


class Catalog:
    """The catalog of one lake.

    Args:
        data: The lake's data folder.
        private: Its private folder, which holds the lock.
    """

    def __init__(self, data: Path, private: Path) -> None:
        self.path = data / "catalog.duckdb"
        self._data = data
        self._private = private
        self._memory: duckdb.DuckDBPyConnection | None = None
        self._busy = threading.Lock()
        self._known = Known()
        self._read_at: bytes | None = None

    @contextlib.contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection | None]:
        """Open for reading; None where the lake has no catalog yet.

        Raises:
            CatalogError: It is damaged, newer, or missing beside data files.
            BusyError: It stayed locked.
        """
        if not self.path.exists():
            self._refuse_missing()
            yield None
            return
        while True:
            with self._lock():
                self._read_at = self._mark()
                with self._open(self.path, read_only=True) as connection:
                    version = self._version(connection)
                    if not 0 < version < FORMAT_VERSION:
                        yield connection if version else None
                        return
            with self.write():
                pass  # which migrates it

    @contextlib.contextmanager
    def write(self, only: TableRef | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction: committed and checkpointed at the end of the block, rolled back if it raises.

        Args:
            only: The one table whose state it may change, so that what is known of its neighbours stays known.

        Raises:
            CatalogError: It is damaged, newer, or missing beside data files.
            BusyError: It stayed locked.
            DataError: The disk does not take it; the transaction did not happen.
        """
        from ducklake.catalog.queries import folder_of

        self.create()
        with self._lock():
            known, self._known = self._known, Known()
            alone = known.mark is not None and known.mark == self._mark()
            with self._transaction(self.path) as connection:
                yield connection
                folder = folder_of(connection, only) if alone and only else None
            if only is not None:
                self._known = known.after_change(only, folder, self._mark()) if alone else Known(self._mark())

    def table(self, ref: TableRef) -> tuple[TableState | None, list[str]]:
        """One table, without statistics, and the folders of its neighbours in its layer and domain.

        Whoever asks for one table after the other gets all of a domain read at once, as long as nobody else writes.

        Args:
            ref: Its name; it need not exist. Its lock is held, if the answer is to stay true.

        Raises:
            CatalogError: As `read`.
            BusyError: As `read`.
        """
        from ducklake.catalog.queries import folders, snapshot

        if self.path.exists():
            with self._lock():
                if self._known.mark is not None and self._known.mark == self._mark() and (found := self._known.get(ref)):
                    return found
        with self.read() as connection:
            mark, known = self._read_at, self._known
            if mark is None or mark != known.mark:
                self._known = Known(mark)
            elif not known.covers(ref):
                tables = snapshot(connection, ref, neighbours=True, statistics=False)
                self._known = Known(mark, (ref.layer, ref.domain), tables, {other.table: state.folder for other, state in tables.items()})
                return self._known.get(ref) or (None, [])
            return snapshot(connection, ref, statistics=False).get(ref), folders(connection, ref)

    def _mark(self) -> bytes | None:
        """What tells each state of the file from all others: the two headers in which DuckDB counts its checkpoints.

        Read only behind the lock: nobody has the file open then. None after a kill, whose log the next opening replays, and
        where the file cannot be read, which the next opening says.
        """
        if self._log.exists():
            return None
        try:
            with self.path.open("rb") as file:
                return file.read(3 * 4096)[4096:]
        except OSError:
            return None

    def create(self, *, beside_files: bool = False) -> None:
        """Give an empty lake its catalog; one that is there stays. Called before anything lands.

        The file is made complete under a private name first, so that a kill leaves a whole one or none.

        Args:
            beside_files: Make it although there are data files (a rebuild).

        Raises:
            CatalogError: There is none, but there are data files.
            DataError: The disk does not take it.
        """
        if self.path.exists():
            return
        if not beside_files:
            self._refuse_missing()
        draft = self._private / f"catalog-{os.getpid()}-{threading.get_ident()}.new"
        try:
            self._private.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.unlink(missing_ok=True)
            with self._lock(), self._transaction(draft):
                pass
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            # What a catalog that is gone had not yet written into its file belongs to nothing any more.
            with self._lock(), contextlib.suppress(FileExistsError):
                if not self.path.exists():
                    self._log.unlink(missing_ok=True)
                os.link(draft, self.path)
            folder = os.open(self._data, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            draft.unlink()
        except OSError as error:
            raise DataError(
                f"{self._data}: cannot write: {error.strerror or error}", hint="make the data folder writable", code="disk"
            ) from error

    @property
    def _log(self) -> Path:
        """DuckDB's write-ahead log, which is there only after a kill."""
        return self.path.with_name(self.path.name + ".wal")

    def check(self) -> None:
        """Raise if the catalog is damaged, newer, or missing beside data files; an empty lake passes."""
        with self.read() as connection:
            if connection is not None:
                for table in ("extractions", "pipeline_runs", "data_quality", "tables", "schema_versions", "files", "versions"):
                    connection.execute(f"SELECT * FROM {table}").fetchall()

    @contextlib.contextmanager
    def _transaction(self, path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._open(path, read_only=False) as connection:
            before = self._version(connection)
            if 0 < before < FORMAT_VERSION:
                self._back_up(connection, before)
            connection.execute("BEGIN")
            try:
                if before < FORMAT_VERSION:
                    self._migrate(connection, before)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(Exception):
                    connection.execute("ROLLBACK")
                raise
            connection.execute("CHECKPOINT")

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        path = self._private / "locks" / "catalog.lock"
        try:
            with locked(path, "the catalog", wait=WAIT_SECONDS, poll=0.005, record=False):
                yield
        except BusyError as error:
            raise BusyError(f"the catalog stayed locked for {WAIT_SECONDS:.0f} s", hint="look for a stuck ducklake process") from error

    @contextlib.contextmanager
    def _open(self, path: Path, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        """The file, attached to a database in memory that is kept: a new one would cost more than the question."""
        import duckdb

        with self._busy:
            if self._memory is None:
                self._memory = duckdb.connect(config=_CONFIG)
                # To try all compressions on a few rows takes a third of the time of a checkpoint.
                self._memory.execute("SET force_compression = 'uncompressed'")
            connection = self._memory
            try:
                # Every change rewrites whole blocks: small ones make a small catalog's transactions twice as fast.
                created = "" if path.exists() else ", BLOCK_SIZE 16384"
                options = "READ_ONLY" if read_only else f"STORAGE_VERSION 'v1.0.0'{created}"
                try:
                    connection.execute(f"ATTACH {literal(str(path))} AS catalog ({options})")
                    connection.execute("USE catalog")
                except duckdb.IOException as error:
                    raise self._unreadable(error) from error
                except duckdb.Error as error:
                    raise self._damaged(error) from error
                try:
                    yield connection
                except (duckdb.InternalException, duckdb.SerializationException) as error:
                    raise self._damaged(error) from error
                except duckdb.IOException as error:
                    raise self._unreadable(error) from error
            except BaseException:
                # Whatever state the database is in now, nobody shall meet it again.
                self._memory = None
                with contextlib.suppress(Exception):
                    connection.close()
                raise
            connection.execute("USE memory")
            connection.execute("DETACH catalog")

    def _unreadable(self, error: Exception) -> DataError | CatalogError:
        text = str(error).split("\n")[0]
        lower = text.lower()
        if any(
            word in lower for word in ("no space", "read-only", "permission denied", "cannot open file", "could not write", "input/output")
        ):
            return DataError(f"{self.path}: {text}", hint="free the disk or make the data folder writable, then run the command again")
        return self._damaged(error)

    def _damaged(self, error: Exception) -> CatalogError:
        text = str(error).split("\n")[0]
        return CatalogError(
            f"{self.path}: the catalog is damaged: {text}",
            hint="no data is lost: run `ducklake catalog rebuild`",
            code="catalog_damaged",
        )

    def _refuse_missing(self) -> None:
        """An empty lake gets a new catalog; a full one must not silently begin anew."""
        for layer in (self._data / "raw", self._private / "versions"):
            found = next(layer.rglob("*.parquet"), None) if layer.is_dir() else None
            if found is not None:
                raise CatalogError(
                    f"{self.path}: the catalog is missing, but {found.relative_to(self._data)} is there",
                    hint="run `ducklake catalog rebuild`",
                    code="catalog_missing",
                )

    def _version(self, connection: duckdb.DuckDBPyConnection) -> int:
        import duckdb

        try:
            row = connection.execute("SELECT value FROM lake WHERE key = 'format_version'").fetchone()
        except duckdb.CatalogException:  # there is no such table yet
            return 0
        version = int(row[0]) if row else 0
        if version > FORMAT_VERSION:
            raise CatalogError(
                f"{self.path}: the catalog has version {version}, this DuckLake reads up to {FORMAT_VERSION}",
                hint="upgrade: pip install -U ducklake-core",
                code="catalog_newer",
            )
        return version

    def _back_up(self, connection: duckdb.DuckDBPyConnection, version: int) -> None:
        """Before an older catalog is migrated, keep it as it is."""
        backup = self._private / f"catalog-version-{version}.duckdb"
        draft = backup.with_suffix(".new")
        draft.unlink(missing_ok=True)
        connection.execute(f"ATTACH {literal(str(draft))} AS backup (STORAGE_VERSION 'v1.0.0')")
        connection.execute("COPY FROM DATABASE catalog TO backup")
        connection.execute("DETACH backup")
        os.replace(draft, backup)

    def set_aside(self) -> Path | None:
        """Move a damaged catalog out of the way, for a rebuild; a sound one stays.

        Returns:
            Where it is now; None if there was none.

        Raises:
            CatalogError: It is sound, or of a newer version.
        """
        if not self.path.exists():
            return None
        try:
            self.check()
        except CatalogError as error:
            if error.problem.code != "catalog_damaged":
                raise
        else:
            raise CatalogError(
                f"{self.path}: the catalog is sound",
                hint="move it away if you want it made anew; the history of failures, runs and checks would be lost",
                code="catalog_sound",
            )
        moved = self._private / f"catalog-damaged-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}.duckdb"
        with self._lock():
            os.replace(self.path, moved)
            if self._log.exists():
                os.replace(self._log, moved.with_name(moved.name + ".wal"))
        return moved

    def _migrate(self, connection: duckdb.DuckDBPyConnection, before: int) -> None:
        for version in range(before + 1, FORMAT_VERSION + 1):
            connection.execute(MIGRATIONS[version])
        connection.execute("DELETE FROM lake WHERE key = 'format_version'")
        connection.execute("INSERT INTO lake (key, value) VALUES ('format_version', ?)", [str(FORMAT_VERSION)])
        if before == 0:
            created = f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
            connection.execute("INSERT INTO lake (key, value) VALUES ('created', ?)", [created])
