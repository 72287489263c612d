"""What each declared type lands as, and that nothing is changed on the way from the driver."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from ducklake.api.extraction import ExtractRequest, ReadAgain
from ducklake.errors import DataError
from ducklake_connector_sqlserver import matrix
from ducklake_connector_sqlserver.declared import DeclaredColumn
from ducklake_connector_sqlserver.matrix import CASES
from ducklake_connector_sqlserver.plans import key_type, plan_column
from ducklake_connector_sqlserver.settle import Settler


def words_of(kind):
    """A type in DuckDB's words."""
    import duckdb

    return str(duckdb.from_arrow(pa.table({"c": pa.array([], kind)})).types[0])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.words)
def test_each_type_lands_as_the_matrix_says(case):
    plan = plan_column(case.declared)
    assert words_of(plan.type) == case.lands
    odd = {
        "VARCHAR": {"char", "varchar", "nchar", "nvarchar", "text", "ntext", "uniqueidentifier"},
        "BLOB": {"binary", "varbinary", "image"},
    }
    noted = case.lands in odd and case.declared.kind not in odd[case.lands]
    assert (plan.note is not None) == noted, plan.note


def test_the_page_of_types_is_made_of_the_matrix():
    page = Path(__file__).resolve().parents[3] / "docs/reference/sqlserver-types.md"
    if not page.exists():
        pytest.skip("the documentation is not here")
    assert page.read_text(encoding="utf-8").endswith(matrix.page())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.words)
def test_no_time_is_finer_than_the_engine_can_hold(case):
    for options in ({}, {"datetime2": "timestamp", "datetimeoffset": "timestamp"}, {"as_text": True}):
        kind = plan_column(case.declared, **options).type
        assert not pa.types.is_decimal256(kind)
        assert getattr(kind, "unit", "us") == "us" or pa.types.is_date(kind), (
            "finer than the engine, or coarser than the lake's other times"
        )


def test_alias_types_and_types_of_the_users_own_are_named():
    alias = plan_column(DeclaredColumn("tel", "nvarchar", "[dbo].[Phone]", 40))
    assert (str(alias.type), alias.column.declared, alias.wire.longest, alias.note) == ("string", "[dbo].[Phone] (nvarchar(20))", 20, None)
    clr = plan_column(DeclaredColumn("p", "clr", "[dbo].[Point]", -1))
    assert (str(clr.type), clr.unbounded) == ("binary", True)
    assert "'p' ([dbo].[Point]) lands as bytes" in clr.note
    newer = plan_column(DeclaredColumn("n", "type_of_tomorrow", None, 8))
    assert (str(newer.type), newer.expression) == ("binary", "CAST([n] AS varbinary(max))")


def settled(kind, scale, values, on_invalid="fail", **options):
    plan = plan_column(DeclaredColumn("c", kind, None, 8, 27, scale), **options)
    settler = Settler("erp.t", [plan], ExtractRequest("t", on_invalid={"c": on_invalid}))
    array = pa.array(values, plan.wire.type)
    return settler(pa.RecordBatch.from_arrays([array], names=["c0"])), settler


def test_datetime2_lands_as_a_timestamp_where_its_last_digit_is_zero():
    values = ["2024-02-29 10:00:00.1234560", "9999-12-31 23:59:59.9999990", "0001-01-01 00:00:00.0000000", None]
    batch, _ = settled("datetime2", 7, values, datetime2="timestamp")
    assert batch.schema.types == [pa.timestamp("us")]
    assert batch.column(0).to_pylist() == [
        dt.datetime(2024, 2, 29, 10, 0, 0, 123456),
        dt.datetime(9999, 12, 31, 23, 59, 59, 999999),
        dt.datetime(1, 1, 1),
        None,
    ]


def test_a_value_that_a_timestamp_cannot_hold_follows_the_policy():
    fine = "2024-02-29 10:00:00.1234567"
    with pytest.raises(DataError, match=r"erp\.t\.c: the value '2024-02-29 10:00:00.1234567' does not fit"):
        settled("datetime2", 7, [fine], datetime2="timestamp")
    with pytest.raises(ReadAgain):
        settled("datetime2", 7, [fine], "text", datetime2="timestamp")
    batch, settler = settled("datetime2", 7, [fine], "null", datetime2="timestamp")
    assert batch.column(0).to_pylist() == [None]
    assert "1 values" in settler.remarks[0]
    again = plan_column(DeclaredColumn("c", "datetime2", None, 8, 27, 7), as_text=True, datetime2="timestamp")
    assert str(again.type) == "string"


@pytest.mark.parametrize(("scale", "value"), [(7, "2024-02-29 10:00:00.0000010"), (6, dt.datetime(2024, 2, 29, 10, 0, 0, 1))])
def test_an_offset_lands_in_utc_where_it_is_asked_for(scale, value):
    batch, _ = settled("datetimeoffset", scale, [value], datetimeoffset="timestamp")
    assert batch.schema.types == [pa.timestamp("us", "UTC")]
    assert batch.column(0).to_pylist() == [dt.datetime(2024, 2, 29, 10, 0, 0, 1, tzinfo=dt.UTC)]


def test_times_and_row_versions_are_what_they_were():
    batch, _ = settled("time", 6, ["23:59:59.999999", "00:00:00.000000", None])
    assert batch.column(0).to_pylist() == [dt.time(23, 59, 59, 999999), dt.time(0), None]
    plan = plan_column(DeclaredColumn("c", "decimal", None, 17, 38, 38))
    numbers = pa.array(["-0." + "9" * 38, "0.1", None])
    batch = Settler("erp.t", [plan], ExtractRequest("t"))(pa.RecordBatch.from_arrays([numbers], names=["c0"]))
    assert [str(value) for value in batch.column(0).to_pylist()] == ["-0." + "9" * 38, "0.1" + "0" * 37, "None"]
    batch, _ = settled("time", 0, ["23:59:59"])
    assert batch.column(0).to_pylist() == [dt.time(23, 59, 59)]
    batch, _ = settled("timestamp", 0, [2003, -1])
    assert batch.column(0).to_pylist() == [2003, 2**64 - 1]


def test_texts_with_the_replacement_character_are_counted():
    plan = plan_column(DeclaredColumn("c", "nvarchar", None, 40))
    settler = Settler("erp.t", [plan], ExtractRequest("t"))
    texts = pa.array(["a\ufffdb", "ñ", None, "\ufffd\ufffd", "z"])
    for part in (texts, texts.slice(1, 2), texts.slice(3), texts.slice(0, 0)):
        settler(pa.RecordBatch.from_arrays([part], names=["c0"]))
    assert settler.replaced == {"c": 3}


def test_keys_are_followed_by_their_declared_type_whatever_they_land_as():
    assert key_type(plan_column(DeclaredColumn("c", "datetime2", None, 8, 27, 7))) == pa.timestamp("us")
    assert key_type(plan_column(DeclaredColumn("c", "datetimeoffset", None, 8, 27, 7))) == pa.timestamp("us", "UTC")
    assert key_type(plan_column(DeclaredColumn("c", "timestamp", None, 8))) == pa.uint64()
