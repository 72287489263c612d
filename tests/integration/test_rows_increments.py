"""Connectors of plain rows read increments: by every kind of key, each row once."""

from __future__ import annotations

import datetime as dt
import json
import zoneinfo
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pydantic import Field

from ducklake.api import Options, RowsConnector
from ducklake.testing import ConnectorCase, ConnectorTests, LakeProject


class JsonOptions(Options):
    path: str = Field(description="A file of tables.")


class JsonRows(RowsConnector[JsonOptions]):
    name = "json_rows"
    capabilities = frozenset({"tables", "incremental"})

    def read(self) -> dict[str, Any]:
        from ducklake.errors import SourceError

        try:
            return json.loads(self.context.resolve(self.options.path).read_text(encoding="utf-8"))
        except OSError as error:
            raise SourceError(f"{self.context.source}: {error}") from error

    def schemas(self) -> Mapping[str, pa.Schema]:
        types = {"int64": pa.int64(), "string": pa.string()}
        return {name: pa.schema([(column, types[kind]) for column, kind in table["types"]]) for name, table in self.read().items()}

    def rows(self, table: str) -> Iterable[Mapping[str, Any]]:
        found = self.read()[table]
        names = [column for column, _ in found["types"]]
        return (dict(zip(names, row, strict=True)) for row in found["rows"])


def fill(place, tables):
    data = {
        name: {
            "types": [(field.name, str(field.type)) for field in table.schema],
            "rows": [list(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)],
        }
        for name, table in tables.items()
    }
    (place.folder / "data.json").write_text(json.dumps(data), encoding="utf-8")
    return {"path": "data.json"}


def sample(place):
    return fill(place, {"people": pa.table({"id": list(range(20)), "name": [f"name {number}" for number in range(20)]})})


class TestJsonRows(ConnectorTests):
    case = ConnectorCase(JsonRows, sample, unreachable=[{"path": "missing.json"}], fill=fill)


CONNECTOR = """
import datetime
import json
from decimal import Decimal

import pyarrow as pa

from ducklake.api import NoOptions, RowsConnector, hookimpl


class Api(RowsConnector[NoOptions]):
    name = "api"
    capabilities = frozenset({"tables", "incremental"})

    def schemas(self):
        return {"t": pa.schema([("k", eval(KIND)), ("v", pa.int64())])}

    def all(self):
        return [{"k": eval(k), "v": v} for k, v in json.loads(self.context.resolve("rows.json").read_text())]

    def rows(self, table):
        self.context.resolve("asked.txt").write_text("all")
        return self.all()

    def rows_since(self, table, key, low):
        self.context.resolve("asked.txt").write_text(repr(low))
        return [row for row in reversed(self.all()) if row[key] is None or row[key] >= low]


@hookimpl
def register_connectors(register):
    register(Api)
"""
DAY = dt.datetime(2026, 1, 31, 10, 0, 0, 500000)
KINDS = {
    "int": ("pa.int64()", [-5, 7, 7, 2**62], 0),
    "unsigned": ("pa.uint64()", [5, 7, 7, 2**64 - 1], 0),
    "decimal": ("pa.decimal128(38, 2)", [Decimal("-1.50"), Decimal("7.25"), Decimal("7.25"), Decimal("1" * 36 + ".78")], 0),
    "date": ("pa.date32()", [dt.date(2026, 1, 1), dt.date(2026, 1, 31), dt.date(2026, 1, 31), dt.date(2026, 2, 1)], dt.timedelta(0)),
    "time": ("pa.timestamp('us')", [DAY - dt.timedelta(days=1), DAY, DAY, DAY + dt.timedelta(seconds=1)], dt.timedelta(minutes=15)),
    "time with zone": (
        "pa.timestamp('us', 'UTC')",
        [moment.replace(tzinfo=dt.UTC) for moment in (DAY - dt.timedelta(days=1), DAY, DAY, DAY + dt.timedelta(seconds=1))],
        dt.timedelta(minutes=15),
    ),
    "nanoseconds": ("pa.timestamp('ns')", [DAY - dt.timedelta(days=1), DAY, DAY, DAY + dt.timedelta(seconds=1)], dt.timedelta(minutes=15)),
    "text": ("pa.string()", ["B", "a", "a", "ñ"], None),
}  # fmt: skip


