"""Help for tests of plugins and of whole lakes; nothing of DuckLake imports it.

pytest finds the fixtures by itself wherever `ducklake-core` is installed:

    def test_my_source_lands(lake_project):
        lake = lake_project({"config/sources.yaml": {"sources": [{"name": "shop", "type": "mine"}]}})
        lake.ok("extract", "shop")
        assert lake.query("SELECT count(*) FROM raw.shop.orders") == [[3]]

`lake_project`, `engine_session` and `connector_context` are the fixtures; see `ducklake.testing.plugin`.
"""

from __future__ import annotations

from ducklake.testing.connectors import read_table
from ducklake.testing.project import LakeProject, Outcome, sqlite_file

__all__ = ["LakeProject", "Outcome", "read_table", "sqlite_file"]
