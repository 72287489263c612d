"""Memory is bounded by settings, not by the size of the data."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ducklake.testing import LakeProject
from measuring import MEGABYTE, peak

Make = Callable[..., LakeProject]

SOURCES = """
sources:
  - {name: shop, type: sqlite, connection: {database: shop.db}}
"""
PIPELINES = """
pipelines:
  - name: p
    source: {layer: raw, domain: shop, table: t}
    destination: {layer: staging, domain: d, table: t}
    transforms: [{type: filter, condition: "id >= 0"}]
"""


def database(rows: int) -> Callable[[Path], None]:
    """A table of rows of a megabyte that cannot be compressed."""

    def create(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = off")
            connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, b BLOB)")
            for number in range(rows):
                connection.execute("INSERT INTO t VALUES (?, ?, ?)", (number, os.urandom(MEGABYTE // 4).hex(), os.urandom(MEGABYTE // 2)))

    return create


@pytest.mark.large
@pytest.mark.parametrize("words", [("extract", "shop"), ("run", "p")], ids=["extract", "run"])
def test_four_times_as_many_wide_rows_take_no_more_memory(lake_project: Make, words: tuple[str, ...]) -> None:
    peaks = []
    for rows in (500, 2000):
        lake = lake_project({"config/sources.yaml": SOURCES, "config/pipelines.yaml": PIPELINES, "shop.db": database(rows)}, name=f"{rows}")
        lake.write({"config/settings.yaml": "engine: {memory_limit: 1GB, threads: 2}\n"})
        if words[0] == "run":
            lake.ok("extract", "shop")
        peaks.append(peak(lake, *words))
        assert lake.query(f"SELECT count(*) FROM {'raw.shop.t' if words[0] == 'extract' else 'staging.d.t'}") == [[rows]]
    assert peaks[1] < max(peaks[0] * 1.3, 1400 * MEGABYTE)
