"""From a server's text to a column's lake type, in columnar code; and what becomes of values that the type cannot hold.

Values that are within the type but that Arrow does not parse (years before Christ or beyond 9999) are read here one by
one; whatever is still left over follows the column's policy.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from ducklake.api.extraction import InvalidPolicy, ReadAgain
from ducklake.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_MOMENT = re.compile(
    r"(?P<year>[0-9]{4,6})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?: (?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.(?P<fraction>[0-9]{1,6}))?)?"
    r"(?:(?P<zone>[+-][0-9]{2})(?::(?P<minutes>[0-9]{2}))?)?(?P<era> BC)?\Z"
)
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097
"""After 400 years the Gregorian calendar repeats itself."""


class Converter:
    """Converts the texts of one column, and counts what became NULL.

    Args:
        place: `source.table.column`, for messages.
        name: The column's name at the source.
        target: The lake type.
        policy: What becomes of values that do not fit.
    """

    def __init__(self, place: str, name: str, target: pa.DataType, policy: InvalidPolicy) -> None:
        self.place, self.name, self.target, self.policy = place, name, target, policy
        self.nulled = 0
        self._sample: str | None = None

    def __call__(self, texts: pa.Array) -> pa.Array:
        """An array of the lake type.

        Args:
            texts: What the server sent.

        Raises:
            DataError: A value does not fit, and the policy is `fail`.
            ReadAgain: A value does not fit, and the policy is `text`.
        """
        import pyarrow as pa

        try:
            return _cast(texts, self.target)
        except pa.ArrowInvalid:
            return self._one_by_one(texts)

    def absorb(self, other: Converter) -> None:
        """Take over what another converter of the same column has counted.

        Args:
            other: Of another stream.
        """
        self.nulled += other.nulled
        self._sample = self._sample or other._sample

    @property
    def remark(self) -> str | None:
        """What became NULL, if anything did."""
        if not self.nulled:
            return None
        return f"column {self.name!r}: {self.nulled} values that {self.target} cannot hold became NULL, for example {self._sample!r}"

    def _one_by_one(self, texts: pa.Array) -> pa.Array:
        import pyarrow as pa

        # Halves without a value that is out of the ordinary are cast as a whole.
        if len(texts) > 64:
            middle = len(texts) // 2
            halves = [self(texts.slice(0, middle)), self(texts.slice(middle))]
            return pa.concat_arrays(halves)
        return pa.concat_arrays([self._single(texts.slice(at, 1)) for at in range(len(texts))])

    def _single(self, text: pa.Array) -> pa.Array:
        import pyarrow as pa

        try:
            return _cast(text, self.target)
        except pa.ArrowInvalid:
            value = text[0].as_py()
        number = _beyond_years(value, self.target)
        if number is not None:
            return pa.array([number], pa.int32() if pa.types.is_date32(self.target) else pa.int64()).view(self.target)
        if self.policy == "text":
            raise ReadAgain(self.name)
        if self.policy == "null":
            self.nulled += 1
            self._sample = self._sample or value[:40]
            return pa.nulls(1, self.target)
        raise DataError(
            f"{self.place}: the value {value[:40]!r} does not fit {self.target}",
            hint=f"mend it at the source, or write on_invalid: {{{self.name}: text}} (the column as text) or null (counted) under extract",
            code="invalid_value",
        )


def _cast(texts: pa.Array, target: pa.DataType) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(target):
        return texts
    if pa.types.is_timestamp(target) and target.tz is not None:
        # Arrow wants a zone in each text; sessions are in UTC, and a text that does not say so goes another way.
        if pc.any(pc.invert(pc.ends_with(texts, "+00"))).as_py():
            raise pa.ArrowInvalid("a time that is not in UTC")
        return pc.utf8_slice_codeunits(texts, 0, -3).cast(pa.timestamp("us")).cast(target)
    if pa.types.is_decimal(target):
        # The server's words for what is no number would reach Arrow's parser, which takes some of them for numbers.
        if pc.any(pc.match_substring_regex(texts, "[^-0-9.]")).as_py():
            raise pa.ArrowInvalid("no decimal")
        return texts.cast(target)
    return texts.cast(target)


def _beyond_years(text: str, target: pa.DataType) -> int | None:
    """Days or microseconds since 1970 of a date or time in a year that Python and Arrow do not know; None if it is none or too far off."""
    import pyarrow as pa

    date, moment = pa.types.is_date32(target), pa.types.is_timestamp(target)
    found = _MOMENT.match(text) if date or moment else None
    if found is None or (found["zone"] or "+00") != "+00" or (found["minutes"] or "00") != "00":
        return None
    year = 1 - int(found["year"]) if found["era"] else int(found["year"])
    cycles, within = divmod(year - 2000, _CYCLE_YEARS)
    days = (dt.date(2000 + within, int(found["month"]), int(found["day"])) - dt.date(1970, 1, 1)).days + cycles * _CYCLE_DAYS
    if date:
        return days if found["time"] is None and -(2**31) < days < 2**31 else None
    hours, minutes, seconds = (int(part) for part in (found["time"] or "00:00:00").split(":"))
    number = (days * 86_400 + hours * 3600 + minutes * 60 + seconds) * 1_000_000 + int((found["fraction"] or "").ljust(6, "0"))
    # The engine takes the two lowest and the highest numbers for infinities.
    return number if -(2**63) + 2 <= number <= 2**63 - 2 else None


def remarks_of(converters: Any) -> list[str]:
    """The remarks of several converters.

    Args:
        converters: All of one table.
    """
    return [remark for converter in converters if (remark := converter.remark)]
