"""The built-in engine: DuckDB, one private in-memory database a session."""

from __future__ import annotations

import collections
import contextlib
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ducklake.api import hookimpl
from ducklake.api.engine import (
    ColumnStatistics,
    Engine,
    EngineError,
    EngineSession,
    EngineSettings,
    FileSpec,
    StagedFile,
    StagedFiles,
)
from ducklake.api.parse import SqlSyntaxError, one_select
from ducklake.api.sql import literal, quote, quote_path
from ducklake.api.tables import Column, Schema, TableRef

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from ducklake.api.registrar import EngineRegistrar

api = 1

_ROW_GROUP_BYTES = 48 * 2**20
"""A row group ends at about that many bytes in memory, a thread: its rows alone would not bound it where they are wide."""

_WIDE_INTEGERS = {"HUGEINT", "UHUGEINT"}
_NOT_FOR_PARQUET = re.compile(r"\b(INTERVAL|TIME WITH TIME ZONE|HUGEINT|UHUGEINT|BIGNUM|VARIANT)\b")

_MISSING_COLUMN = re.compile(
    r"""(?:Referenced\ column|Column|column)\ "((?:[^"]|"")*)"(?:\ in\ \w+\ list)?\ (?:not\ found|does\ not\ exist)"""
    r"""|does\ not\ have\ a\ column\ named\ "((?:[^"]|"")*)\"""",
    re.VERBOSE,
)
"""How DuckDB says that a column does not exist."""


@hookimpl
def register_engines(register: EngineRegistrar) -> None:
    """Offer `duckdb`."""
    register(DuckDBEngine)


class DuckDBEngine(Engine):
    """DuckDB in this process."""

    name: ClassVar[str] = "duckdb"

    def open(self, settings: EngineSettings) -> EngineSession:
        """A new in-memory database: no extension is ever downloaded.

        Args:
            settings: Memory, threads, spill folder and time zone.
        """
        import duckdb

        config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "preserve_insertion_order": "false",
            "python_enable_replacements": "false",
        }
        if settings.memory_limit:
            config["memory_limit"] = settings.memory_limit
        if settings.threads:
            config["threads"] = str(settings.threads)
        if settings.temp_directory:
            config["temp_directory"] = str(settings.temp_directory)
        # DuckDB 2.0 recommends relations for Arrow; those cannot be made while another result is read, as steps in Python do.
        warnings.filterwarnings("ignore", message="Arrow output on a DB-API result", category=UserWarning)
        with _translated():
            connection = duckdb.connect(config=config)
            connection.execute(f"SET TimeZone = {literal(settings.timezone)}")
        return DuckDBSession(connection)


