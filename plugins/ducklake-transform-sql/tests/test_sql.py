import pytest
from pydantic import ValidationError

from ducklake.api import SqlSyntaxError, TableRef
from ducklake.testing.steps import run_transform
from ducklake_transform_sql.transform import Sql, SqlOptions

ROWS = "SELECT * FROM (VALUES (1, 10), (1, 20), (2, 5)) t(id, importe)"


def sql(query):
    return Sql(SqlOptions(query=query))


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, sum(importe) AS total FROM input GROUP BY id ORDER BY id",
        "SELECT id, sum(importe) AS total FROM INPUT GROUP BY ALL ORDER BY id; -- done",
        "WITH s AS (SELECT id, sum(importe) AS total FROM input GROUP BY id) SELECT * FROM s ORDER BY id",
        "FROM (SELECT id, sum(importe) AS total FROM input GROUP BY id) ORDER BY id",
        "WITH input AS (SELECT id, importe FROM input) SELECT id, sum(importe) AS total FROM input GROUP BY id ORDER BY id",
    ],
)
def test_a_query_reads_the_step_before(engine_session, query):
    result = run_transform(engine_session, sql(query), ROWS)
    assert result.rows == [(1, 30), (2, 5)]
    assert result.types == {"id": "INTEGER", "total": "HUGEINT"}


def test_text_over_several_lines_stays_as_it_is(engine_session):
    assert run_transform(engine_session, sql("SELECT 'a\n  b' AS t FROM input LIMIT 1"), ROWS).rows == [("a\n  b",)]


def test_several_inputs_are_called_by_their_aliases(engine_session):
    query = "SELECT c.id, sum(p.importe) FROM clientes c LEFT JOIN pedidos p USING (id) GROUP BY c.id ORDER BY c.id"
    result = run_transform(engine_session, sql(query), "SELECT * FROM (VALUES (1), (3)) t(id)", ROWS, aliases=["clientes", "pedidos"])
    assert result.rows == [(1, 30), (3, None)]


def test_tables_of_the_lake_are_found_wherever_they_stand():
    query = """
        WITH recent AS (SELECT * FROM raw.shop.pedidos), again AS (SELECT * FROM recent)
        SELECT *, (SELECT max(x) FROM consume.bi.totals) FROM again
        JOIN staging.ventas."odd.name" USING (id) JOIN input USING (id)
        WHERE id IN (SELECT id FROM RAW.shop.pedidos)
    """
    assert sql(query).reads() == (
        TableRef("raw", "shop", "pedidos"),
        TableRef("consume", "bi", "totals"),
        TableRef("staging", "ventas", "odd.name"),
    )


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "empty"),
        ("-- nothing", "empty"),
        ("SELECT 1; SELECT 2", "exactly one SELECT"),
        ("DROP TABLE input", "only a SELECT"),
        ("COPY (SELECT 1) TO 'x.csv'", "only a SELECT"),
        ("SELECT * FORM input", "syntax error"),
        ("SELECT ?", "parameters"),
        ("SELECT * FROM read_parquet('x')", r"read_parquet\(\) is not possible here"),
        ("SELECT * FROM shop.pedidos", "shop.pedidos is no table of the lake"),
        ("SELECT * FROM bronze.shop.pedidos", "bronze.shop.pedidos is no table of the lake"),
    ],
)
def test_what_is_no_query_over_the_lake_is_refused(query, message):
    with pytest.raises(ValidationError, match=message):
        sql(query)


@pytest.mark.parametrize("name", ["inptu", "'x.csv'", "sys"])
def test_a_name_that_is_no_input_is_refused(engine_session, name):
    with pytest.raises(SqlSyntaxError, match="no input"):
        run_transform(engine_session, sql(f"SELECT * FROM {name}"), ROWS)


def test_harmless_table_functions_are_possible(engine_session):
    assert run_transform(engine_session, sql("SELECT n FROM range(3) r(n) ORDER BY n"), ROWS).rows == [(0,), (1,), (2,)]
