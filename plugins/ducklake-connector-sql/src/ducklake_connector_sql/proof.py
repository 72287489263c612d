"""Comparing what was written with what the server says that it held, in the same snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ducklake.errors import DataError

if TYPE_CHECKING:
    from ducklake.api.extraction import Landed


def prove_count(place: str, landed: Landed, rows: int) -> None:
    """Refuse what has not as many rows as the server counted.

    Args:
        place: `source.table`.
        landed: What was written.
        rows: The server's own count.

    Raises:
        DataError: They differ; nothing may land.
    """
    if landed.rows != rows:
        raise _differs(place, f"the server counts {rows} rows, {landed.rows} were written")


def prove_values(place: str, landed: Landed, expressions: Mapping[str, str], expected: Mapping[str, Any]) -> None:
    """Refuse what differs from the server in one of some aggregates.

    Args:
        place: `source.table`.
        landed: What was written.
        expressions: A word for each aggregate (a column's name, for example), and its expression over the written columns.
        expected: What the server says, by the same words; compared as text.

    Raises:
        DataError: One differs; nothing may land.
    """
    words = list(expressions)
    found = landed.aggregate(list(expressions.values())) if words else ()
    for word, value in zip(words, found, strict=True):
        if str(value) != str(expected[word]):
            raise _differs(f"{place}.{word}", f"the server's checksum is {expected[word]}, that of what was written {value}")


def _differs(place: str, what: str) -> DataError:
    return DataError(
        f"{place}: what was written is not what the source held: {what}; nothing has landed",
        hint="run it again; if it stays, report it with the table's definition",
        code="proof",
    )
