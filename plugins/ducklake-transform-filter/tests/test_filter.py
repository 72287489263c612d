import pytest
from pydantic import ValidationError

from ducklake.api import EngineError, TableRef
from ducklake.testing.steps import run_transform
from ducklake_transform_filter.transform import Filter, FilterOptions

ROWS = "SELECT * FROM (VALUES (1, 'ACTIVO'), (2, 'DELETED'), (3, NULL)) t(id, estado)"


def keep(condition):
    return Filter(FilterOptions(condition=condition))


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ("estado != 'DELETED'", [1]),
        ("estado IS NULL OR estado != 'DELETED'", [1, 3]),
        ("id > 1 -- the others are older", [2, 3]),
        ("id = 1\n  OR id = 2", [1, 2]),
        ("true", [1, 2, 3]),
        ("id IN (SELECT 2)", [2]),
        ("estado = 'a;b'", []),
    ],
)
def test_rows_stay_for_which_the_condition_is_true(engine_session, condition, ids):
    result = run_transform(engine_session, keep(condition), ROWS)
    assert sorted(row[0] for row in result.rows) == ids
    assert result.types == {"id": "INTEGER", "estado": "VARCHAR"}


def test_tables_of_the_lake_in_subqueries_are_read():
    condition = 'id IN (SELECT cliente_id FROM staging.ventas.clientes) AND EXISTS (FROM raw.shop."odd.name")'
    assert keep(condition).reads() == (TableRef("staging", "ventas", "clientes"), TableRef("raw", "shop", "odd.name"))


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "id = 1; DROP TABLE x",
        "id = 1) OR (id = 2",
        "id = 1) --",
        "id = 1 ORDER BY id",
        "id = 1 GROUP BY id",
        "SELECT 1",
        "id = 1, id = 2",
        "*",
        "id =",
        "id = ?",
    ],
)
def test_what_is_no_single_expression_is_refused(condition):
    with pytest.raises(ValidationError):
        keep(condition)


@pytest.mark.parametrize("source", ["read_csv('x.csv')", "'x.csv'", "read_text('/etc/passwd')", "glob('*')", "other_table", "a.b"])
def test_subqueries_read_nothing_but_the_lake(source):
    with pytest.raises(ValidationError):
        keep(f"id IN (SELECT x FROM {source})")


def test_a_column_that_is_not_there_is_named_by_the_engine(engine_session):
    with pytest.raises(EngineError) as caught:
        run_transform(engine_session, keep("estdo = 'x'"), ROWS)
    assert caught.value.kind == "bind"
    assert caught.value.column == "estdo"
