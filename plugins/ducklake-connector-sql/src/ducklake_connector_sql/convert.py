"""Conversions of a column's values into Arrow that raise instead of changing one.

PyArrow alone is not enough: `pa.array([1.5], pa.int64())` is 1, `pa.array([b"x"], pa.string())` is "x",
`pa.array([1e300], pa.float32())` is infinity, a datetime in a column of dates loses its time.
"""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from ducklake_connector_sql.batches import Convert


def plain(target: pa.DataType) -> Convert:
    """Values that are known to be of the right Python type.

    Args:
        target: The column's type.
    """
    import pyarrow as pa

    return lambda values: pa.array(values, target)


def strict(target: pa.DataType, *kinds: type) -> Convert:
    """Values that must be exactly of these Python types; subclasses do not count.

    Args:
        target: The column's type.
        *kinds: The Python types.
    """
    import pyarrow as pa

    def convert(values: Sequence[Any]) -> pa.Array:
        _only(values, kinds)
        return pa.array(values, target)

    return convert


def parsed(target: pa.DataType) -> Convert:
    """Text that Arrow parses; raises for what is no such value (`0000-00-00`, `infinity`, a fraction too long).

    Args:
        target: A date, timestamp or decimal.
    """
    import pyarrow as pa

    def convert(values: Sequence[Any]) -> pa.Array:
        _only(values, (str,))
        return pa.array(values, pa.string()).cast(target)

    return convert


def float32() -> Convert:
    """Floats of which each must be one of 32 bits or its shortest decimal text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def convert(values: Sequence[Any]) -> pa.Array:
        _only(values, (float,))
        wide = pa.array(values, pa.float64())
        narrow = wide.cast(pa.float32(), safe=False)
        if pc.sum(pc.is_inf(narrow)).as_py() != pc.sum(pc.is_inf(wide)).as_py():
            raise ValueError("a number beyond 32 bits")
        return narrow

    return convert


def moments(target: pa.DataType) -> Convert:
    """Datetimes, all with an offset or all without, as the type says.

    Args:
        target: A timestamp type, with a zone or without.
    """
    import datetime as dt

    import pyarrow as pa

    def convert(values: Sequence[Any]) -> pa.Array:
        _only(values, (dt.datetime,))
        if any(value is not None and (value.tzinfo is None) != (target.tz is None) for value in values):
            raise ValueError(f"a time {'without' if target.tz else 'with'} an offset")
        return pa.array(values, target)

    return convert


def flags() -> Convert:
    """Booleans, also as 0 and 1."""
    import pyarrow as pa

    def convert(values: Sequence[Any]) -> pa.Array:
        _only(values, (bool, int))
        if not set(values) <= {0, 1, None}:
            raise ValueError("a number other than 0 and 1 in a column of booleans")
        return pa.array([None if value is None else bool(value) for value in values], pa.bool_())

    return convert


def decimals(target: pa.DataType) -> Convert:
    """Decimals, whole numbers, and floats as their shortest text says.

    Args:
        target: A decimal type; a value with more digits is refused.
    """
    import pyarrow as pa

    def convert(values: Sequence[Any]) -> pa.Array:
        kinds = _only(values, (decimal.Decimal, int, float))
        if float in kinds:
            values = [decimal.Decimal(repr(value)) if isinstance(value, float) else value for value in values]
        return pa.array(values, target)

    return convert


def text_of_anything() -> Convert:
    """Text as it is, numbers as their exact text; bytes are refused."""
    import pyarrow as pa

    def convert(values: Sequence[Any]) -> pa.Array:
        if _only(values, (str, int, float, decimal.Decimal)) - {str}:
            values = [value if value is None or isinstance(value, str) else exact_text(value) for value in values]
        return pa.array(values, pa.string())

    return convert


def binary() -> Convert:
    """Bytes, also as memory views."""
    import pyarrow as pa

    def convert(values: Sequence[Any]) -> pa.Array:
        if _only(values, (bytes, bytearray, memoryview)) - {bytes}:
            values = [None if value is None else bytes(value) for value in values]
        return pa.array(values, pa.binary())

    return convert


def exact_text(value: float | decimal.Decimal) -> str:
    """The shortest text that reads back as the same number.

    Args:
        value: A number.
    """
    return repr(value) if isinstance(value, float) else str(value)


def _only(values: Iterable[Any], kinds: tuple[type, ...]) -> set[type]:
    """The Python types among values, which must be of these."""
    found = set(map(type, values)) - {type(None)}
    if strange := found - set(kinds):
        kind = min(strange, key=lambda kind: kind.__name__)
        raise TypeError(f"the driver gave {kind.__name__}, not {' or '.join(kind.__name__ for kind in kinds)}")
    return found
