"""`ducklake query`: formats, exact values, refusals."""

from __future__ import annotations

import io
import json
import subprocess

import pytest

from ducklake.testing.project import command, environment

VALUES = """
SELECT 9007199254740993 AS big, 9007199254740992 AS exact, 1.10::DECIMAL(10,2) AS money, 'a,"b"' AS text, NULL AS nothing, '' AS empty,
    DATE '2024-02-29' AS day, TIMESTAMP '2024-01-01 10:00:00.5' AS moment, TIME '10:00:00' AS clock, true AS yes,
    'nan'::DOUBLE AS nan, [1, 2] AS list, {'x': 1.5::DECIMAL(3,1)} AS struct, map {'k': 1} AS mapping, 'ab'::BLOB AS bytes,
    sum(1) AS total, INTERVAL '1 month 2 days' AS span, TIMESTAMP_NS '2024-01-01 00:00:00.123456789' AS nanos
"""


@pytest.fixture
def lake(lake_project):
    return lake_project()


def test_json_keeps_every_value_exactly(lake):
    document = lake.ok("query", VALUES, "--json").json
    row = dict(zip((column["name"] for column in document["columns"]), document["rows"][0], strict=True))
    assert row == {
        "big": "9007199254740993",
        "exact": 9007199254740992,
        "money": "1.10",
        "text": 'a,"b"',
        "nothing": None,
        "empty": "",
        "day": "2024-02-29",
        "moment": "2024-01-01T10:00:00.500000",
        "clock": "10:00:00",
        "yes": True,
        "nan": "NaN",
        "list": [1, 2],
        "struct": {"x": "1.5"},
        "mapping": {"k": 1},
        "bytes": "ab",
        "total": 1,
        "span": "1 month 2 days",
        "nanos": "2024-01-01 00:00:00.123456789",
    }
    assert {column["name"]: column["type"] for column in document["columns"]}["money"] == "DECIMAL(10,2)"


def test_format_json_prints_bare_rows(lake):
    assert json.loads(lake.ok("query", "SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, NULL ORDER BY a", "--format", "json").stdout) == [
        {"a": 1, "b": "x"},
        {"a": 2, "b": None},
    ]


def test_csv_tells_null_from_empty_text_and_quotes_what_needs_it(lake):
    assert lake.ok(
        "query", "SELECT NULL AS n, '' AS e, 'a,b' AS c, 'say \"hi\"' AS q, 1.10::DECIMAL(4,2) AS m", "--format", "csv"
    ).stdout == ('n,e,c,q,m\n,"","a,b","say ""hi""",1.10\n')


def test_an_empty_result_is_a_header(lake):
    sql = "SELECT 1 AS a WHERE false"
    assert lake.ok("query", sql, "--format", "csv").stdout == "a\n"
    assert lake.ok("query", sql).stdout == "a\n"
    assert lake.ok("query", sql, "--json").json["rows"] == []
    assert json.loads(lake.ok("query", sql, "--format", "json").stdout) == []


def test_parquet_goes_into_a_pipe(lake):
    import pyarrow.parquet as pq

    finished = subprocess.run(
        [*command(), "-C", str(lake.path), "query", "SELECT 1 AS a, 'x' AS b", "--format", "parquet"],
        capture_output=True,
        env=environment(),
        check=True,
    )
    assert pq.read_table(io.BytesIO(finished.stdout)).to_pylist() == [{"a": 1, "b": "x"}]


def test_a_table_shows_null_and_cannot_drive_the_terminal(lake):
    outcome = lake.ok("query", "SELECT NULL AS n, 'a' || chr(27) || '[2J' || chr(10) || 'b' AS c")
    assert outcome.stdout.splitlines()[1].split("  ") == ["NULL", "a\\x1b[2J\\nb"]


def test_the_statement_can_come_from_stdin(lake):
    assert lake.run("query", "-", "--format", "csv", stdin="SELECT 42 AS answer").stdout == "answer\n42\n"


@pytest.mark.parametrize("sql", ["DROP TABLE x", "SELECT 1; SELECT 2", "SELEC 1", "", "SELECT * FROM raw.no.table"])
def test_what_is_no_select_is_exit_2(lake, sql: str):
    outcome = lake.fails(2, "query", sql, "--json")
    assert outcome.json["command"] == "query"
    assert outcome.errors


def test_a_value_that_fails_far_behind_the_first_rows_is_an_error_of_the_data(lake):
    late = "SELECT CAST(CASE WHEN id = 1500000 THEN 'x' ELSE '1' END AS INTEGER) AS x FROM range(2000000) AS t(id)"
    outcome = lake.run("query", late)
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith("error: query: Could not convert string 'x' to INT32")
    assert not outcome.stdout


def test_other_files_cannot_be_read(lake):
    lake.write({"secret.csv": "a\n1\n"})
    outcome = lake.run("query", f"SELECT * FROM read_csv('{lake.path / 'secret.csv'}')")
    assert outcome.exit_code != 0
