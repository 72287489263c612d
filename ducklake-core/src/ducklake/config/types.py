"""Words of the configuration that have rules of their own: plain names, sizes, cron expressions, time zones."""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf

from ducklake.api.extraction import InvalidPolicy, Window
from ducklake.api.extraction import Verify as VerifyWord

_PLAIN = re.compile(r"[A-Za-z0-9_-]+\Z")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)\Z", re.IGNORECASE)
_UNITS = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\Z")
_SECONDS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
_MONTHS = {"month": 1, "months": 1, "year": 12, "years": 12}
_CRON_FIELD = re.compile(r"(?:\*|[0-9]+|[A-Za-z]{3})(?:-(?:[0-9]+|[A-Za-z]{3}))?(?:/[0-9]+)?\Z")
_CRON_RANGES = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
LONGEST_NAME = 128
_LONGEST_WAIT = 366 * 86_400


def plain_name(text: str) -> str:
    """A name that can be a folder and a schema everywhere: letters, digits, `_`, `-`.

    Args:
        text: The name.

    Raises:
        ValueError: It is not plain.
    """
    if not _PLAIN.match(text):
        raise ValueError(f"'{text}' is no plain name; use letters (a to z), digits, _ and -")
    if len(text) > LONGEST_NAME:
        raise ValueError(f"a name has at most {LONGEST_NAME} characters, this one {len(text)}")
    return text


def parse_size(text: str) -> int:
    """Bytes of a size such as `4GB` (1000^3) or `4GiB` (1024^3).

    Args:
        text: Number and unit.

    Raises:
        ValueError: It is no size, or zero.
    """
    match = _SIZE.match(text.strip())
    size = int(float(match.group(1)) * _UNITS[match.group(2).lower()]) if match else 0
    if size < 1:
        raise ValueError(f"'{text}' is no size; write for example 4GB or 512MiB")
    return size


def _size(text: str) -> str:
    parse_size(text)
    return text


def lookback(value: Any) -> dt.timedelta | decimal.Decimal:
    """How far increments read back: a duration such as `10 minutes`, or a number for numeric keys.

    Args:
        value: As YAML has it.

    Raises:
        ValueError: It is neither, or negative.
    """
    if isinstance(value, dt.timedelta | decimal.Decimal):
        return value
    text = "" if isinstance(value, bool) else str(value).strip()
    try:
        if (match := _DURATION.match(text)) and match[2].lower() in _SECONDS:
            return dt.timedelta(seconds=float(match[1]) * _SECONDS[match[2].lower()])
        number = decimal.Decimal(text)
        if number.is_finite() and number >= 0:
            return number
    except (decimal.InvalidOperation, OverflowError):
        pass
    raise ValueError(f"'{value}' is no lookback; write a duration such as 10 minutes or 2 days, or a number for a numeric key")


def time_limit(value: Any) -> float:
    """Seconds of a time limit: a duration such as `10 minutes`, or a number of seconds.

    Args:
        value: As YAML has it.

    Raises:
        ValueError: It is neither, or not above zero.
    """
    found: object = None
    with contextlib.suppress(ValueError):
        found = lookback(value)
    seconds = found.total_seconds() if isinstance(found, dt.timedelta) else float(found) if isinstance(found, decimal.Decimal) else 0.0
    if not 0 < seconds <= _LONGEST_WAIT:
        raise ValueError(f"'{value}' is no time limit; write a duration such as 30 seconds or 10 minutes, or a number of seconds")
    return seconds


def window(value: Any) -> Window:
    """How much of a key one extraction of a first load takes: `1 month`, `2 years`, a duration, or a number for numeric keys.

    Args:
        value: As YAML has it.

    Raises:
        ValueError: It is none of these, or not above zero.
    """
    if isinstance(value, Window):
        return value
    found: Window | None = None
    match = _DURATION.match("" if isinstance(value, bool) else str(value).strip())
    if match and match[2].lower() in _MONTHS and match[1].isdigit():
        found = Window(months=int(match[1]) * _MONTHS[match[2].lower()])
    else:
        with contextlib.suppress(ValueError):
            distance = lookback(value)
            found = Window(span=distance) if isinstance(distance, dt.timedelta) else Window(step=distance)
    if found is None or not (found.months or found.span or found.step):
        raise ValueError(f"'{value}' is no window; write a duration such as 1 month or 7 days, or a number for a numeric key")
    return found


def invalid_policy(value: Any) -> Any:
    """`on_invalid`, for all columns or a mapping by column, as a mapping; YAML's null is the word `null`.

    Args:
        value: As YAML has it.
    """
    if not isinstance(value, dict):
        value = {"*": value}
    return {column: "null" if policy is None else policy for column, policy in value.items()}


def verify(value: Any) -> Any:
    """`verify`; YAML's off is the word `off`.

    Args:
        value: As YAML has it.
    """
    return "off" if value is False else value


def cron(text: str) -> str:
    """A cron expression of five fields; what stands in each is checked against the field's range.

    Args:
        text: For example `0 2 * * *`.

    Raises:
        ValueError: It is none.
    """
    fields = text.split()
    if len(fields) != len(_CRON_RANGES):
        raise ValueError(f"'{text}' has {len(fields)} fields; cron has five (minute hour day month weekday), for example 0 2 * * *")
    for field, (name, low, high) in zip(fields, _CRON_RANGES, strict=True):
        numbers = [int(number) for part in field.split(",") for number in re.findall(r"[0-9]+", part.partition("/")[0])]
        if not all(_CRON_FIELD.match(part) for part in field.split(",")) or not all(low <= number <= high for number in numbers):
            raise ValueError(f"'{text}': the {name} '{field}' is not within {low} to {high}")
    return text


def timezone(text: str) -> str:
    """The IANA name of a time zone.

    Args:
        text: For example `America/Bogota`.

    Raises:
        ValueError: There is none of that name.
    """
    from zoneinfo import ZoneInfo, available_timezones

    from ducklake.errors import nearest

    try:
        ZoneInfo(text)
    except (OSError, ValueError, KeyError) as error:
        close = nearest(text, available_timezones())
        raise ValueError(
            f"there is no time zone '{text}'; {f'did you mean {close}?' if close else 'write for example UTC or Europe/Madrid'}"
        ) from error
    return text


PlainName = Annotated[str, AfterValidator(plain_name), Field(json_schema_extra={"pattern": "^[A-Za-z0-9_-]+$"})]
Text = Annotated[str, Field(min_length=1)]
Size = Annotated[str, AfterValidator(_size)]
Cron = Annotated[str, AfterValidator(cron)]
Timezone = Annotated[str, AfterValidator(timezone)]
TimeLimit = Annotated[float, BeforeValidator(time_limit, json_schema_input_type=str | int | float)]
Lookback = Annotated[dt.timedelta | decimal.Decimal, BeforeValidator(lookback, json_schema_input_type=str | int | float)]
WindowSize = Annotated[InstanceOf[Window], BeforeValidator(window, json_schema_input_type=str | int | float)]
OnInvalid = Annotated[
    dict[str, InvalidPolicy],
    BeforeValidator(invalid_policy, json_schema_input_type=Literal["fail", "text", "null"] | None | dict[str, InvalidPolicy | None]),
]
Verify = Annotated[VerifyWord, BeforeValidator(verify, json_schema_input_type=Literal["count", "full", "off", False])]
