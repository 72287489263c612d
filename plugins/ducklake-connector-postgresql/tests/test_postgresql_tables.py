"""Which tables are read, and which of their rows and columns: names, patterns, schemas, views, parts, queries."""

from __future__ import annotations

import pytest

from ducklake.api import ExtractRequest
from ducklake.errors import DataError


def extract(lake, **options):
    """One extraction in this process: a result a table."""
    return {result.table: result for result in lake.lake.extract("erp", **options).results}


def rows(lake, sql):
    return lake.lake.query(sql).rows


def test_tables_of_all_schemas_by_pattern(database):
    database.execute(
        "CREATE SCHEMA ventas",
        "CREATE TABLE clientes (id int)",
        "CREATE TABLE ventas.pedidos (id int)",
        "INSERT INTO ventas.pedidos VALUES (7)",
        "CREATE VIEW ventas.todos AS SELECT id FROM ventas.pedidos",
        "CREATE MATERIALIZED VIEW ventas.foto AS SELECT id FROM ventas.pedidos",
        "CREATE TEMP TABLE pasajera (id int)",
    )
    assert sorted(extract(database.lake(["*"]))) == ["clientes", "ventas.foto", "ventas.pedidos", "ventas.todos"]
    lake = database.lake(["ventas.*"], name="other")
    assert sorted(extract(lake)) == ["ventas.foto", "ventas.pedidos", "ventas.todos"]
    for table in ("foto", "pedidos", "todos"):
        assert rows(lake, f'SELECT id FROM raw.erp."ventas.{table}"') == [[7]]


def test_a_partitioned_table_lands_once_and_a_part_where_it_is_named(database):
    database.execute(
        "CREATE TABLE t (id int, v text) PARTITION BY RANGE (id)",
        "CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (10) TO (20) PARTITION BY LIST (id)",
        "CREATE TABLE t_21 PARTITION OF t_2 DEFAULT",
        "INSERT INTO t SELECT n, 'x' FROM generate_series(0, 19) n",
        "CREATE TABLE padre (id int)",
        "CREATE TABLE hijo () INHERITS (padre)",
        "CREATE TABLE distinto (extra text) INHERITS (padre)",
        "INSERT INTO padre VALUES (1)",
        "INSERT INTO hijo VALUES (2)",
        "INSERT INTO distinto VALUES (3, 'no se pierde')",
    )
    lake = database.lake(["*"])
    assert {name: result.rows for name, result in extract(lake).items()} == {"t": 20, "padre": 3, "distinto": 1}
    assert {name: result.rows for name, result in extract(database.lake(["t_1"], name="part")).items()} == {"t_1": 10}


HOSTILE = ['ta"ble', "sel'ect", "a.b", "../x", "niño", "ORDER", "100%", "%s", "{x}", "a b;--", "\\", "tab\tla", "\U0001f986"]


def test_hostile_names_of_tables_and_columns(database):
    quoted = ['"' + name.replace('"', '""') + '"' for name in HOSTILE]
    columns = ", ".join(f"{name} int" for name in quoted)
    connection = database.connect()
    connection.autocommit = True
    with connection.cursor() as cursor:
        for at, name in enumerate(quoted):
            cursor.execute(f"CREATE TABLE {name} ({columns})")
            cursor.execute(f"INSERT INTO {name} VALUES ({', '.join(str(at) for _ in HOSTILE)})")
    connection.close()
    lake = database.lake(["*"], {"verify": "full", "key_column": HOSTILE[0]})
    assert {name: (result.status, result.rows) for name, result in extract(lake).items()} == dict.fromkeys(HOSTILE, ("success", 1))
    assert {result.status for result in extract(lake).values()} == {"empty"}
    for at, name in enumerate(quoted):
        assert rows(lake, f"SELECT {', '.join(quoted)} FROM raw.erp.{name}") == [[at] * len(HOSTILE)]


def test_tables_without_rows_and_without_columns(database):
    database.execute("CREATE TABLE vacia (a int, b text[])", "CREATE TABLE nada ()", "INSERT INTO nada DEFAULT VALUES")
    results = extract(database.lake(["vacia", "nada"]))
    assert (results["vacia"].status, results["vacia"].rows) == ("success", 0)
    assert "erp.nada: the table has no columns" in results["nada"].error.message


def test_one_column_of_nothing_and_empty_text(database):
    database.execute("CREATE TABLE t (a text)", "INSERT INTO t VALUES (NULL), (''), ('\\.'), (NULL), (E'\\n')")
    lake = database.lake(extract={"verify": "full"})
    extract(lake)
    assert rows(lake, "SELECT a FROM raw.erp.t ORDER BY a NULLS LAST") == [[""], ["\n"], ["\\."], [None], [None]]


