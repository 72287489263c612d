"""Source columns that come, go and change between extractions: they land as they are, and are read together."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from ducklake.testing.project import LakeProject, sqlite_file

SOURCES = """
sources:
  - {name: shop, type: sqlite, connection: {database: shop.db}, tables: [t], extract: {key_column: id, lookback: 100}}
"""
PIPELINES = """
pipelines:
  - name: t
    source: {layer: raw, domain: shop, table: t}
    destination: {layer: staging, domain: d, table: t}
    transforms:
      - {type: sql, query: "SELECT * EXCLUDE (_ingestion_timestamp, _source_name, _extraction_id) FROM input ORDER BY id"}
"""


@pytest.fixture
def shop(lake_project):
    def made(columns: str, values: str) -> LakeProject:
        script = f"CREATE TABLE t ({columns}); INSERT INTO t VALUES {values};"
        return lake_project({"config/sources.yaml": SOURCES, "config/pipelines.yaml": PIPELINES, "shop.db": sqlite_file(script)})

    return made


def execute(lake: LakeProject, script: str) -> None:
    with closing(sqlite3.connect(lake.path / "shop.db")) as connection:
        connection.executescript(script)


def extract(lake: LakeProject) -> int:
    (result,) = lake.extract("shop")
    rows: int = result["rows"]
    return rows


def staged(lake: LakeProject) -> tuple[list[str], list[list[Any]]]:
    lake.ok("run", "t")
    document = lake.ok("query", "FROM staging.d.t ORDER BY ALL", "--json").json
    return [f"{column['name']} {column['type']}" for column in document["columns"]], document["rows"]


def again(columns: str, values: str) -> str:
    """The table with other columns, its rows kept as far as they have the same names."""
    return f"ALTER TABLE t RENAME TO old; CREATE TABLE t ({columns}); INSERT INTO t {values}; DROP TABLE old;"


@pytest.mark.parametrize(
    ("columns", "values", "change", "landed", "after", "rows"),
    [
        pytest.param(
            "id INTEGER, a TEXT",
            "(1, 'x')",
            "ALTER TABLE t ADD COLUMN b INTEGER DEFAULT 7; INSERT INTO t VALUES (2, 'y', 8)",
            1,
            ["id BIGINT", "a VARCHAR", "b BIGINT"],
            [[1, "x", None], [2, "y", 8]],
            id="added",
        ),
        pytest.param(
            "id INTEGER, a TEXT, b TEXT",
            "(1, 'x', 'y')",
            "ALTER TABLE t DROP COLUMN a; INSERT INTO t VALUES (2, 'z')",
            1,
            ["id BIGINT", "b VARCHAR", "a VARCHAR"],
            [[1, "y", "x"], [2, "z", None]],
            id="dropped",
        ),
        pytest.param(
            "id INTEGER, a TEXT",
            "(1, 'x')",
            "ALTER TABLE t RENAME COLUMN a TO b; INSERT INTO t VALUES (2, 'y')",
            1,
            ["id BIGINT", "b VARCHAR", "a VARCHAR"],
            [[1, None, "x"], [2, "y", None]],
            id="renamed",
        ),
        pytest.param(
            "id INTEGER, a DECIMAL(6,2)",
            "(1, 1.5)",
            again("id INTEGER, a DECIMAL(12,3)", "SELECT id, a FROM old UNION ALL SELECT 2, 123456789.125"),
            1,
            ["id BIGINT", "a DECIMAL(12,3)"],
            [[1, "1.500"], [2, "123456789.125"]],
            id="widened",
        ),
        pytest.param(
            "id INTEGER, a DECIMAL(12,3)",
            "(1, 12345678.125)",
            again(
                "id INTEGER, a DECIMAL(6,2)", "SELECT id, round(a / 1000, 2) FROM old WHERE 0 UNION ALL SELECT 1, 1 UNION ALL SELECT 2, 1.5"
            ),
            2,
            ["id BIGINT", "a DECIMAL(12,3)"],
            [[1, "1.000"], [1, "12345678.125"], [2, "1.500"]],
            id="narrowed",
        ),
        pytest.param(
            "id INTEGER, a INTEGER",
            "(1, 7)",
            again("id INTEGER, a TEXT", "SELECT id, a FROM old UNION ALL SELECT 2, 'siete'"),
            1,
            ["id BIGINT", "a VARCHAR"],
            [[1, "7"], [2, "siete"]],
            id="retyped to text",
        ),
        pytest.param(
            "id INTEGER, a DECIMAL(6,2)",
            "(1, 1.5), (2, 2)",
            again("id INTEGER, a REAL", "SELECT id, a FROM old UNION ALL SELECT 3, 0.1"),
            1,
            ["id BIGINT", "a VARCHAR"],
            [[1, "1.50"], [2, "2.00"], [3, "0.1"]],
            id="retyped to floats",
        ),
        pytest.param(
            "id INTEGER, a DATE",
            "(1, '2024-01-31')",
            again("id INTEGER, a DATETIME", "SELECT id, a || ' 00:00:00' FROM old UNION ALL SELECT 2, '2024-02-01 10:30:00'"),
            1,
            ["id BIGINT", "a VARCHAR"],
            [[1, "2024-01-31"], [2, "2024-02-01 10:30:00"]],
            id="dates to times",
        ),
        pytest.param(
            "id INTEGER, a BOOLEAN",
            "(1, 1), (2, 0)",
            again("id INTEGER, a INTEGER", "SELECT id, a FROM old UNION ALL SELECT 3, 2"),
            1,
            ["id BIGINT", "a VARCHAR"],
            [[1, "true"], [2, "false"], [3, "2"]],
            id="booleans to numbers",
        ),
        pytest.param(
            "id INTEGER, _source_name TEXT",
            "(1, 'x')",
            "ALTER TABLE t ADD COLUMN b TEXT; INSERT INTO t VALUES (2, 'y', 'z')",
            1,
            ["id BIGINT", "_source_name_2 VARCHAR", "b VARCHAR"],
            [[1, "x", None], [2, "y", "z"]],
            id="a name like ours",
        ),
    ],
)
def test_what_came_is_what_lands_and_all_of_it_is_read(shop, columns, values, change, landed, after, rows):
    lake = shop(columns, values)
    extract(lake)
    execute(lake, change)
    assert extract(lake) == landed
    assert staged(lake) == (after, rows)
    assert extract(lake) == 0
    versions = lake.ok("catalog", "show", "raw.shop.t", "--json").results[0]["schema_history"]
    assert [version["schema_version"] for version in versions] == [1, 2]


def test_snapshots_of_different_columns_are_read_together_on_request(shop):
    lake = shop("id INTEGER, a INTEGER", "(1, 7)")
    lake.write({"config/sources.yaml": SOURCES.replace("extract: {key_column: id, lookback: 100}", "extract: {mode: full}")})
    lake.write({"config/pipelines.yaml": PIPELINES.replace("table: t}\n    dest", "table: t, snapshots: all}\n    dest")})
    extract(lake)
    execute(lake, again("id INTEGER, b TEXT", "SELECT 2, 'x'"))
    extract(lake)
    assert lake.query("SELECT id, b FROM raw.shop.t") == [[2, "x"]]
    assert staged(lake) == (["id BIGINT", "b VARCHAR", "a BIGINT"], [[1, None, 7], [2, "x", None]])
