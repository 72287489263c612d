"""Registers the transform `filter`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake.api import hookimpl

if TYPE_CHECKING:
    from ducklake.api.registrar import TransformRegistrar

api = 1


@hookimpl
def register_transforms(register: TransformRegistrar) -> None:
    """Offer `filter`."""
    from ducklake_transform_filter.transform import Filter

    register(Filter)
