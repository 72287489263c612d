"""Names of plugins that this project makes, installed or not: so that an error can say what to install."""

from __future__ import annotations

CONNECTORS = frozenset({"api", "csv", "mysql", "postgresql", "sftp", "sql", "sqlite", "sqlserver"})
TRANSFORMS = frozenset({"cast", "deduplicate", "filter", "join", "rename", "sql"})
CHECKS = frozenset({"not_null", "range", "ranges", "unique", "valid_values"})


def package_of(kind: str, name: str) -> str | None:
    """The package that brings a plugin, or None if it is none of ours.

    Args:
        kind: `connector`, `transform`, `check`.
        name: The word behind `type:`.
    """
    if kind == "connector" and name in CONNECTORS:
        return f"ducklake-connector-{name}"
    if kind == "transform" and name in TRANSFORMS:
        return f"ducklake-transform-{name}"
    return "ducklake-checks-standard" if kind == "check" and name in CHECKS else None


def known(kind: str) -> frozenset[str]:
    """All names of a kind.

    Args:
        kind: As for `package_of`.
    """
    return {"connector": CONNECTORS, "transform": TRANSFORMS, "check": CHECKS}.get(kind, frozenset())
