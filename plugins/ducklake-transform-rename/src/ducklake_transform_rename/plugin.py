"""Registers the transform `rename`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake.api import hookimpl

if TYPE_CHECKING:
    from ducklake.api.registrar import TransformRegistrar

api = 1


@hookimpl
def register_transforms(register: TransformRegistrar) -> None:
    """Offer `rename`."""
    from ducklake_transform_rename.transform import Rename

    register(Rename)
