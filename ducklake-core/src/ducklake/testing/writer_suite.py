"""What DuckLake expects of every storage writer and of every engine."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import signal
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import pytest

from ducklake.testing.suites import HOSTILE_NAMES, Suite, check_class, same_rows

if TYPE_CHECKING:
    from ducklake.api.engine import Engine, EngineSession, StagedFiles
    from ducklake.api.writer import StorageWriter


@dataclasses.dataclass(frozen=True, slots=True)
class WriterCase:
    """A writer.

    Attributes:
        writer: The class.
    """

    writer: type[StorageWriter]


class WriterTests(Suite):
    """What is staged reads back exactly, nothing else is touched, half a file is none."""

    case: ClassVar[WriterCase]

    def test_the_class_can_be_registered(self) -> None:
        """It has a plain name and an extension."""
        check_class(self.case.writer, "register_writers")
        extension = getattr(self.case.writer, "extension", None)
        assert isinstance(extension, str), f"its extension is {extension!r}"
        assert extension.isalnum(), f"its extension is {extension!r}; write letters and digits, without the dot"

    def test_values_of_every_type_come_back(self, engine_session: EngineSession, tmp_path: Path) -> None:
        """Types and values are those that went in, or text for what the format cannot hold."""
        from ducklake.testing.steps import text_of
        from ducklake.testing.values import every_type

        staged = self._stage(engine_session, every_type(), tmp_path)
        same_rows(engine_session.fetch(text_of(self._scan(staged))), engine_session.fetch(text_of(every_type())), "rows")
        read = engine_session.describe(self._scan(staged))
        assert [(c.name, c.type) for c in read] == [(c.name, c.type) for c in staged.schema], "scan() has other columns than stage() says"
        assert [c.type for c in read] == [c.type for c in engine_session.describe(every_type())], "types have changed"

    def test_no_rows_are_a_file_too(self, engine_session: EngineSession, tmp_path: Path) -> None:
        """A table without rows keeps its columns."""
        staged = self._stage(engine_session, "SELECT 1 AS id WHERE false", tmp_path)
        assert (len(staged.files), staged.rows) == (1, 0), f"{len(staged.files)} files with {staged.rows} rows instead of one without rows"
        assert self._read(engine_session, staged) == []
        assert staged.schema.names == ("id",)

    def test_a_scan_of_no_files_has_the_columns(self, engine_session: EngineSession) -> None:
        """A table that has no file yet can be read."""
        from ducklake.api.tables import Column, Schema

        schema = Schema((Column("id", "BIGINT"), Column('a "b"', "DECIMAL(12,2)")))
        sql = self.case.writer().scan([], schema)
        assert [(c.name, c.type) for c in engine_session.describe(sql)] == [(c.name, c.type) for c in schema]
        assert engine_session.fetch(sql) == []

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_names_are_data(self, engine_session: EngineSession, tmp_path: Path, name: str) -> None:
        """Columns and folders may be called anything."""
        from ducklake.api.sql import quote

        folder = tmp_path / f"{name.replace(chr(92), '')} [x]=*"  # a backslash parts folders, for DuckDB
        staged = self._stage(engine_session, f"SELECT 1 AS {quote(name)}", folder)
        self.case.writer().complete(staged.files[0].path, {"k": name})
        assert self.case.writer().metadata(staged.files[0].path)["k"] == name
        assert self._read(engine_session, staged) == [(1,)]
        assert staged.schema.names == (name,)

    def test_the_rows_it_counts_are_there(self, engine_session: EngineSession, tmp_path: Path) -> None:
        """Rows and sizes of the files are true."""
        staged = self._stage(engine_session, "SELECT * FROM range(1000) AS t(id)", tmp_path)
        assert staged.rows == 1000, f"it counts {staged.rows} rows of 1000"
        sizes = [(file.size, file.path.stat().st_size) for file in staged.files]
        assert all(said == real for said, real in sizes), f"sizes said and real: {sizes}"

    def test_several_files_read_as_one_table(self, engine_session: EngineSession, tmp_path: Path) -> None:
        """Files are put together by the names of columns."""
        first = self._stage(engine_session, "SELECT 1 AS id, 'a' AS name", tmp_path / "1")
        second = self._stage(engine_session, "SELECT 2 AS id, 'b' AS name", tmp_path / "2")
        sql = self.case.writer().scan([file.path for file in (*first.files, *second.files)], first.schema)
        same_rows(engine_session.fetch(sql), [(1, "a"), (2, "b")], "rows of two files")

    def test_nothing_is_written_beside_its_folder(self, engine_session: EngineSession, tmp_path: Path) -> None:
        """Core lends a private folder; everything else is not the writer's."""
        neighbour = tmp_path / "neighbour"
        neighbour.write_text("as it was", encoding="utf-8")
        staged = self._stage(engine_session, "SELECT 1 AS id", tmp_path / "own")
        outside = [file.path for file in staged.files if not file.path.is_relative_to(tmp_path / "own")]
        assert not outside, f"it wrote {outside}, outside of its folder"
        self.case.writer().complete(staged.files[0].path, {"k": "v"})
        beside = sorted(path.name for path in tmp_path.iterdir())
        assert beside == ["neighbour", "own"], f"beside its folder there is {beside}"

    def test_a_failure_is_raised_and_abort_leaves_nothing(self, engine_session: EngineSession, tmp_path: Path) -> None:
        """Rows that cannot be computed are an error, and what was written can be taken back."""
        from ducklake.api.engine import EngineError

        late = "SELECT CASE WHEN id = 199999 THEN error('late') ELSE id END AS id FROM range(200000) AS t(id)"
        try:
            self._stage(engine_session, late, tmp_path / "failed")
        except EngineError:
            pass
        else:
            raise AssertionError("a statement that fails was staged without an error")
        staged = self._stage(engine_session, "SELECT 1 AS id", tmp_path / "done")
        self.case.writer().abort(staged)
        left = [path.name for path in (tmp_path / "done").rglob("*")]
        assert not left, f"abort() left {left}"

    def test_pairs_of_metadata_are_kept(self, engine_session: EngineSession, tmp_path: Path) -> None:
        """`complete` adds and replaces pairs; the rows stay as they were."""
        from ducklake.testing.steps import text_of
        from ducklake.testing.values import every_type

        staged = self._stage(engine_session, every_type(), tmp_path)
        path = staged.files[0].path
        writer = self.case.writer()
        writer.complete(path, {"ducklake.a": "1", "unicode": "ñ 🦆"})
        writer.complete(path, {"ducklake.a": "2", "long": "x" * 100_000})
        pairs = dict(writer.metadata(path))
        wanted = {"ducklake.a": "2", "unicode": "ñ 🦆", "long": "x" * 100_000}
        found = {key: pairs.get(key) for key in wanted}
        assert found == wanted, f"the pairs are {str(found)[:200]}"
        same_rows(engine_session.fetch(text_of(self._scan(staged))), engine_session.fetch(text_of(every_type())), "rows after complete()")

    def test_a_changed_byte_is_noticed(self, engine_session: EngineSession, tmp_path: Path) -> None:
        """`examine` gives the digest of the file, and never calls sound what is not."""
        from ducklake.errors import DataError

        writer = self.case.writer()
        path = self._stage(engine_session, "SELECT range AS n FROM range(1000)", tmp_path).files[0].path
        told = writer.complete(path, {"k": "v"})
        seen = writer.examine(path)
        content = path.read_bytes()
        assert seen.sha256 == hashlib.sha256(content).hexdigest(), "examine() gives another sha256 than the file has"
        assert told in (None, seen.sha256), f"complete() says that the sha256 is {told}"
        assert seen.sound is not False, "examine() calls a file damaged that complete() has just finished"
        for at in (len(content) // 3, len(content) - 40):
            changed = bytearray(content)
            changed[at] ^= 1
            path.write_bytes(changed)
            try:
                assert writer.examine(path).sound is not True, f"byte {at} was changed, and the file is called sound"
            except DataError:
                continue

    def test_half_a_file_is_refused(self, engine_session: EngineSession, tmp_path: Path) -> None:
        """A file that a killed process has left is known for what it is."""
        from ducklake.errors import DataError

        staged = self._stage(engine_session, "SELECT * FROM range(10000) AS t(id)", tmp_path)
        path = staged.files[0].path
        self.case.writer().complete(path, {"k": "v"})
        whole = path.read_bytes()
        for share in (0.0, 0.1, 0.5, 0.99):
            path.write_bytes(whole[: int(len(whole) * share)])
            try:
                self.case.writer().metadata(path)
            except DataError:
                continue
            raise AssertionError(f"{share:.0%} of a file is taken for a whole one: metadata() has to raise DataError")

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
    def test_a_writer_killed_in_the_middle_leaves_no_whole_file(self, tmp_path: Path) -> None:
        """What lies in the folder when the process dies before the last row is refused, whatever was flushed by then."""
        from ducklake.errors import DataError

        ready, tell = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the child opens an engine of its own and is killed, never joined
            pid = os.fork()
        if pid == 0:
            os.close(ready)
            self._write_and_never_end(tmp_path, tell)
        os.close(tell)
        try:
            with os.fdopen(ready, "rb") as signs:
                assert signs.read(1), "the writer has failed before it was killed"
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        for path in (path for path in tmp_path.rglob("*") if path.is_file()):
            try:
                self.case.writer().metadata(path)
            except DataError:
                continue
            raise AssertionError(f"{path.name} of a killed writer is taken for a whole file: metadata() has to raise DataError")

    def _write_and_never_end(self, folder: Path, tell: int) -> NoReturn:
        """Stage rows that never end, and give a sign when many have been asked for; in a process of its own."""
        import pyarrow as pa

        from ducklake.api.engine import EngineSettings
        from ducklake.builtin.duckdb_engine import DuckDBEngine

        schema = pa.schema([("id", pa.int64())])

        def rows() -> Iterator[pa.RecordBatch]:
            for start in range(0, 3_000_000, 50_000):
                yield pa.record_batch([pa.array(range(start, start + 50_000))], schema=schema)
            os.write(tell, b".")
            time.sleep(600)

        try:
            with DuckDBEngine().open(EngineSettings(threads=2)) as session:
                session.register("endless", rows(), schema)
                self._stage(session, "SELECT * FROM endless", folder)
        finally:
            os._exit(1)

    def _stage(self, session: EngineSession, sql: str, folder: Path) -> StagedFiles:
        from ducklake.api.engine import FileSpec

        folder.mkdir(parents=True, exist_ok=True)
        return self.case.writer().stage(session, sql, FileSpec(folder))

    def _scan(self, staged: StagedFiles) -> str:
        return self.case.writer().scan([file.path for file in staged.files], staged.schema)

    def _read(self, session: EngineSession, staged: StagedFiles) -> Sequence[Sequence[Any]]:
        return session.fetch(self._scan(staged))


@dataclasses.dataclass(frozen=True, slots=True)
class EngineCase:
    """An engine.

    Attributes:
        engine: The class.
    """

    engine: type[Engine]


class EngineTests(Suite):
    """It binds, runs and writes DuckDB's SQL, and says what went wrong in core's words."""

    case: ClassVar[EngineCase]

    @pytest.fixture
    def session(self, tmp_path: Path) -> Iterator[EngineSession]:
        """A session of the engine."""
        from ducklake.api.engine import EngineSettings

        with self.case.engine().open(EngineSettings(threads=2, temp_directory=tmp_path / "spill")) as session:
            yield session

    def test_the_class_can_be_registered(self) -> None:
        """It has a plain name."""
        check_class(self.case.engine, "register_engines")

    def test_it_binds_without_running(self, session: EngineSession) -> None:
        """A statement that would fail can be described."""
        schema = session.describe("SELECT CAST(1 AS BIGINT) AS id, error('ran') AS \"a b\"")
        assert [column.name for column in schema] == ["id", "a b"]
        assert schema.columns[0].type == "BIGINT"

    def test_rows_are_values(self, session: EngineSession) -> None:
        """`fetch` and `stream` give the same rows."""
        assert session.fetch("SELECT ? + 1 AS x", [41]) == [(42,)]
        assert session.stream("SELECT * FROM range(10) AS t(id)", 3).read_all().num_rows == 10

    def test_it_writes_parquet(self, session: EngineSession, tmp_path: Path) -> None:
        """Rows, statistics of what was written, and no more than 38 digits lost."""
        from ducklake.api.engine import FileSpec

        folder = tmp_path / "out"
        folder.mkdir()
        staged = session.write("SELECT sum(id) AS total, count(*) AS n FROM range(3) AS t(id)", FileSpec(folder, metadata={"k": "v"}))
        assert staged.rows == 1
        assert staged.files[0].size == staged.files[0].path.stat().st_size
        assert session.fetch(f"SELECT total = 3, n FROM read_parquet('{staged.files[0].path}')") == [(True, 3)]
        assert [column.type for column in staged.schema] == ["DECIMAL(38,0)", "BIGINT"], "SUM of BIGINT must land as DECIMAL(38,0)"

    def test_tables_of_the_lake_have_their_names(self, session: EngineSession) -> None:
        """`define` makes `layer.domain.table` readable."""
        from ducklake.api.tables import TableRef

        session.define(TableRef("raw", "my shop", 'or"ders'), "SELECT 1 AS id")
        assert session.fetch('SELECT id FROM raw."my shop"."or""ders"') == [(1,)]

    def test_streams_are_read_once_and_their_errors_are_kept(self, session: EngineSession, tmp_path: Path) -> None:
        """What a stream raises comes out as it is."""
        import pyarrow as pa

        from ducklake.api.engine import FileSpec

        schema = pa.schema([("id", pa.int64())])
        batch = pa.record_batch({"id": [1, 2]}, schema=schema)
        session.register("good", iter([batch]), schema)
        assert session.fetch("SELECT sum(id) FROM good") == [(3,)]

        def failing() -> Iterator[Any]:
            yield batch
            raise LookupError("the stream's own")

        session.register("bad", failing(), schema)
        with pytest.raises(LookupError, match="the stream's own"):
            session.write("SELECT * FROM bad", FileSpec(tmp_path))

    @pytest.mark.parametrize(
        ("sql", "kind"), [("SELECT nothing", "bind"), ("SELECT * FROM no_table", "bind"), ("SELECT CAST('x' AS INTEGER) AS x", "data")]
    )
    def test_errors_are_of_a_kind(self, session: EngineSession, sql: str, kind: str) -> None:
        """Core acts on what went wrong."""
        from ducklake.api.engine import EngineError

        with pytest.raises(EngineError) as caught:
            session.fetch(sql)
        assert caught.value.kind == kind

    def test_errors_behind_rows_that_have_been_read_are_of_a_kind(self, session: EngineSession) -> None:
        """A stream fails as a statement does, however far it has come, and hands on what another stream raised."""
        import pyarrow as pa

        from ducklake.api.engine import EngineError

        late = "SELECT CAST(CASE WHEN id = 1500000 THEN 'x' ELSE '1' END AS INTEGER) AS x FROM range(2000000) AS t(id)"
        with pytest.raises(EngineError) as caught:
            session.stream(late, 1000).read_all()
        assert caught.value.kind == "data"

        def failing() -> Iterator[Any]:
            for _ in range(500):
                yield pa.record_batch({"id": range(10_000)})
            raise LookupError("the stream's own")

        session.register("bad", failing(), pa.schema([("id", pa.int64())]))
        with pytest.raises(LookupError, match="the stream's own"):
            session.stream("SELECT id + 1 FROM bad", 1000).read_all()

    @pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "DROP TABLE x", "", "COPY (SELECT 1) TO 'x'"])
    def test_only_one_select_passes(self, session: EngineSession, sql: str) -> None:
        """What users type may only read."""
        from ducklake.api.engine import EngineError

        with pytest.raises(EngineError):
            session.single_select(sql)

    def test_other_files_are_out_of_reach_once_restricted(self, session: EngineSession, tmp_path: Path) -> None:
        """Queries of users read the lake's files and nothing else."""
        from ducklake.api.engine import EngineError

        allowed, other = tmp_path / "a.csv", tmp_path / "b.csv"
        for path in (allowed, other):
            path.write_text("id\n1\n", encoding="utf-8")
        session.restrict([allowed])
        assert session.fetch(f"SELECT id FROM read_csv('{allowed}')") == [(1,)]
        for sql in (f"SELECT * FROM read_csv('{other}')", "SET enable_external_access = true"):
            with pytest.raises(EngineError):
                session.fetch(sql)
