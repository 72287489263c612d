"""The plugins that core brings along; they register through the same hooks as all others."""

from __future__ import annotations

from ducklake import __version__
from ducklake.plugins.info import PluginInfo

BUILTIN: tuple[tuple[str, str, str], ...] = (
    ("engine", "duckdb", "ducklake.builtin.duckdb_engine"),
    ("writer", "parquet", "ducklake.builtin.parquet"),
)


def builtin_plugins() -> list[PluginInfo]:
    """The built-in plugins, unloaded."""
    return [PluginInfo(kind, name, module, "ducklake-core", __version__) for kind, name, module in BUILTIN]
