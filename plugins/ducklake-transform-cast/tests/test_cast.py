import datetime as dt
from decimal import Decimal

import pytest
from pydantic import ValidationError

from ducklake.api import EngineError, OptionError, UnknownColumn
from ducklake.testing.steps import run_transform
from ducklake_transform_cast.transform import Cast, CastOptions


def cast(columns, **options):
    return Cast(CastOptions(columns=columns, **options))


def test_columns_get_other_types_and_keep_order_and_names(engine_session):
    rows = "SELECT 1 AS id, '2024-02-29' AS fecha_alta, 1 AS activo"
    result = run_transform(engine_session, cast({"FECHA_ALTA": "date", "activo": "boolean"}), rows)
    assert result.types == {"id": "INTEGER", "fecha_alta": "DATE", "activo": "BOOLEAN"}
    assert result.rows == [(1, dt.date(2024, 2, 29), True)]


@pytest.mark.parametrize(
    ("word", "printed"),
    [
        ("string", "VARCHAR"),
        ("text", "VARCHAR"),
        ("varchar(20)", "VARCHAR"),
        ("int", "INTEGER"),
        ("INT64", "BIGINT"),
        ("float64", "DOUBLE"),
        ("double precision", "DOUBLE"),
        ("datetime", "TIMESTAMP"),
        ("timestamptz", "TIMESTAMP WITH TIME ZONE"),
        ("timestamp with time zone", "TIMESTAMP WITH TIME ZONE"),
        ("decimal(12, 2)", "DECIMAL(12,2)"),
        ("NUMERIC(7)", "DECIMAL(7,0)"),
        ("varchar[]", "VARCHAR[]"),
        ("STRUCT(a INTEGER, b VARCHAR)", "STRUCT(a INTEGER, b VARCHAR)"),
        ("timestamp_s", "TIMESTAMP_S"),
    ],
)
def test_type_words_of_duckdb_and_usual_ones(engine_session, word, printed):
    assert run_transform(engine_session, cast({"x": word}), "SELECT NULL AS x").types == {"x": printed}


def test_every_word_that_needs_no_engine_is_printed_as_the_engine_does(engine_session):
    from ducklake_transform_cast.types import CANONICAL

    for word, printed in CANONICAL.items():
        assert run_transform(engine_session, cast({"x": word}), "SELECT NULL AS x").types == {"x": printed}, word


def test_words_that_duckdb_has_too_mean_the_same(engine_session):
    from ducklake_transform_cast.types import CANONICAL

    for word, printed in CANONICAL.items():
        try:
            theirs = engine_session.describe(f"SELECT CAST(NULL AS {word}) AS x").columns[0].type
        except EngineError:
            continue  # a word of ours alone
        assert theirs == printed, word


def test_a_value_that_cannot_be_cast_fails_and_is_shown(engine_session):
    with pytest.raises(EngineError, match="mañana") as caught:
        run_transform(engine_session, cast({"fecha": "date"}), "SELECT * FROM (VALUES ('2024-01-01'), ('mañana')) t(fecha)")
    assert caught.value.kind == "data"


def test_on_invalid_null_keeps_the_rest(engine_session):
    result = run_transform(engine_session, cast({"n": "int"}, on_invalid="null"), "SELECT * FROM (VALUES ('1'), ('x'), (NULL)) t(n)")
    assert result.rows == [(1,), (None,), (None,)]


def test_decimals_are_exact(engine_session):
    result = run_transform(engine_session, cast({"n": "decimal(20,2)"}), "SELECT '123456789012345678.90' AS n")
    assert result.rows == [(Decimal("123456789012345678.90"),)]


def test_a_decimal_without_digits_is_refused_because_it_would_round():
    with pytest.raises(ValidationError, match=r"needs its digits, for example DECIMAL\(12,2\)"):
        CastOptions(columns={"x": "decimal"})


@pytest.mark.parametrize("word", ["", "date); drop table x", "date) AS y, (1", "int -- x"])
def test_text_that_is_no_type_is_refused(word):
    with pytest.raises(ValidationError):
        CastOptions(columns={"x": word})


def test_an_unknown_type_is_named_with_the_nearest_one(engine_session):
    with pytest.raises(OptionError, match="no type 'dat'") as caught:
        run_transform(engine_session, cast({"x": "dat"}), "SELECT 1 AS x")
    assert caught.value.path == ("columns", "x")
    assert caught.value.hint == "did you mean 'date'?"


def test_impossible_digits_are_refused_by_the_engine(engine_session):
    with pytest.raises(OptionError, match="between 1 and 38"):
        run_transform(engine_session, cast({"x": "decimal(50,2)"}), "SELECT 1 AS x")


def test_a_column_that_is_not_there_is_named(engine_session):
    with pytest.raises(UnknownColumn):
        run_transform(engine_session, cast({"fecha_lata": "date"}), "SELECT '2024-01-01' AS fecha_alta")


def test_a_column_cast_twice_is_refused(engine_session):
    with pytest.raises(OptionError, match="cast twice"):
        run_transform(engine_session, cast({"x": "int", "X": "text"}), "SELECT 1 AS x")
