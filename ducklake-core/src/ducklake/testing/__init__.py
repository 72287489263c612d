"""Help for tests of plugins and of whole lakes; nothing of DuckLake imports it.

pytest finds the fixtures by itself wherever `ducklake-core` is installed:

    def test_my_source_lands(lake_project):
        lake = lake_project({"config/sources.yaml": {"sources": [{"name": "shop", "type": "mine"}]}})
        lake.ok("extract", "shop")
        assert lake.query("SELECT count(*) FROM raw.shop.orders") == [[3]]

What DuckLake expects of every plugin is a suite; a plugin's test file is a class with a case:

    class TestMine(ConnectorTests):
        case = ConnectorCase(MyConnector, {"path": "x"})

The fixtures are in `ducklake.testing.plugin`.
"""

from __future__ import annotations

from ducklake.testing.check_suite import CheckCase, CheckTests
from ducklake.testing.clock import FakeClock
from ducklake.testing.connector_suite import ConnectorCase, ConnectorTests
from ducklake.testing.connectors import read_table
from ducklake.testing.project import LakeProject, Outcome, sqlite_file
from ducklake.testing.suites import HOSTILE_NAMES, Place
from ducklake.testing.transform_suite import TransformCase, TransformTests
from ducklake.testing.web import WebServer
from ducklake.testing.writer_suite import EngineCase, EngineTests, WriterCase, WriterTests

__all__ = [
    "HOSTILE_NAMES",
    "CheckCase",
    "CheckTests",
    "ConnectorCase",
    "ConnectorTests",
    "EngineCase",
    "EngineTests",
    "FakeClock",
    "LakeProject",
    "Outcome",
    "Place",
    "TransformCase",
    "TransformTests",
    "WebServer",
    "WriterCase",
    "WriterTests",
    "read_table",
    "sqlite_file",
]
