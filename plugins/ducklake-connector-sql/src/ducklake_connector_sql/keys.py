"""Keys by which increments are found: what kinds there are, how a key is written as text, and how far back one reads."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from ducklake.errors import ConfigurationError, DataError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

KeyKind = Literal["integer", "decimal", "float", "date", "timestamp", "text"]
Lookback = dt.timedelta | decimal.Decimal
Value = int | float | decimal.Decimal | dt.date | dt.datetime | str

TIME_LOOKBACK = dt.timedelta(minutes=15)
"""For keys that are times, unless the configuration says otherwise: clocks of applications differ."""

WORDS: dict[KeyKind, str] = {
    "integer": "whole numbers",
    "decimal": "decimals",
    "float": "floating-point numbers",
    "date": "dates",
    "timestamp": "times",
    "text": "text",
}


def kind_of(column: str, kind: pa.DataType, place: str) -> KeyKind:
    """What the values of a key column are, by what it lands as.

    Args:
        column: The key column.
        kind: What it lands as.
        place: `source.table`, for messages.

    Raises:
        DataError: Such values have no order to go by.
    """
    import pyarrow as pa

    tests: dict[KeyKind, Any] = {
        "integer": pa.types.is_integer,
        "decimal": pa.types.is_decimal,
        "float": pa.types.is_floating,
        "date": pa.types.is_date,
        "timestamp": pa.types.is_timestamp,
        "text": pa.types.is_string,
    }
    found = next((word for word, test in tests.items() if test(kind)), None)
    if found is None:
        raise DataError(
            f"{place}.{column}: a column of {kind} cannot be the key_column",
            hint="choose one that grows with every new or changed row, such as updated_at or id; or write mode: full",
            code="bad_key",
        )
    return found


def key_among(column: str, names: Iterable[str], place: str, *, known: bool) -> str:
    """The key column's own spelling.

    Args:
        column: As configured.
        names: The table's columns.
        place: `source.table`, for messages.
        known: Whether increments have gone by it before.

    Raises:
        DataError: The table has no such column.
    """
    every = list(names)
    if column in every:
        return column
    folded = [name for name in every if name.casefold() == column.casefold()]
    if len(folded) == 1:
        return folded[0]
    if known:
        hint = f"name its new name as key_column and begin anew: {anew(place)}"
        raise DataError(f"{place}: the key column {column!r} is gone", hint=hint, code="key_changed")
    hint = did_you_mean(column, every, "columns") or "name another key_column, or write mode: full for this table"
    raise DataError(f"{place}: no column {column!r}, which is to be the key_column", hint=hint, code="bad_key")


def gone_back(column: str, watermark: str, place: str) -> DataError:
    """The error for a table that ends below what was seen in it.

    Args:
        column: The key column.
        watermark: The highest key that is sure to have been there.
        place: `source.table`, for messages.
    """
    message = f"{place}: no row has {column} at or above {watermark}, which was there before: restored to an older state, or rows deleted"
    return DataError(message, hint=f"look at the source; to begin anew from what it holds now: {anew(place)}", code="source_went_back")


def anew(place: str) -> str:
    """The command that begins a new epoch.

    Args:
        place: `source.table`.
    """
    source, _, table = place.partition(".")
    quoted = table if table.replace("_", "").replace(".", "").replace("-", "").isalnum() else f"'{table}'"
    return f"`ducklake extract {source} --table {quoted} --full`"


def lookback_of(kind: KeyKind, lookback: Lookback | None, place: str) -> Lookback:
    """How far increments read back.

    Args:
        kind: Of the key.
        lookback: As configured.
        place: `source.table.column`, for messages.

    Raises:
        ConfigurationError: It does not go with the key.
    """
    times = kind in ("date", "timestamp")
    if lookback is None:
        return TIME_LOOKBACK if times else decimal.Decimal(0)
    if kind == "text" and lookback:
        hint = "leave lookback out; or choose a key that is a time or a number"
        raise ConfigurationError(f"{place}: lookback cannot be taken off a key that is text", hint=hint, code="lookback")
    if times != isinstance(lookback, dt.timedelta) and lookback:
        wanted, example = ("a duration", "10 minutes") if times else ("a number", "1000")
        hint = f"write for example lookback: {example}, at this table if others need another"
        raise ConfigurationError(f"{place}: the key is {WORDS[kind]}, its lookback {wanted}", hint=hint, code="lookback")
    return lookback


def text_of(kind: KeyKind, value: Any) -> str | None:
    """A key as this module writes it: one text for one value; None for a value without a place in the order.

    Args:
        kind: Of the key.
        value: The server's text, or what the driver gave.
    """
    if value is None:
        return None
    try:
        return render(parse(kind, value if isinstance(value, str) else _plain(value)))
    except (ValueError, ArithmeticError):
        return None


def parse(kind: KeyKind, text: str) -> Value:
    """A key's value.

    Args:
        kind: Of the key.
        text: What `render` wrote, or a server's text.

    Raises:
        ValueError: It is none (`infinity`, `0000-00-00`).
        ArithmeticError: It is none.
    """
    match kind:
        case "integer":
            return int(text)
        case "decimal":
            number = decimal.Decimal(text)
            if not number.is_finite():
                raise ValueError(text)
            return number
        case "float":
            value = float(text)
            if value != value or value in (float("inf"), float("-inf")):
                raise ValueError(text)
            return value
        case "date":
            return dt.date.fromisoformat(text[:10])
        case "timestamp":
            moment = dt.datetime.fromisoformat(text)
            return moment.astimezone(dt.UTC) if moment.tzinfo else moment
    return text


def render(value: Value) -> str:
    """A key as text that DuckDB reads back as the same value; times without trailing zeros, so that texts sort like times.

    Args:
        value: What `parse` returned.
    """
    match value:
        case dt.datetime():
            zone = "+00" if value.tzinfo else ""
            text = value.replace(tzinfo=None).isoformat(" ", "microseconds")
            return text.rstrip("0").rstrip(".") + zone if value.microsecond else text[:19] + zone
        case dt.date():
            return value.isoformat()
        case decimal.Decimal():
            return format(value, "f")
        case float():
            return repr(value)
    return str(value)


def back(kind: KeyKind, text: str, distance: Lookback) -> str | None:
    """The key that lies a distance below another one; None where there is none so low.

    Args:
        kind: Of the key.
        text: The key.
        distance: What `lookback_of` returned.
    """
    steps = distance if isinstance(distance, decimal.Decimal) else decimal.Decimal(0)
    span = distance if isinstance(distance, dt.timedelta) else dt.timedelta(0)
    try:
        with decimal.localcontext(prec=100):
            match parse(kind, text):
                case dt.datetime() as moment:
                    return render(moment - span)
                case dt.date() as day:
                    return render((dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC) - span).date())
                case float() as number:
                    return render(number - float(steps))
                case int() as number:
                    return render(int((number - steps).to_integral_value(decimal.ROUND_FLOOR)))
                case decimal.Decimal() as number:
                    return render(number - steps)
    except OverflowError:
        return None
    return text


def _plain(value: Any) -> str:
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)
