"""Every type of the server at its worst: exact, or the server's own text."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ducklake.api import ExtractRequest
from ducklake.api.extraction import ReadAgain
from ducklake.errors import DataError
from ducklake_connector_postgresql.matrix import BEYOND_PYTHON, CASES, EXTENSIONS, INVALID, NEWER, page

ALL = [*CASES, *NEWER, *EXTENSIONS]


@pytest.fixture
def landed(database):
    """A table with a column for each case that the server knows, all cases extracted at once."""
    version = int(database.execute("SHOW server_version_num")[0][0])
    available = {name for (name,) in database.execute("SELECT name FROM pg_available_extensions")}
    cases = [*CASES, *(NEWER if version >= 150000 else []), *(case for case in EXTENSIONS if case.declared in available)]
    database.execute(*(statement for case in cases for statement in case.setup))
    columns = ", ".join(f"c{at} {case.declared}" for at, case in enumerate(cases))
    database.execute(f"CREATE TABLE t (n int, {columns})".replace("clave", "base_clave"))
    rows = max(len(case.values) for case in cases)
    for row in range(rows):
        values = ", ".join(case.values[row][0] if row < len(case.values) else "NULL" for case in cases)
        database.execute(f"INSERT INTO t VALUES ({row}, {values})")
    lake = database.lake(extract={"verify": "full"})
    (result,) = lake.ok("extract", "erp", "--json").results
    return cases, lake, result


def test_every_type_lands_exactly_or_as_the_servers_text(landed):
    cases, lake, result = landed
    (file,) = result["files"]
    schema = lake.lake.query("SELECT * FROM raw.erp.t").schema
    by_engine = lake.lake.query("SELECT * FROM raw.erp.t ORDER BY n").table.to_pydict()
    by_arrow = pq.read_table(lake.path / file).sort_by("n").to_pydict()
    for at, case in enumerate(cases):
        expected = [value for _, value in case.values] + [None] * (len(by_engine["n"]) - len(case.values))
        assert schema.require(f"c{at}").type == case.lands, case.declared
        for found in (by_engine[f"c{at}"], by_arrow[f"c{at}"]):
            assert found == expected, case.declared
            assert [math.copysign(1, v) for v in found if isinstance(v, float)] == [
                math.copysign(1, v) for v in expected if isinstance(v, float)
            ]
    noted = " ".join(result["notes"])
    for at, case in enumerate(cases):
        is_text = case.declared in ("text", "varchar(5)", "char(4)", '"char"', "name", "mood", "citext")
        assert (f"column 'c{at}' (" in noted) == (case.lands == "VARCHAR" and not is_text), case.declared


def test_years_that_python_does_not_know_are_no_less_exact(database):
    columns = ", ".join(f"c{at} {declared}" for at, (declared, _, _) in enumerate(BEYOND_PYTHON))
    values = ", ".join(value for _, value, _ in BEYOND_PYTHON)
    database.execute(f"CREATE TABLE t (n int, {columns})", f"INSERT INTO t SELECT n, {values} FROM generate_series(1, 70) n")
    database.execute("INSERT INTO t VALUES (71)")
    lake = database.lake(extract={"verify": "full"})
    lake.ok("extract", "erp")
    shown = ", ".join(f"CAST(c{at} AS VARCHAR)" for at in range(len(BEYOND_PYTHON)))
    rows = lake.query(f"SELECT {shown}, count(*) FROM raw.erp.t GROUP BY ALL ORDER BY 6")
    assert rows == [[None] * len(BEYOND_PYTHON) + [1], [text for _, _, text in BEYOND_PYTHON] + [70]]


def read(connector, **request):
    """Rows and remarks of one extraction, as core reads it."""
    with connector.open(["t"]) as session:
        extraction = session.extract(ExtractRequest("t", **request))
        rows = [row for stream in extraction.streams for batch in stream for row in batch.to_pylist()]
        return rows, list(extraction.remarks())


@pytest.mark.parametrize(("declared", "value"), INVALID)
def test_a_value_that_does_not_fit_follows_the_policy(database, declared, value):
    database.execute(f"CREATE TABLE t (a int, c {declared})", f"INSERT INTO t VALUES (1, NULL), (2, {value}), (3, {value})")
    connector, text = database.connector(), value.strip("'")
    with pytest.raises(DataError, match=rf"erp\.t\.c: the value '{text}' does not fit"):
        read(connector)
    with pytest.raises(ReadAgain) as again:
        read(connector, on_invalid={"c": "text"})
    rows, _ = read(connector, as_text=frozenset(again.value.columns))
    assert [row["c"] for row in rows] == [None, text, text]
    rows, remarks = read(connector, on_invalid={"*": "null"})
    assert [row["c"] for row in rows] == [None, None, None]
    assert ["2 values" in remark and "became NULL" in remark for remark in remarks] == [True]


def test_policies_are_words_of_the_configuration(database):
    database.execute("CREATE TABLE t (a int, c date, d date)", "INSERT INTO t VALUES (1, 'infinity', '2024-01-01'), (2, NULL, NULL)")
    (error,) = database.lake().fails(1, "extract", "erp", "--json").errors
    assert "erp.t.c" in error["message"]
    assert "on_invalid: {c: text}" in error["hint"]
    lake = database.lake(extract={"on_invalid": None, "verify": "full"})
    (result,) = lake.ok("extract", "erp", "--json").results
    assert lake.query("SELECT count(*), count(c), count(d) FROM raw.erp.t") == [[2, 0, 1]]
    assert any("1 values" in note and "became NULL" in note for note in result["notes"])


def test_a_column_that_became_text_stays_text_in_increments(database):
    database.execute("CREATE TABLE t (id int PRIMARY KEY, d date)", "INSERT INTO t VALUES (1, 'infinity')")
    lake = database.lake(extract={"key_column": "id", "on_invalid": "text"})
    lake.ok("extract", "erp")
    database.execute("INSERT INTO t VALUES (2, '2024-01-01')")
    (result,) = lake.ok("extract", "erp", "--json").results
    assert result["rows"] == 1
    assert lake.query("SELECT d FROM raw.erp.t ORDER BY id") == [["infinity"], ["2024-01-01"]]


def test_wide_and_empty_values_in_one_table(database):
    database.execute(
        "CREATE TABLE t (n int, a text, b bytea)",
        "INSERT INTO t SELECT n, CASE n % 3 WHEN 0 THEN '' WHEN 1 THEN repeat(E'x\"\\n', 700000) END,"
        " CASE n % 2 WHEN 0 THEN decode(repeat('00ff', 500000), 'hex') END FROM generate_series(1, 12) n",
    )
    lake = database.lake(extract={"verify": "full"})
    lake.ok("extract", "erp")
    rows = database.execute("SELECT n, md5(a), md5(b), length(a), length(b) FROM t ORDER BY n")
    assert lake.query("SELECT n, md5(a), md5(b), length(a), octet_length(b) FROM raw.erp.t ORDER BY n") == [list(row) for row in rows]


def test_the_page_of_types_is_made_of_the_cases():
    docs = Path(__file__).resolve().parents[3] / "docs/reference/postgresql-types.md"
    if not docs.is_file():
        pytest.skip("the documentation is not part of the wheel")
    assert docs.read_text(encoding="utf-8").endswith(f"\n\n{page()}")
