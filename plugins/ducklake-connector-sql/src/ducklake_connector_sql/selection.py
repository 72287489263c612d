"""Which columns of a table are read: `columns` and `exclude`, looked up among those that there are."""

from __future__ import annotations

from collections.abc import Sequence

from ducklake.api.extraction import ExtractRequest
from ducklake.errors import DataError, did_you_mean


def select_columns(request: ExtractRequest, names: Sequence[str], place: str) -> tuple[list[str], list[str]]:
    """The columns to read, in the table's order, and remarks.

    Args:
        request: What is asked for.
        names: The table's columns.
        place: `source.table`, for messages.

    Raises:
        DataError: `columns` names one that is not there, nothing is left, or the key column is left out.
    """
    for name in request.columns:
        if name not in names:
            raise DataError(f"{place}: no column {name!r}, which extract.columns names", hint=did_you_mean(name, names, "columns"))
    kept = [name for name in names if (not request.columns or name in request.columns) and name not in request.exclude]
    if names and not kept:
        raise DataError(f"{place}: extract.columns and extract.exclude leave no column")
    key = request.key_column
    if request.mode == "incremental" and key in names and key not in kept:
        raise DataError(f"{place}: the key_column {key!r} is left out by extract.columns or extract.exclude", hint="keep it")
    notes = [f"extract.exclude names {name!r}, which is no column of the table" for name in request.exclude if name not in names]
    notes += [f"on_invalid names {name!r}, which is no column of the table" for name in request.on_invalid if name not in ("*", *names)]
    return kept, notes
