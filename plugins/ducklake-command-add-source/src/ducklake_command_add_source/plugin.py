"""Registers the command `add-source`, imported when it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake.api import hookimpl

if TYPE_CHECKING:
    from ducklake.api.registrar import CommandRegistrar

api = 1


@hookimpl
def register_commands(register: CommandRegistrar) -> None:
    """Offer `add-source`."""
    register(
        "add-source", "ducklake_command_add_source.command:command", "Add a source to the configuration: ask, connect, propose, write."
    )
