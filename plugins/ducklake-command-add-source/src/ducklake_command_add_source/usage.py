"""Errors of the command line."""

from __future__ import annotations

from ducklake.errors import ConfigurationError


def usage(message: str, hint: str | None = None) -> ConfigurationError:
    """What is raised where something is wrong or missing on the command line.

    Args:
        message: One line; it names the option.
        hint: What to type instead.
    """
    return ConfigurationError(message, hint=hint, code="usage")
