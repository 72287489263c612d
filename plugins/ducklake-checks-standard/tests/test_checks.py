import pytest
from pydantic import ValidationError

from ducklake.api import OptionError, UnknownColumn
from ducklake.testing.steps import run_check
from ducklake_checks_standard.checks import (
    NotNull,
    NotNullOptions,
    Range,
    RangeOptions,
    Unique,
    UniqueOptions,
    ValidValues,
    ValidValuesOptions,
)


def rows(*values, kind=None, name="x"):
    listed = ", ".join(f"({value})" for value in values)
    column = f"CAST(x AS {kind})" if kind else "x"
    return f'SELECT {column} AS "{name}" FROM (VALUES {listed}) t(x)'


def not_null(*columns):
    return NotNull(NotNullOptions(columns=list(columns)))


def unique(*columns):
    return Unique(UniqueOptions(columns=list(columns)))


def valid(*values, column="x"):
    return ValidValues(ValidValuesOptions(column=column, values=list(values)))


def between(**bounds):
    return Range(RangeOptions(column="x", **bounds))


def test_not_null_counts_rows_and_names_the_columns(engine_session):
    table = "SELECT * FROM (VALUES (1, 'a'), (NULL, 'b'), (NULL, NULL), (4, NULL)) t(id, v)"
    result = run_check(engine_session, not_null("ID", "v"), table)
    assert result.failed_rows == 3
    assert result.details == "3 of 4 rows are NULL in id (2), v (2)"
    assert run_check(engine_session, not_null("id"), table).details == "2 of 4 rows are NULL in id"
    assert run_check(engine_session, not_null("v"), "SELECT 'a' AS v").failed_rows == 0


def test_unique_counts_the_rows_beyond_the_first(engine_session):
    result = run_check(engine_session, unique("x"), rows(1, 1, 1, 2, 3, 3))
    assert result.failed_rows == 3
    assert result.details == "3 of 6 rows repeat one of 2 values of x"


def test_unique_takes_columns_together_and_lets_null_pass(engine_session):
    table = "SELECT * FROM (VALUES (1, 'a'), (1, 'b'), (NULL, 'a'), (NULL, 'a')) t(id, v)"
    assert run_check(engine_session, unique("id", "v"), table).failed_rows == 0
    assert run_check(engine_session, unique("id"), table).failed_rows == 1


def test_valid_values_lets_null_pass_and_shows_an_example(engine_session):
    result = run_check(engine_session, valid("ACTIVO", "INACTIVO"), rows("'ACTIVO'", "NULL", "'BORRADO'", "'activo'"))
    assert result.failed_rows == 2
    assert result.details == "2 of 4 rows have another x, for example 'BORRADO'"


@pytest.mark.parametrize(
    ("kind", "allowed", "failed"),
    [
        ("INTEGER", [1, "2"], 1),
        ("VARCHAR", [1, 2], 1),
        ("DECIMAL(12,2)", [1.0, 2], 1),
        ("DOUBLE", [1, 2.0], 1),
        ("BIGINT", [1.5], 3),
    ],
)
def test_valid_values_compares_in_the_type_of_the_column(engine_session, kind, allowed, failed):
    assert run_check(engine_session, valid(*allowed), rows(1, 2, 3, kind=kind)).failed_rows == failed


def test_valid_values_of_inexact_numbers_dates_and_booleans(engine_session):
    assert run_check(engine_session, valid(0.1), rows("0.1", kind="FLOAT")).failed_rows == 0
    assert run_check(engine_session, valid("2024-02-29"), rows("'2024-02-29'", "'2024-03-01'", kind="DATE")).failed_rows == 1
    assert run_check(engine_session, valid(True), rows("true", "false", kind="BOOLEAN")).failed_rows == 1


def test_values_are_data(engine_session):
    assert run_check(engine_session, valid("it's", 'a"b', "; DROP TABLE x --"), rows("'it''s'", "'a\"b'")).failed_rows == 0


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("VARCHAR", True, "is text and true is none"),
        ("INTEGER", "uno", "'uno' is no number"),
        ("INTEGER", True, "is no number"),
        ("BOOLEAN", "yes", "neither true nor false"),
        ("DATE", 20240101, "is a number"),
    ],
)
def test_values_that_no_row_could_have_are_refused_where_they_stand(engine_session, kind, value, message):
    with pytest.raises(OptionError, match=message) as caught:
        run_check(engine_session, valid("NULL" if kind == "VARCHAR" else value, value), rows("NULL", kind=kind))
    assert caught.value.path[0] == "values"


def test_range_includes_its_bounds_and_lets_null_pass(engine_session):
    result = run_check(engine_session, between(min=1, max=3), rows(0, 1, 2, 3, 4, "NULL"))
    assert result.failed_rows == 2
    assert result.details == "2 of 6 rows have x out of range, for example '0'"
    assert run_check(engine_session, between(min=1), rows(0, 99)).failed_rows == 1
    assert run_check(engine_session, between(max=1), rows(0, 99)).failed_rows == 1


def test_range_does_not_round_its_bounds(engine_session):
    exact = rows("99999999999999999999.98", kind="DECIMAL(24,2)")
    assert run_check(engine_session, between(max="99999999999999999999.99"), exact).failed_rows == 0
    assert run_check(engine_session, between(max="99999999999999999999.97"), exact).failed_rows == 1
    assert run_check(engine_session, between(min=10**30), rows(1, kind="BIGINT")).failed_rows == 1


def test_range_of_dates_and_times(engine_session):
    dates = rows("'2023-12-31'", "'2024-01-01'", kind="DATE")
    assert run_check(engine_session, between(min="2024-01-01"), dates).failed_rows == 1
    assert run_check(engine_session, between(max="2024-01-01 00:00:00"), dates).failed_rows == 0
    assert run_check(engine_session, between(max="2023-12-31 12:00:00"), dates).failed_rows == 1
    times = rows("'2024-01-01 10:00:00'", kind="TIMESTAMP WITH TIME ZONE")
    assert run_check(engine_session, between(max="2024-01-01 09:00:00+00"), times).failed_rows == 1


def test_range_of_text_is_refused_for_numbers(engine_session):
    with pytest.raises(OptionError, match="is text and cannot be compared with the number 1"):
        run_check(engine_session, between(min=1), rows("'a'"))
    assert run_check(engine_session, between(min="b"), rows("'a'", "'c'")).failed_rows == 1


def test_an_empty_table_passes(engine_session):
    empty = "SELECT 1 AS x WHERE false"
    for check in (not_null("x"), unique("x"), valid(1), between(min=1)):
        assert run_check(engine_session, check, empty).failed_rows == 0


def test_columns_that_are_not_there_are_named(engine_session):
    for check in (not_null("y"), unique("y"), valid(1, column="y")):
        with pytest.raises(UnknownColumn):
            run_check(engine_session, check, rows(1))


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (NotNullOptions, {"columns": []}),
        (UniqueOptions, {"columns": "x"}),
        (ValidValuesOptions, {"column": "x", "values": []}),
        (ValidValuesOptions, {"column": "x", "values": [None]}),
        (RangeOptions, {"column": "x"}),
        (RangeOptions, {"column": "x", "min": True}),
    ],
)
def test_options_that_check_nothing_are_refused(model, options):
    with pytest.raises(ValidationError):
        model(**options)
