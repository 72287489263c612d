"""A database and CSV files that nobody prepared: every name and value arrives, and nothing leaves the data folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from ducklake.api.sql import quote
from ducklake.testing import LakeProject

Make = Callable[..., LakeProject]

TABLES = ["a b", "select", '"q"', "it's", "ñandú", "日本", "..", "a/b", ".hidden", "x;DROP TABLE y", "a\nb", "*", "a*", "[x]", "%", "\\"]
TABLES += ["--json", "${X}", "year=2024", "main.x", "data.parquet", "a%2Fb", "\u00e9", "e\u0301", "n" * 300]
COLUMNS = ["year", "_source_name", "_SOURCE_NAME_2", "_extraction_id", "select", "a b", '"', "'", "a.b", "*", "x\ny", "filename", "c" * 300]
VALUES = ["a\0b", "", None, "NULL", " x ", "\r\n", "'", '"', "\\", "日本", "x" * 1_000_000]
OWN = ["_ingestion_timestamp", "_source_name", "_extraction_id"]


def hostile_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        for number, name in enumerate(TABLES):
            connection.execute(f"CREATE TABLE {quote(name)} (id INTEGER, name TEXT)")
            connection.execute(f"INSERT INTO {quote(name)} VALUES (?, ?)", (number, name))
        connection.execute(f"CREATE TABLE columns ({', '.join(f'{quote(name)} TEXT' for name in COLUMNS)})")
        connection.execute(f"INSERT INTO columns VALUES ({', '.join('?' * len(COLUMNS))})", COLUMNS)
        connection.execute('CREATE TABLE nameless ("" INTEGER, b INTEGER)')
        connection.execute("INSERT INTO nameless VALUES (1, 2)")
        connection.execute("CREATE TABLE cells (v TEXT)")
        connection.executemany("INSERT INTO cells VALUES (?)", [(value,) for value in VALUES])
        connection.execute("CREATE TABLE empty (a INTEGER, b TEXT, c, d BLOB)")
        connection.execute(f"CREATE TABLE wide ({', '.join(f'c{at} INTEGER' for at in range(1500))})")
        connection.execute(f"INSERT INTO wide SELECT {', '.join(map(str, range(1500)))}")
    connection.close()


@pytest.fixture
def hostile(lake_project: Make) -> LakeProject:
    source = {"name": "h", "type": "sqlite", "connection": {"database": "h.db"}, "extract": {"mode": "full"}}
    return lake_project({"h.db": hostile_database, "config/sources.yaml": {"sources": [source]}})


def test_every_table_column_and_value_of_a_hostile_database_arrives(hostile: LakeProject) -> None:
    outcome = hostile.ok("extract", "h", "--json")
    assert {row["table"] for row in outcome.results} == {*TABLES, "columns", "nameless", "cells", "empty", "wide"}
    lake = hostile.lake

    every = " UNION ALL ".join(f"SELECT id, name FROM raw.h.{quote(name)}" for name in TABLES)
    assert lake.query(f"SELECT * FROM ({every}) ORDER BY id").rows == [[number, name] for number, name in enumerate(TABLES)]
    assert lake.query("SELECT v FROM raw.h.cells").rows == [[value] for value in VALUES]

    found = hostile.ok("query", "SELECT * FROM raw.h.columns", "--json").json
    assert found["rows"][0][: len(COLUMNS)] == COLUMNS
    landed = [column["name"] for column in found["columns"]]
    renamed = {"_source_name": "_source_name_3", "_extraction_id": "_extraction_id_2"}
    assert landed == [renamed.get(name, name) for name in COLUMNS] + OWN

    assert lake.query("SELECT column1, b FROM raw.h.nameless").rows == [[1, 2]]
    assert lake.query(f"SELECT * EXCLUDE ({', '.join(OWN)}) FROM raw.h.wide").rows == [list(range(1500))]
    assert lake.query("SELECT * FROM raw.h.empty").rows == []


def test_a_second_extraction_keeps_the_first_and_nothing_leaves_the_data_folder(hostile: LakeProject) -> None:
    def outside() -> set[Path]:
        return {path for path in hostile.path.parent.rglob("*") if hostile.path / "data" not in (path, *path.parents)}

    before = outside()
    hostile.ok("extract", "h")
    first = set(hostile.files())
    assert all(name.startswith("data/raw/h/") and name.split("/")[4].startswith("year=") for name in first)
    hostile.ok("extract", "h")
    assert first < set(hostile.files())
    assert len(hostile.files()) == 2 * len(first)
    assert outside() == before

    listed = hostile.ok("catalog", "--json").results
    assert "raw.h.日本" in hostile.ok("catalog").stdout
    assert "1 row" in hostile.ok("catalog", "show", "raw.h.a\nb").stdout
    (hostile.path / "data" / "catalog.duckdb").unlink()
    hostile.ok("catalog", "rebuild")
    names = ("layer", "domain", "table", "rows", "size")
    rebuilt = hostile.ok("catalog", "--json").results
    assert [[row[name] for name in names] for row in rebuilt] == [[row[name] for name in names] for row in listed]
    assert hostile.query('SELECT name FROM raw.h.".."') == [[".."]]


def test_tables_that_differ_in_case_are_never_taken_for_each_other(lake_project: Make) -> None:
    pipeline = (
        "  - name: {0}\n    source: {{layer: raw, domain: s, table: {1}}}\n    destination: {{layer: staging, domain: d, table: {0}}}\n"
    )
    lake = lake_project(
        {
            "A.csv": "id\n1\n",
            "a.csv": "id\n10\n11\n",
            "config/sources.yaml": "sources:\n  - {name: s, type: csv, path: '*.csv', table: '{stem}'}\n",
            "config/pipelines.yaml": "pipelines:\n" + pipeline.format("upper", "A") + pipeline.format("lower", "a"),
        }
    )
    lake.ok("extract", "s")
    lake.ok("run", "--all")
    assert lake.query("SELECT a.id FROM raw.s.A a") == [[1]]
    assert lake.query('SELECT id FROM raw.s."a"') == [[10], [11]]
    assert lake.query('SELECT id FROM "raw"."s"."a"') == [[10], [11]]
    assert lake.query("SELECT u.id, l.id FROM staging.d.upper u, staging.d.lower l") == [[1, 10], [1, 11]]
    assert [lake.lake.show(f"raw.s.{name}", distinct=True)["columns"][0]["approx_distinct"] for name in "Aa"] == [1, 2]
    assert "differ in case only" in lake.fails(2, "query", "SELECT * FROM raw.s.A, raw.s.a").stderr


def test_the_first_steps_on_a_csv_file_and_a_database_that_nobody_prepared(lake_project: Make) -> None:
    lake = lake_project(
        {
            "drops/Ventas 2024 (ñ).csv": 'Año;"Precio, €";año\n2024;1,50;x\n2025;;"y;\nz"\n',
            "shop.db": hostile_database,
            "config/sources.yaml": "sources:\n"
            "  - {name: drops, type: csv, path: 'drops/*.csv', table: '{stem}', format: {delimiter: ';'}}\n"
            "  - {name: shop, type: sqlite, connection: {database: shop.db}, tables: [cells]}\n",
            "config/pipelines.yaml": "pipelines:\n  - name: ventas\n    source: {layer: raw, domain: drops, table: 'Ventas 2024 (ñ)'}\n"
            "    destination: {layer: staging, domain: v, table: ventas}\n"
            "    transforms: [{type: rename, columns: {'Precio, €': precio}}]\n",
        }
    )
    lake.ok("validate")
    lake.ok("extract", "--all")
    lake.ok("run", "--all")
    select = 'SELECT "Año", precio, * EXCLUDE ("Año", precio, _ingestion_timestamp, _source_name, _extraction_id) FROM staging.v.ventas'
    rows = lake.query(f"{select} ORDER BY 1")
    assert rows == [[2024, "1,50", "x"], [2025, None, "y;\nz"]]
    lake.ok("run", "--all")
    assert lake.query(f"{select} ORDER BY 1") == rows
