"""Names of plugins that this project makes, installed or not: so that an error can say what to install."""

from __future__ import annotations

CONNECTORS = frozenset({"api", "csv", "mysql", "postgresql", "sftp", "sql", "sqlite", "sqlserver"})
TRANSFORMS = frozenset({"cast", "deduplicate", "filter", "join", "rename", "sql"})
CHECKS = frozenset({"not_null", "range", "ranges", "unique", "valid_values"})
COMMANDS = frozenset({"add-source"})


def package_of(kind: str, name: str) -> str | None:
    """The package that brings a plugin, or None if it is none of ours.

    Args:
        kind: `connector`, `transform`, `check`, `command`.
        name: The word behind `type:`, or the command.
    """
    if name not in known(kind):
        return None
    return "ducklake-checks-standard" if kind == "check" else f"ducklake-{kind}-{name}"


def known(kind: str) -> frozenset[str]:
    """All names of a kind.

    Args:
        kind: As for `package_of`.
    """
    return {"connector": CONNECTORS, "transform": TRANSFORMS, "check": CHECKS, "command": COMMANDS}.get(kind, frozenset())