class DuckDBSession(EngineSession):
    """A connection to a private in-memory database."""

    keeps: ClassVar[bool] = True

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._stream_error: BaseException | None = None
        self._cancelled = False
        self._made: set[str | tuple[str, str]] = set()

    @property
    def version(self) -> str:
        """For example `duckdb 1.5.5`."""
        import duckdb

        return f"duckdb {duckdb.__version__}"

    def describe(self, sql: str) -> Schema:
        """Bind a SELECT; see `EngineSession.describe`."""
        with self._errors():
            rows = self._connection.execute(f"DESCRIBE {sql}").fetchall()
        return Schema(tuple(Column(str(row[0]), str(row[1])) for row in rows))

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a small SELECT; see `EngineSession.fetch`."""
        with self._errors():
            return self._connection.execute(sql, list(parameters)).fetchall()

    def stream(self, sql: str, batch_size: int = 50_000) -> pa.RecordBatchReader:
        """Stream a SELECT; see `EngineSession.stream`."""
        import pyarrow as pa

        with self._errors():
            reader = self._reader(sql, batch_size)
        return pa.RecordBatchReader.from_batches(reader.schema, self._flowing(reader, sql))

    def _reader(self, sql: str, batch_size: int) -> pa.RecordBatchReader:
        result = self._connection.execute(sql)
        to_reader = getattr(result, "to_arrow_reader", None) or result.fetch_record_batch
        reader: pa.RecordBatchReader = to_reader(batch_size)
        return reader

    def _flowing(self, reader: pa.RecordBatchReader, sql: str) -> Iterator[pa.RecordBatch]:
        """The rows of a reader: what fails on the way is DuckDB's, but Arrow hands on its words only."""
        import duckdb
        import pyarrow as pa

        kinds = {"INTERRUPT": duckdb.InterruptException, "Out of Memory": duckdb.OutOfMemoryException, "IO": duckdb.IOException}
        try:
            # Python looks for Ctrl-C in a loop, which within `yield from` it does not.
            for batch in reader:  # noqa: UP028
                yield batch
        except (pa.ArrowException, OSError) as error:
            with self._explained():
                text = self._reason(str(error), sql)
                raise kinds.get(text.partition(" Error: ")[0], duckdb.DataError)(text) from error

    def _reason(self, text: str, sql: str) -> str:
        """What has failed: where one thread fails, DuckDB stops the others, and may tell of that instead. So it runs again."""
        import pyarrow as pa

        for _ in range(10):
            if self._cancelled or self._stream_error or not text.startswith("INTERRUPT"):
                break
            try:
                collections.deque(self._reader(sql, 50_000), maxlen=0)
                break
            except (pa.ArrowException, OSError) as error:
                text = str(error)
        return text

    def write(self, sql: str, spec: FileSpec) -> StagedFiles:
        """Write a SELECT with DuckDB's own Parquet writer; see `EngineSession.write`."""
        sql = self._storable(sql)
        target = spec.directory if spec.file_size else spec.directory / f"{spec.basename}.parquet"
        options = [
            "FORMAT parquet",
            f"COMPRESSION {spec.compression}",
            f"ROW_GROUP_SIZE {int(spec.row_group_rows)}",
            f"ROW_GROUP_SIZE_BYTES {_ROW_GROUP_BYTES}",
            # Half of DuckDB's own: columns with more values than this a row group gain nothing from a dictionary, and cost a
            # sixth of the time while it is tried. Over TPC-H the files have the same size.
            f"DICTIONARY_SIZE_LIMIT {max(int(spec.row_group_rows) // 10, 1000)}",
            "RETURN_STATS",
        ]
        if spec.file_size:
            options += [
                f"FILE_SIZE_BYTES {int(spec.file_size)}",
                f"FILENAME_PATTERN {literal(spec.basename + '_{i}')}",
                "OVERWRITE_OR_IGNORE",
            ]
        if spec.metadata:
            options.append(f"KV_METADATA {literal(dict(spec.metadata))}")
        with self._errors():
            rows = self._connection.execute(f"COPY ({sql}) TO {literal(str(target))} ({', '.join(options)})").fetchall()
        files = [StagedFile(Path(row[0]), int(row[1]), int(row[2]), _statistics(row[4])) for row in rows]
        files.sort(key=lambda file: int(re.sub(r"\D", "", file.path.stem) or 0))
        if len(files) > 1:
            files = [file for file in files if file.rows] or files[:1]
        schema = self.describe(f"SELECT * FROM read_parquet({literal(glob_escape(str(files[0].path)))}, hive_partitioning = false)")
        return StagedFiles(tuple(files), schema)

    def define(self, ref: TableRef, select: str) -> None:
        """Make a view of the table's name; see `EngineSession.define`."""
        with self._errors():
            self._make_schema(ref)
            self._connection.execute(f"CREATE OR REPLACE VIEW {quote_path(ref.layer, ref.domain, ref.table)} AS {select}")

    def keep(self, ref: TableRef, select: str) -> None:
        """Make a table in memory, which spills to disk as everything does; see `EngineSession.keep`."""
        with self._errors():
            self._make_schema(ref)
            self._connection.execute(f"CREATE OR REPLACE TABLE {quote_path(ref.layer, ref.domain, ref.table)} AS {select}")

    def _make_schema(self, ref: TableRef) -> None:
        if ref.layer not in self._made:
            self._connection.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {quote(ref.layer)}")
        if (ref.layer, ref.domain) not in self._made:
            self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quote_path(ref.layer, ref.domain)}")
        self._made |= {ref.layer, (ref.layer, ref.domain)}

    def register(self, name: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
        """Register an Arrow stream; see `EngineSession.register`."""
        import pyarrow as pa

        reader = pa.RecordBatchReader.from_batches(schema, self._watched(batches))
        with self._errors():
            # The bare stream: for a reader DuckDB would load Arrow's dataset package, and let its threads read ahead.
            self._connection.register(name, reader.__arrow_c_stream__())

    def single_select(self, sql: str) -> str:
        """Parse and look; see `EngineSession.single_select`."""
        try:
            return one_select(sql)
        except SqlSyntaxError as error:
            raise EngineError(str(error), kind="bind") from error

    def restrict(self, files: Sequence[Path]) -> None:
        """Allow reading these files only; see `EngineSession.restrict`."""
        with self._errors():
            # DuckDB checks a path before and after it has looked for patterns in it, so both spellings are allowed.
            paths = dict.fromkeys(spelling for file in files for spelling in (str(file), glob_escape(str(file))))
            self._connection.execute(f"SET allowed_paths = {literal(list(paths))}")
            self._connection.execute("SET enable_external_access = false")
            self._connection.execute("SET lock_configuration = true")

    def cancel(self) -> None:
        """Interrupt the running statement."""
        self._cancelled = True
        with contextlib.suppress(Exception):
            self._connection.interrupt()

    def close(self) -> None:
        """Close the database; a statement that Ctrl-C has left behind would be waited for, so it is stopped first."""
        self.cancel()
        self._connection.close()

    def _watched(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Keep the exception of a stream: DuckDB would hand back its text only."""
        try:
            yield from batches
        except GeneratorExit:
            raise
        except BaseException as error:
            self._stream_error = error
            raise

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        self._stream_error, self._cancelled = None, False
        with self._explained():
            yield

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            with _translated():
                yield
        except EngineError:
            if self._stream_error is not None:
                # The stream's own exception, with its own cause: DuckDB's text of it says nothing more.
                raise self._stream_error from self._stream_error.__cause__
            raise

    def _storable(self, sql: str) -> str:
        """Wrap a SELECT so that its types survive Parquet; see reliability.md, Types, rule 5.

        SUM(BIGINT) is HUGEINT, which DuckDB writes as DOUBLE: it becomes DECIMAL(38,0), and overflow is an error. A
        column of type NULL becomes text. Types that Parquet would change are refused.
        """
        replaced = []
        for column in self.describe(sql):
            if column.type in _WIDE_INTEGERS:
                replaced.append(f"CAST({quote(column.name)} AS DECIMAL(38,0)) AS {quote(column.name)}")
            elif column.type.strip('"') == "NULL":
                replaced.append(f"CAST({quote(column.name)} AS VARCHAR) AS {quote(column.name)}")
            elif found := _NOT_FOR_PARQUET.search(column.type):
                raise EngineError(
                    f"column {column.name!r} is {column.type}: Parquet cannot hold {found[0]} without loss; cast it, say to VARCHAR",
                    kind="bind",
                    column=column.name,
                )
        return f"SELECT * REPLACE ({', '.join(replaced)}) FROM ({sql})" if replaced else sql


def glob_escape(path: str) -> str:
    """A path in which DuckDB finds no pattern.

    Args:
        path: A path that may hold `*`, `?` or `[`.
    """
    return re.sub(r"([*?\[])", r"[\1]", path)


def _statistics(columns: dict[str, dict[str, str]] | None) -> dict[str, ColumnStatistics]:
    """Read what RETURN_STATS says of the top-level columns; names come quoted, nested ones dotted."""
    found = {}
    for path, values in (columns or {}).items():
        if re.fullmatch(r'"(?:[^"]|"")*"', path):
            nulls = values.get("null_count")
            found[path[1:-1].replace('""', '"')] = ColumnStatistics(
                int(nulls) if nulls is not None else None, values.get("min"), values.get("max")
            )
    return found


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn DuckDB's exceptions into `EngineError`s of a kind that core can act on."""
    import duckdb

    try:
        yield
    except duckdb.InterruptException as error:
        raise EngineError("interrupted", kind="cancelled") from error
    except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.SyntaxException) as error:
        text = _first_line(error)
        column = _MISSING_COLUMN.search(text)
        raise EngineError(text, kind="bind", column=next(filter(None, column.groups()), None) if column else None) from error
    except duckdb.OutOfMemoryException as error:
        raise EngineError(f"{_first_line(error)}; raise engine.memory_limit in config/settings.yaml", kind="memory") from error
    except duckdb.IOException as error:
        raise EngineError(_first_line(error), kind="disk") from error
    except (duckdb.DataError, duckdb.InvalidInputException, duckdb.ConversionException, duckdb.IntegrityError) as error:
        raise EngineError(_whole(error), kind="data") from error
    except duckdb.Error as error:
        raise EngineError(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().split("\n\nLINE ")[0].splitlines()
    text = " ".join(line for at, line in enumerate(lines) if at == 0 or line.startswith("Did you mean"))
    return re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", text)


def _whole(error: Exception) -> str:
    return re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", str(error).strip())