def test_dropped_generated_and_identity_columns(database):
    database.execute(
        "CREATE TABLE t (gone int, id int GENERATED ALWAYS AS IDENTITY, a int, doble int GENERATED ALWAYS AS (a * 2) STORED)",
        "ALTER TABLE t DROP COLUMN gone",
        "INSERT INTO t (a) VALUES (4)",
    )
    lake = database.lake()
    extract(lake)
    assert rows(lake, "SELECT * EXCLUDE (_ingestion_timestamp, _source_name, _extraction_id) FROM raw.erp.t") == [[1, 4, 8]]


def test_columns_exclude_and_where_are_asked_of_the_server(database):
    database.execute("CREATE TABLE t (id int, v text, secreto text)", "INSERT INTO t SELECT n, 'v', 's' FROM generate_series(1, 10) n")
    tables = [{"name": "t", "extract": {"exclude": ["secreto"], "where": "id > 3 -- and a comment"}}]
    lake = database.lake(tables, {"verify": "full"})
    assert extract(lake)["t"].rows == 7
    assert lake.lake.query("SELECT * FROM raw.erp.t").schema.names[:2] == ("id", "v")
    lake = database.lake([{"name": "t", "extract": {"columns": ["v", "idd"]}}], name="other")
    error = extract(lake)["t"].error
    assert "no column 'idd'" in error.message
    assert error.hint == "did you mean 'id'?"


def test_a_query_is_a_table(database):
    database.execute("CREATE TABLE t (id int, n numeric(8,2))", "INSERT INTO t VALUES (1, 1.50), (2, 2.50)")
    query = "SELECT id, n * 2 AS doble, n FROM t -- twice"
    lake = database.lake([{"name": "dobles", "query": query, "extract": {"key_column": "id", "verify": "full"}}])
    assert extract(lake)["dobles"].rows == 2
    database.execute("INSERT INTO t VALUES (3, 1)")
    assert extract(lake)["dobles"].rows == 1
    assert rows(lake, "SELECT id, doble, n FROM raw.erp.dobles ORDER BY id") == [[1, "3.00", 1.50], [2, "5.00", 2.50], [3, "2.00", 1.00]]


def test_many_tables_at_once(database):
    database.execute(*(f"CREATE TABLE t{at} AS SELECT {at} AS n FROM generate_series(0, {at})" for at in range(12)))
    lake = database.lake([*(f"t{at}" for at in range(12)), "missing"])
    outcome = lake.fails(1, "extract", "erp", "--jobs", "3", "--json")
    assert {result["table"]: result["rows"] for result in outcome.results} == {**{f"t{at}": at + 1 for at in range(12)}, "missing": 0}
    assert [error["message"] for error in outcome.errors] == ["erp.missing: no such table"]


def test_a_query_may_not_write(database):
    database.execute("CREATE TABLE t (id int)", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (1) RETURNING id'")
    lake = database.lake([{"name": "q", "query": "SELECT f() AS x"}])
    assert "read-only" in extract(lake)["q"].error.message
    assert database.execute("SELECT count(*) FROM t") == [(0,)]


def test_a_large_table_is_read_by_several_connections_in_one_snapshot(database):
    database.execute(
        "CREATE TABLE t (id int, v text) PARTITION BY HASH (id)",
        "CREATE TABLE t_0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
        "CREATE TABLE t_1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
        "INSERT INTO t SELECT n, repeat('x', 900) FROM generate_series(1, 90000) n",
    )
    with database.connector().open(["t"]) as session:
        extraction = session.extract(ExtractRequest("t", parallel=3))
        assert len(extraction.streams) == 3
        database.execute("INSERT INTO t VALUES (0, 'after the snapshot')", "DELETE FROM t WHERE id = 1")
        seen = [batch.column(0) for stream in extraction.streams for batch in stream]
        assert sorted(value for column in seen for value in column.to_pylist()) == list(range(1, 90001))
    with pytest.raises(DataError, match="the server counts 90000 rows, 89999 were written"):
        loses_a_row(database)


def loses_a_row(database):
    """A proof that fails: what was written lacks a row."""
    from ducklake.api.extraction import Landed

    with database.connector().open(["t"]) as session:
        extraction = session.extract(ExtractRequest("t"))
        count = sum(batch.num_rows for stream in extraction.streams for batch in stream)
        extraction.prove(Landed(count - 1, {}, lambda expressions: ()))
