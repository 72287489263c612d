"""Cutting a large table into ranges of pages, which several connections read in one snapshot."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever the driver calls it

    from ducklake_connector_postgresql.catalog import Table

LARGE = 64 * 2**20
"""Bytes from which a table is worth more than one connection."""
_RANGE = 64 * 2**20
_VERSION = 140000
"""The first server that reads a range of pages without reading the pages before."""

SIZES = """
SELECT c.relkind::text, pg_relation_size(c.oid) / current_setting('block_size')::bigint, pg_table_size(c.oid)
FROM pg_class c WHERE c.oid = %(oid)s
   OR c.oid IN (SELECT relid FROM pg_partition_tree(%(oid)s::bigint::oid::regclass))
   OR c.oid IN (
       WITH RECURSIVE below AS (
           SELECT inhrelid FROM pg_inherits WHERE inhparent = %(oid)s
           UNION ALL SELECT i.inhrelid FROM pg_inherits i JOIN below ON i.inhparent = below.inhrelid
       ) SELECT inhrelid FROM below)
"""


def workers_for(asked: int | None) -> int:
    """Connections for one large table.

    Args:
        asked: `extract.parallel`.
    """
    return asked or max(1, min(4, os.cpu_count() or 1))


def page_ranges(connection: Connection, table: Table, workers: int, reference: str) -> list[str]:
    """Conditions that together hold for each row once; empty where one statement is as good.

    Args:
        connection: In the snapshot; pages that are added later hold nothing that it shows.
        table: What is read.
        workers: Connections that will read.
        reference: The table in SQL.
    """
    if workers < 2 or table.relkind not in ("r", "m", "p") or connection.server_version < _VERSION:
        return []
    with connection.cursor() as cursor:
        cursor.execute(SIZES, {"oid": table.oid})
        rows = cursor.fetchall()
    if any(relkind not in ("r", "m", "p") for relkind, _, _ in rows):
        return []
    pages, size = max((pages for _, pages, _ in rows), default=0), sum(size for _, _, size in rows)
    count = min(pages, max(workers * 2, size // _RANGE))
    if size < LARGE or count < 2:
        return []
    bounds = [pages * at // count for at in range(1, count)]
    column = f"{reference}.ctid"
    lows = ["", *(f"{column} >= '({page},0)'::tid" for page in bounds)]
    highs = [*(f"{column} < '({page},0)'::tid" for page in bounds), ""]
    return [" AND ".join(part for part in pair if part) for pair in zip(lows, highs, strict=True)]