def put(lake: LakeProject, keys: list[Any]) -> None:
    lake.write({"rows.json": json.dumps([(repr(key), number) for number, key in enumerate(keys)])})


def project(lake_project, kind: str, extract: Mapping[str, Any]) -> LakeProject:
    source = {"name": "s", "type": "api", "extract": {"key_column": "k", **extract}}
    return lake_project({"lake_plugins.py": f"KIND = {kind!r}\n{CONNECTOR}", "config/sources.yaml": {"sources": [source]}})


@pytest.mark.parametrize("case", KINDS)
def test_each_row_lands_once_whatever_the_key_is(lake_project, case: str) -> None:
    kind, (low, middle, tie, high), lookback = KINDS[case]
    lake = project(lake_project, kind, {})
    put(lake, [middle, low, None])
    assert [result["rows"] for result in lake.extract("s")] == [3]
    assert (lake.path / "asked.txt").read_text() == "all"
    assert [result["status"] for result in lake.extract("s")] == ["empty"]
    put(lake, [middle, low, None, tie, None])
    assert [result["rows"] for result in lake.extract("s")] == [2]
    asked = eval((lake.path / "asked.txt").read_text(), {"datetime": dt, "zoneinfo": zoneinfo, "Decimal": Decimal})
    assert asked == (middle - lookback if lookback else middle)
    put(lake, [middle, low, None, tie, None, high, high])
    assert [result["rows"] for result in lake.extract("s")] == [2]
    assert [result["status"] for result in lake.extract("s")] == ["empty"]
    assert lake.query("SELECT v FROM raw.s.t ORDER BY v") == [[number] for number in range(7)]


def test_rows_without_a_key_land_once_also_before_any_has_one(lake_project) -> None:
    lake = project(lake_project, "pa.int64()", {})
    put(lake, [None, None])
    assert [result["rows"] for result in lake.extract("s")] == [2]
    assert [result["status"] for result in lake.extract("s")] == ["empty"]
    put(lake, [None, None, 5, None])
    assert [result["rows"] for result in lake.extract("s")] == [2]
    assert lake.query("SELECT v FROM raw.s.t ORDER BY v") == [[0], [1], [2], [3]]


def test_a_lookback_reads_again_what_comes_late(lake_project) -> None:
    lake = project(lake_project, "pa.int64()", {"lookback": 10})
    put(lake, [100])
    lake.extract("s")
    put(lake, [100, 95, 80])
    assert [result["rows"] for result in lake.extract("s")] == [1]
    assert (lake.path / "asked.txt").read_text() == "90"


@pytest.mark.parametrize(
    ("kind", "extract", "words"),
    [
        ("pa.int64()", {"key_column": "kk"}, "s.t.kk: no such column to extract by"),
        ("pa.bool_()", {}, "s.t.k: a column of type bool cannot be a key_column"),
    ],
)
def test_a_key_that_is_none_is_refused(lake_project, kind: str, extract: Mapping[str, Any], words: str) -> None:
    lake = project(lake_project, kind, extract)
    put(lake, [])
    assert words in lake.fails(2, "extract", "s").stderr


def test_another_key_and_a_lookback_of_another_kind_are_refused(lake_project) -> None:
    lake = project(lake_project, "pa.int64()", {})
    put(lake, [1])
    lake.extract("s")
    other = {"name": "s", "type": "api", "extract": {"key_column": "v"}}
    lake.write({"config/sources.yaml": {"sources": [other]}})
    outcome = lake.fails(1, "extract", "s")
    assert "s.t: extracted by k (int64) before, now by v (int64)" in outcome.stderr
    assert "--full" in outcome.stderr
    late = {"name": "s", "type": "api", "extract": {"key_column": "k", "lookback": "2 days"}}
    lake.write({"config/sources.yaml": {"sources": [late]}})
    assert "cannot be taken off a key of type int64" in lake.fails(2, "extract", "s").stderr
    assert lake.query("SELECT count(*) FROM raw.s.t") == [[1]]
