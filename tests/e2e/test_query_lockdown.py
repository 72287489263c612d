"""`ducklake query` reads the lake and does nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ducklake.errors import ConfigurationError
from ducklake.testing import LakeProject

Make = Callable[..., LakeProject]

STATEMENTS = [
    "COPY (SELECT 1) TO '{folder}/out.csv'",
    "ATTACH '{folder}/out.db'",
    "SET threads = 1",
    "PRAGMA version",
    "INSTALL httpfs",
    "CALL duckdb_settings()",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/out.csv'",
    "SELECT 1; SELECT 2",
    "EXPORT DATABASE '{folder}/out'",
    "IMPORT DATABASE '{folder}/import'",
    "INSERT INTO raw.s.a VALUES (1)",
    "SELECT * FROM query('COPY (SELECT 1) TO ''{folder}/out.csv''')",
    "SELECT getenv('HOME')",
]
FILES = [
    "read_csv('{folder}/secret.csv')",
    "read_text('{folder}/secret.csv')",
    "'{folder}/secret.csv'",
    "glob('{folder}/*')",
    "query('FROM read_text(''{folder}/secret.csv'')')",
    "read_text('{folder}/data/catalog.duckdb')",
    "'http://127.0.0.1:9/x.csv'",
]


@pytest.fixture
def lake(lake_project: Make) -> LakeProject:
    lake = lake_project(
        {
            "config/sources.yaml": "sources:\n  - {name: s, type: csv, path: a.csv}\n",
            "a.csv": "id\n1\n",
            "secret.csv": "word\nxyzzy\n",
            "import/schema.sql": "SELECT 'xyzzy' AS word",
            "import/load.sql": "",
        }
    )
    lake.ok("extract", "s")
    return lake


def everything(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if ".ducklake" not in path.parts}


def test_what_is_no_single_select_is_refused_and_leaves_nothing_behind(lake: LakeProject) -> None:
    before = everything(lake.path)
    for statement in STATEMENTS:
        with pytest.raises(ConfigurationError) as refused:
            lake.lake.query(statement.format(folder=lake.path))
        assert refused.value.problem.code == "query", statement
    assert everything(lake.path) == before
    assert lake.fails(2, "query", STATEMENTS[0].format(folder=lake.path), "--json").errors[0]["code"] == "query"


def test_other_files_and_the_network_are_refused_with_what_to_do_instead(lake: LakeProject) -> None:
    for source in FILES:
        with pytest.raises(ConfigurationError, match="only tables of the lake can be read") as refused:
            lake.lake.query(f"SELECT * FROM {source.format(folder=lake.path)}")
        assert "xyzzy" not in str(refused.value)
    assert "make the file a source" in lake.fails(2, "query", f"SELECT * FROM '{lake.path}/secret.csv'").stderr


@pytest.mark.parametrize("sql", ["SELECT id FROM raw.s.a;;", "SELECT id FROM raw.s.a; -- that is all", "/* so */ FROM raw.s.a SELECT id"])
def test_what_stands_around_a_statement_does_not_matter(lake: LakeProject, sql: str) -> None:
    assert lake.query(sql) == [[1]]


def test_a_table_that_is_not_there_is_named_with_the_nearest(lake: LakeProject) -> None:
    (problem,) = lake.fails(2, "query", "SELECT * FROM raw.s.aa", "--json").errors
    assert problem["message"] == "query: there is no table raw.s.aa"
    assert problem["hint"] == "did you mean raw.s.a?"


def test_dates_beyond_pythons_are_printed_as_what_they_are(lake: LakeProject) -> None:
    assert lake.query("SELECT DATE 'infinity', DATE '294247-01-10', TIMESTAMP '-infinity'") == [["infinity", "294247-01-10", "-infinity"]]
