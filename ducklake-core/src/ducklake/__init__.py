"""DuckLake: a data lake framework on DuckDB.

    from ducklake import Lake

    lake = Lake("my_project")
    lake.extract("shop")
    lake.run("ventas_staging")
    lake.query("SELECT * FROM staging.ventas.clientes").arrow()

Plugin authors import from `ducklake.api` and mark hooks with `ducklake.hookimpl`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ducklake.api import hookimpl
    from ducklake.lake import Lake

__version__ = "0.1.0"
__all__ = ["Lake", "__version__", "hookimpl"]


def __getattr__(name: str) -> Any:
    """Import the heavy names when they are first used, so that `ducklake --help` stays fast."""
    if name == "Lake":
        from ducklake.lake import Lake

        return Lake
    if name == "hookimpl":
        from ducklake.api import hookimpl

        return hookimpl
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
