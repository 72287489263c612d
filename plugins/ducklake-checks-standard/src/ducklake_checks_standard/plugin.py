"""Registers the standard checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake.api import hookimpl

if TYPE_CHECKING:
    from ducklake.api.registrar import QualityCheckRegistrar

api = 1


@hookimpl
def register_quality_checks(register: QualityCheckRegistrar) -> None:
    """Offer `not_null`, `unique`, `valid_values` and `range`."""
    from ducklake_checks_standard.checks import NotNull, Range, Unique, ValidValues

    for check in (NotNull, Unique, ValidValues, Range):
        register(check)
