"""A lake around a connector class, without an entry point: rows land as they will for users."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ducklake.api.connector import Connector
    from ducklake.api.results import TableResult
    from ducklake.lake import Lake

SOURCE = "under_test"


def lake_of(connector: type[Connector[Any]], options: Mapping[str, Any], folder: Path, extract: Mapping[str, Any] | None = None) -> Lake:
    """A lake with one source; one that is there is gone on with.

    Args:
        connector: The class; it need not be installed.
        options: As in YAML.
        folder: The project's.
        extract: The source's `extract:`.
    """
    import yaml

    from ducklake.lake import Lake
    from ducklake.plugins.info import PluginInfo
    from ducklake.plugins.registry import Staging

    (folder / "config").mkdir(parents=True, exist_ok=True)
    source = {"name": SOURCE, "type": connector.name, **options, **({"extract": dict(extract)} if extract else {})}
    (folder / "config/sources.yaml").write_text(yaml.safe_dump({"sources": [source]}, allow_unicode=True), encoding="utf-8")
    lake = Lake(folder)
    staging = Staging()
    staging.registrar("register_connectors")(connector)
    lake.manager.adopt(staging, PluginInfo("connector", connector.name, connector.__module__, connector.__module__, "", "ok"))
    return lake


def land(lake: Lake) -> dict[str, TableResult]:
    """Extract the source; results by table.

    Args:
        lake: Of `lake_of`.

    Raises:
        AssertionError: A table failed.
    """
    results = lake.extract(SOURCE).results
    failed = [str(result.error) for result in results if result.error is not None]
    assert not failed, "; ".join(failed)
    return {result.table: result for result in results if result.table is not None}


def landed(lake: Lake, table: str, columns: str = "*") -> list[list[Any]]:
    """The rows of a table in raw, without the lake's own columns.

    Args:
        lake: Of `lake_of`.
        table: As the source spells it.
        columns: What to select.
    """
    from ducklake.api.sql import quote_path
    from ducklake.api.tables import METADATA_COLUMNS

    chosen = columns if columns != "*" else f"* EXCLUDE ({', '.join(METADATA_COLUMNS)})"
    return lake.query(f"SELECT {chosen} FROM {quote_path('raw', SOURCE, table)}").rows
