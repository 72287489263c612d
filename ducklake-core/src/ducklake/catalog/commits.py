"""The statements that make something true: each function runs inside one transaction of `Catalog.write`."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ducklake.api.sql import literal
from ducklake.api.tables import Schema, TableRef
from ducklake.catalog.queries import where_table
from ducklake.catalog.records import CheckRecord, ExtractionRecord, FileRecord, RunRecord, StatisticsRecord, VersionRecord

if TYPE_CHECKING:
    import duckdb

    Connection = duckdb.DuckDBPyConnection


def commit_extraction(connection: Connection, record: ExtractionRecord) -> int:
    """Make an extraction true: files, state, schema version and statistics.

    Args:
        connection: Inside a transaction.
        record: What has landed.

    Returns:
        The table's schema version.
    """
    ref = record.ref
    schema_version = _schema_version(connection, ref, record.schema, record.started)
    _insert_files(connection, ref, record.extraction_id, record.epoch, record.files, schema_version)
    _insert_statistics(connection, ref, record.extraction_id, record.statistics, record.rows)
    _insert_extraction(connection, record, schema_version, "success", None)
    state = None if record.state is None else json.dumps(record.state)
    _put_table(connection, ref, record.folder, "parquet", record.mode, record.epoch, schema_version, state)
    return schema_version


def record_empty_extraction(connection: Connection, record: ExtractionRecord) -> None:
    """Note an extraction that found nothing new; its state counts all the same.

    Args:
        connection: Inside a transaction.
        record: Without files.
    """
    _insert_extraction(connection, record, None, "empty", None)
    if record.state is not None:
        connection.execute(f"UPDATE tables SET state = {literal(json.dumps(record.state))} {where_table(record.ref)}")


def record_failed_extraction(connection: Connection, record: ExtractionRecord, error: str) -> None:
    """Note an extraction that failed; it changes no table.

    Args:
        connection: Inside a transaction.
        record: As far as it got, without files.
        error: Why, without secrets.
    """
    _insert_extraction(connection, record, None, "error", error)


def commit_version(connection: Connection, record: VersionRecord) -> int:
    """Make a version the current one of its table.

    Args:
        connection: Inside a transaction.
        record: The finished version.

    Returns:
        Its number.
    """
    ref = record.ref
    now = _now()
    row = connection.execute(f"SELECT coalesce(max(version), 0) + 1 FROM versions {where_table(ref)}").fetchone()
    version = int(row[0]) if row else 1
    schema_version = _schema_version(connection, ref, record.schema, now.isoformat())
    connection.execute(f"UPDATE versions SET superseded = {literal(now)} {where_table(ref)} AND superseded IS NULL")
    _insert(
        connection,
        "versions",
        [[*_key(ref), version, record.run_id, now, None, record.rows, record.size, schema_version, record.fingerprint]],
    )
    _insert_files(connection, ref, record.run_id, version, record.files, schema_version)
    _insert_statistics(connection, ref, record.run_id, record.statistics, record.rows)
    for table, input_version in record.inputs:
        _insert(connection, "lineage", [[record.run_id, *_key(table), input_version]])
    _put_table(connection, ref, record.folder, record.format, "replace", version, schema_version, None)
    return version


def record_run(connection: Connection, record: RunRecord, checks: Sequence[CheckRecord], version: int | None) -> None:
    """Note a run and its checks.

    Args:
        connection: Inside a transaction.
        record: What became of it.
        checks: All that were judged.
        version: The version that it published, or None.
    """
    _insert(
        connection,
        "pipeline_runs",
        [
            [
                record.run_id,
                record.pipeline,
                _timestamp(record.started),
                record.source_layer,
                *_key(record.destination),
                version,
                record.rows,
                record.seconds,
                record.status,
                record.error,
            ]
        ],
        numbered=True,
    )
    now = _now()
    rows = [
        [
            record.run_id,
            record.pipeline,
            str(record.destination),
            check.type,
            json.dumps(list(check.columns)),
            check.severity,
            now,
            check.passed,
            check.failed_rows,
            check.rows,
            check.details,
            json.dumps(check.samples, ensure_ascii=False) if check.samples else None,
        ]
        for check in checks
    ]
    _insert(connection, "data_quality", rows, numbered=True)


def set_current(connection: Connection, ref: TableRef, version: int) -> None:
    """Make an earlier version the current one.

    Args:
        connection: Inside a transaction.
        ref: A table of staging or consume.
        version: One that is kept.
    """
    now = literal(_now())
    connection.execute(f"UPDATE versions SET superseded = {now} {where_table(ref)} AND superseded IS NULL AND version <> {version}")
    connection.execute(f"UPDATE versions SET superseded = NULL {where_table(ref)} AND version = {version}")
    connection.execute(
        f"""
        UPDATE tables SET version = {version}, changed = {now},
            schema_version = (SELECT schema_version FROM versions {where_table(ref)} AND version = {version})
        {where_table(ref)}
        """
    )


def forget_versions(connection: Connection, ref: TableRef, versions: Iterable[tuple[int, str]]) -> None:
    """Take old versions out of the catalog; their files may be removed afterwards.

    Args:
        connection: Inside a transaction.
        ref: The table.
        versions: Number and run id of each.
    """
    for version, run_id in versions:
        for table in ("versions", "files"):
            connection.execute(f"DELETE FROM {table} {where_table(ref)} AND version = {version}")
        connection.execute(f"DELETE FROM column_statistics WHERE owner = {literal(run_id)}")


def _insert_extraction(
    connection: Connection, record: ExtractionRecord, schema_version: int | None, status: str, error: str | None
) -> None:
    _insert(
        connection,
        "extractions",
        [
            [
                record.extraction_id,
                record.source,
                record.table,
                _timestamp(record.started),
                record.mode,
                record.epoch,
                record.rows,
                record.size,
                len(record.files),
                record.files[0].path if record.files else None,
                schema_version,
                status,
                record.seconds,
                error,
                json.dumps(list(record.notes)),
            ]
        ],
        numbered=True,
    )


def _schema_version(connection: Connection, ref: TableRef, schema: Schema, detected: str) -> int:
    """The number of a schema; a new one is recorded if the columns differ from the newest."""
    row = connection.execute(
        f"SELECT schema_version, columns FROM schema_versions {where_table(ref)} ORDER BY schema_version DESC LIMIT 1"
    ).fetchone()
    columns = json.dumps(schema.to_json())
    if row and row[1] == columns:
        return int(row[0])
    version = int(row[0]) + 1 if row else 1
    _insert(connection, "schema_versions", [[*_key(ref), version, _timestamp(detected), columns]])
    return version


def _insert_files(
    connection: Connection, ref: TableRef, owner: str, version: int, files: Iterable[FileRecord], schema_version: int
) -> None:
    rows = [[file.path, *_key(ref), owner, version, file.part, file.rows, file.size, file.sha256, schema_version] for file in files]
    _insert(connection, "files", rows)


def _insert_statistics(connection: Connection, ref: TableRef, owner: str, statistics: Iterable[StatisticsRecord], rows: int) -> None:
    values = []
    for column in statistics:
        fraction = column.nulls / rows if column.nulls is not None and rows else None
        values.append([*_key(ref), owner, column.column, column.nulls, fraction, column.minimum, column.maximum])
    _insert(connection, "column_statistics", values)


def _insert(connection: Connection, table: str, rows: Iterable[Sequence[Any]], *, numbered: bool = False) -> None:
    """Insert rows as literals of one statement: with bound parameters DuckDB looks for pandas at each call, which costs more.

    Args:
        connection: Inside a transaction.
        table: Of the catalog.
        rows: Its columns' values.
        numbered: Whether its first column is a number that goes on from the highest.
    """
    written = []
    for at, row in enumerate(rows, 1):
        number = [f"(SELECT coalesce(max(id), 0) + {at} FROM {table})"] if numbered else []
        written.append(f"({', '.join([*number, *map(literal, row)])})")
    if written:
        connection.execute(f"INSERT INTO {table} VALUES {', '.join(written)}")


def _put_table(
    connection: Connection, ref: TableRef, folder: str, file_format: str, mode: str, version: int, schema_version: int, state: str | None
) -> None:
    values = [*_key(ref), folder, file_format, mode, version, schema_version, state, _now()]
    connection.execute(f"INSERT OR REPLACE INTO tables VALUES ({', '.join(map(literal, values))})")


def _key(ref: TableRef) -> list[str]:
    return [ref.layer, ref.domain, ref.table]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def _timestamp(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment
