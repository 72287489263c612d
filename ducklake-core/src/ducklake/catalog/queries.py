"""What readers ask the catalog, as plain data: one opening answers one question."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ducklake.api.sql import literal
from ducklake.api.tables import Schema, TableRef

if TYPE_CHECKING:
    import duckdb

    Connection = duckdb.DuckDBPyConnection


@dataclasses.dataclass(frozen=True, slots=True)
class TableFile:
    """A file of a table as the catalog knows it.

    Attributes:
        path: Relative to the data folder.
        owner: Extraction or run id.
        version: Of a staging or consume table; of a raw table the epoch.
        rows: Its rows.
        size: Its bytes.
        sha256: Of its content.
        schema_version: Of its columns.
    """

    path: str
    owner: str
    version: int
    rows: int
    size: int
    sha256: str
    schema_version: int


@dataclasses.dataclass(frozen=True, slots=True)
class TableState:
    """A table of the lake at one moment of the catalog.

    Attributes:
        ref: Its name.
        folder: Its public folder, relative to the data folder.
        format: The storage writer's name.
        mode: Raw: how it was last extracted; else how it is published.
        version: Current version (raw: newest epoch).
        schemas: All schema versions that its files have, by number.
        schema_version: The newest.
        state: What the source returned last time.
        files: All committed files; `current_files` are those that readers see.
        nulls: NULLs a column in the newest extraction or version.
        changed: ISO 8601, UTC.
        fingerprint: What went into the current version; None for raw, and where nobody knows.
    """

    ref: TableRef
    folder: str
    format: str
    mode: str
    version: int
    schemas: Mapping[int, Schema]
    schema_version: int
    state: Mapping[str, Any] | None
    files: tuple[TableFile, ...]
    nulls: Mapping[str, int]
    changed: str
    fingerprint: str | None = None

    @property
    def schema(self) -> Schema:
        """The newest schema."""
        return self.schemas[self.schema_version]

    @property
    def current_files(self) -> tuple[TableFile, ...]:
        """The files of the current version (raw: of the newest epoch)."""
        return tuple(file for file in self.files if file.version == self.version)

    @property
    def rows(self) -> int:
        """Rows that readers see."""
        return sum(file.rows for file in self.current_files)


LakeSnapshot = Mapping[TableRef, TableState]


def where_table(ref: TableRef) -> str:
    """The condition that finds one table's rows, in every table of the catalog that has its name.

    Args:
        ref: The table.
    """
    return f"WHERE layer = {literal(ref.layer)} AND domain = {literal(ref.domain)} AND table_name = {literal(ref.table)}"


def snapshot(
    connection: Connection | None,
    only: TableRef | None = None,
    *,
    neighbours: bool = False,
    published: bool = False,
    statistics: bool = True,
) -> LakeSnapshot:
    """Tables of the lake at this moment.

    Args:
        connection: From `Catalog.read`; None gives no tables.
        only: Just this table, which is much cheaper in a large lake.
        neighbours: With `only`, also the other tables of its layer and domain.
        published: Just tables of staging and consume.
        statistics: Whether `nulls` are wanted, which cost as much as all the rest.
    """
    if connection is None:
        return {}
    where = "WHERE layer <> 'raw'" if published else ""
    if only is not None:
        where = f"WHERE layer = {literal(only.layer)} AND domain = {literal(only.domain)}" if neighbours else where_table(only)
    schemas: dict[TableRef, dict[int, Schema]] = {}
    for layer, domain, table, version, columns in connection.execute(
        f"SELECT layer, domain, table_name, schema_version, columns FROM schema_versions {where}"
    ).fetchall():
        schemas.setdefault(TableRef(layer, domain, table), {})[version] = Schema.from_json(json.loads(columns))
    files: dict[TableRef, list[TableFile]] = {}
    for layer, domain, table, *values in connection.execute(
        f"""
        SELECT layer, domain, table_name, path, owner, version, rows, bytes, sha256, schema_version
        FROM files {where} ORDER BY layer, domain, table_name, version, owner, part
        """
    ).fetchall():
        files.setdefault(TableRef(layer, domain, table), []).append(TableFile(*values))
    nulls: dict[TableRef, dict[str, int]] = {}
    counts = (
        connection.execute(
            f"""
        WITH current AS (SELECT layer, domain, table_name, version FROM tables {where}),
        owners AS (SELECT DISTINCT f.owner FROM files f SEMI JOIN current USING (layer, domain, table_name, version))
        SELECT layer, domain, table_name, column_name, sum(null_count)
        FROM column_statistics SEMI JOIN owners USING (owner)
        WHERE null_count IS NOT NULL GROUP BY ALL
        """
        ).fetchall()
        if statistics
        else []
    )
    for layer, domain, table, column, count in counts:
        nulls.setdefault(TableRef(layer, domain, table), {})[column] = int(count)
    made_of = {
        (*key, version): text
        for *key, version, text in connection.execute(
            f"SELECT layer, domain, table_name, version, fingerprint FROM versions {where} {'AND' if where else 'WHERE'} superseded IS NULL"
        ).fetchall()
    }
    found = {}
    for layer, domain, table, folder, file_format, mode, version, schema_version, state, changed in connection.execute(
        f"SELECT layer, domain, table_name, folder, format, mode, version, schema_version, state, changed FROM tables {where}"
    ).fetchall():
        ref = TableRef(layer, domain, table)
        found[ref] = TableState(
            ref,
            folder,
            file_format,
            mode,
            version,
            schemas[ref],
            schema_version,
            json.loads(state) if state else None,
            tuple(files.get(ref, ())),
            nulls.get(ref, {}),
            changed.isoformat(),
            made_of.get((layer, domain, table, version)),
        )
    return found


def folders(connection: Connection | None, ref: TableRef) -> list[str]:
    """The public folders of the other tables of the same layer and domain, relative to the data folder.

    Args:
        connection: From `Catalog.read`.
        ref: A table.
    """
    if connection is None:
        return []
    rows = connection.execute(
        f"""
        SELECT folder FROM tables
        WHERE layer = {literal(ref.layer)} AND domain = {literal(ref.domain)} AND table_name <> {literal(ref.table)}
        """
    ).fetchall()
    return [row[0] for row in rows]


def folder_of(connection: Connection, ref: TableRef) -> str | None:
    """The public folder of a table, relative to the data folder; None if there is no such table.

    Args:
        connection: From `Catalog.read` or `write`.
        ref: The table.
    """
    row = connection.execute(f"SELECT folder FROM tables {where_table(ref)}").fetchone()
    return str(row[0]) if row else None


def is_committed(connection: Connection | None, owner: str) -> bool:
    """Whether an extraction or a run has been committed.

    Args:
        connection: From `Catalog.read` or `write`.
        owner: Extraction or run id.
    """
    if connection is None:
        return False
    row = connection.execute(
        f"""
        SELECT (SELECT count(*) FROM extractions WHERE extraction_id = {literal(owner)} AND status IN ('success', 'empty'))
             + (SELECT count(*) FROM versions WHERE run_id = {literal(owner)})
        """
    ).fetchone()
    return bool(row and row[0])


def tables(connection: Connection | None) -> list[dict[str, Any]]:
    """A row a table: layer, domain, table, rows, size in bytes, files, last change, last status.

    Args:
        connection: From `Catalog.read`.
    """
    return _rows(
        connection,
        """
        WITH sizes AS (
            SELECT layer, domain, table_name, version, sum(rows) AS rows, sum(bytes) AS bytes, count(*) AS files
            FROM files GROUP BY ALL
        ), stored AS (
            SELECT layer, domain, table_name, sum(bytes) AS bytes, sum(files) AS files FROM sizes GROUP BY ALL
        ), status AS (
            SELECT 'raw' AS layer, source_name AS domain, table_name, arg_max(status, id) AS status, max(extraction_date) AS moment
            FROM extractions GROUP BY ALL
            UNION ALL
            SELECT destination_layer, destination_domain, destination_table, arg_max(status, id), max(execution_date)
            FROM pipeline_runs GROUP BY ALL
        )
        SELECT coalesce(t.layer, s.layer) AS layer, coalesce(t.domain, s.domain) AS domain, coalesce(t.table_name, s.table_name) AS "table",
            coalesce(c.rows, 0)::BIGINT AS rows, coalesce(a.bytes, 0)::BIGINT AS size, coalesce(a.files, 0)::BIGINT AS files,
            t.version, t.schema_version, t.changed AS last_change, s.status AS last_status, s.moment AS last_run
        FROM tables t FULL JOIN status s USING (layer, domain, table_name)
        LEFT JOIN sizes c ON (c.layer, c.domain, c.table_name, c.version) = (t.layer, t.domain, t.table_name, t.version)
        LEFT JOIN stored a ON (a.layer, a.domain, a.table_name) = (t.layer, t.domain, t.table_name)
        ORDER BY CASE coalesce(t.layer, s.layer) WHEN 'raw' THEN 0 WHEN 'staging' THEN 1 ELSE 2 END, 2, 3
        """,
    )


def extractions(connection: Connection | None, limit: int) -> list[dict[str, Any]]:
    """The latest extractions, newest first.

    Args:
        connection: From `Catalog.read`.
        limit: At most so many.
    """
    return _rows(
        connection,
        """
        SELECT id, extraction_id, source_name AS source, table_name AS "table", extraction_date AS date, mode, status,
            rows_extracted AS rows, bytes, files, file_path, schema_version, duration_seconds AS seconds, error_message AS error, notes
        FROM extractions ORDER BY id DESC LIMIT ?
        """,
        [limit],
        decoded=("notes",),
    )


def runs(connection: Connection | None, limit: int) -> list[dict[str, Any]]:
    """The latest pipeline runs, newest first.

    Args:
        connection: From `Catalog.read`.
        limit: At most so many.
    """
    return _rows(
        connection,
        """
        SELECT id, run_id, pipeline_name AS pipeline, execution_date AS date, source_layer,
            destination_layer || '.' || destination_domain || '.' || destination_table AS destination, version, status,
            rows_processed AS rows, duration_seconds AS seconds, error_message AS error
        FROM pipeline_runs ORDER BY id DESC LIMIT ?
        """,
        [limit],
    )


def quality(connection: Connection | None, limit: int) -> list[dict[str, Any]]:
    """The latest checks, newest first.

    Args:
        connection: From `Catalog.read`.
        limit: At most so many.
    """
    return _rows(
        connection,
        """
        SELECT id, run_id, pipeline_name AS pipeline, table_name AS "table", check_type AS type, columns, severity, check_date AS date,
            passed, failed_rows, rows_checked AS rows, details, samples
        FROM data_quality ORDER BY id DESC LIMIT ?
        """,
        [limit],
        decoded=("columns", "samples"),
    )


def last_status(connection: Connection | None, pipeline: str) -> str | None:
    """How the last run of a pipeline ended; None if there was none.

    Args:
        connection: From `Catalog.read`.
        pipeline: Its name.
    """
    rows = _rows(connection, "SELECT arg_max(status, id) AS status FROM pipeline_runs WHERE pipeline_name = ?", [pipeline])
    return rows[0]["status"] if rows else None


def checks_of(connection: Connection | None, run_id: str) -> list[dict[str, Any]]:
    """The checks of one run, in their order.

    Args:
        connection: From `Catalog.read`.
        run_id: Of the run.
    """
    return _rows(
        connection,
        "SELECT check_type AS type, columns, severity, passed, failed_rows, details FROM data_quality WHERE run_id = ? ORDER BY id",
        [run_id],
        decoded=("columns",),
    )


def versions(connection: Connection | None, ref: TableRef) -> list[dict[str, Any]]:
    """The versions of a staging or consume table that are kept, newest first.

    Args:
        connection: From `Catalog.read`.
        ref: The table.
    """
    return _rows(
        connection,
        """
        SELECT version, run_id, created, superseded, rows, bytes, schema_version FROM versions
        WHERE layer = ? AND domain = ? AND table_name = ? ORDER BY version DESC
        """,
        [ref.layer, ref.domain, ref.table],
    )


def column_statistics(connection: Connection | None, owners: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Statistics by column, over some extractions or one version.

    Args:
        connection: From `Catalog.read`.
        owners: Extraction or run ids; minimum and maximum are given for a single one.
    """
    ids = list(owners)
    rows = _rows(
        connection,
        """
        SELECT column_name, sum(null_count)::BIGINT AS nulls, avg(null_fraction) AS null_fraction,
            CASE WHEN count(*) = 1 THEN any_value(minimum) END AS minimum, CASE WHEN count(*) = 1 THEN any_value(maximum) END AS maximum
        FROM column_statistics WHERE owner IN (SELECT unnest(?::VARCHAR[])) GROUP BY column_name
        """,
        [ids],
    )
    return {row.pop("column_name"): row for row in rows}


def schema_history(connection: Connection | None, ref: TableRef) -> list[dict[str, Any]]:
    """All schema versions of a table, oldest first.

    Args:
        connection: From `Catalog.read`.
        ref: The table.
    """
    return _rows(
        connection,
        """
        SELECT schema_version, detected, columns FROM schema_versions
        WHERE layer = ? AND domain = ? AND table_name = ? ORDER BY schema_version
        """,
        [ref.layer, ref.domain, ref.table],
        decoded=("columns",),
    )


def _rows(
    connection: Connection | None, sql: str, parameters: list[Any] | None = None, decoded: Iterable[str] = ()
) -> list[dict[str, Any]]:
    if connection is None:
        return []
    result = connection.execute(sql, parameters or [])
    names = [column[0] for column in result.description or []]
    rows = [dict(zip(names, values, strict=True)) for values in result.fetchall()]
    for row in rows:
        for name in decoded:
            row[name] = json.loads(row[name]) if row[name] else []
    return rows
