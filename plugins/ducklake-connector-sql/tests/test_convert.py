"""Conversions raise where PyArrow alone would change a value."""

from __future__ import annotations

import datetime as dt
import decimal

import pyarrow as pa
import pytest

from ducklake.errors import DataError
from ducklake_connector_sql import convert
from ducklake_connector_sql.batches import Reading, read_batches

NAIVE = dt.datetime.fromisoformat("2024-01-01T10:00:00")
AWARE = dt.datetime.fromisoformat("2024-01-01T10:00:00+02:00")


@pytest.mark.parametrize(
    ("conversion", "value"),
    [
        (convert.strict(pa.int64(), int), 1.5),
        (convert.strict(pa.int64(), int), True),
        (convert.strict(pa.int8(), int), 128),
        (convert.strict(pa.string(), str), b"x"),
        (convert.strict(pa.date32(), dt.date), NAIVE),
        (convert.strict(pa.float64(), float, int), 2**53 + 1),
        (convert.float32(), 1e300),
        (convert.decimals(pa.decimal128(12, 2)), decimal.Decimal("1.239")),
        (convert.decimals(pa.decimal128(12, 2)), 0.1 + 0.2),
        (convert.decimals(pa.decimal128(12, 2)), decimal.Decimal("NaN")),
        (convert.flags(), 2),
        (convert.flags(), "t"),
        (convert.parsed(pa.date32()), "0000-00-00"),
        (convert.parsed(pa.timestamp("us")), "2024-01-01 10:00:00.1234567"),
        (convert.parsed(pa.timestamp("us")), NAIVE),
        (convert.moments(pa.timestamp("us")), AWARE),
        (convert.moments(pa.timestamp("us", "UTC")), NAIVE),
        (convert.text_of_anything(), b"x"),
        (convert.text_of_anything(), [1]),
        (convert.binary(), "x"),
    ],
)
def test_a_value_that_would_change_is_an_error_naming_the_column(conversion, value):
    batches = iter([[(None,), (value,)], []])
    with pytest.raises(DataError, match=r"s\.t\.v: a value does not fit"):
        list(read_batches("s.t", [Reading("v", pa.null(), conversion)], lambda _: next(batches), 10, 1000))


@pytest.mark.parametrize(
    ("conversion", "value", "landed"),
    [
        (convert.decimals(pa.decimal128(12, 2)), 12.5, decimal.Decimal("12.50")),
        (convert.text_of_anything(), 0.1, "0.1"),
        (convert.text_of_anything(), decimal.Decimal("1E+3"), "1E+3"),
        (convert.binary(), memoryview(b"x"), b"x"),
        (convert.flags(), 1, True),
        (convert.moments(pa.timestamp("us", "UTC")), AWARE, AWARE),
        (convert.float32(), 0.5, 0.5),
        (convert.float32(), float("inf"), float("inf")),
    ],
)
def test_a_value_that_fits_lands(conversion, value, landed):
    assert conversion([value, None]).to_pylist() == [landed, None]
