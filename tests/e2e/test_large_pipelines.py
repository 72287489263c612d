"""Pipelines over ten times more data than the engine may hold."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ducklake.testing import LakeProject
from measuring import MEGABYTE, peak

ROWS, DOUBLED, CUSTOMERS = 26_000_000, 260_000, 3_000_000
WIDTH = 13
"""Texts of 32 bytes a row, which cannot be compressed here."""

CONNECTOR = """
from ducklake.api import Connector, Extraction, NoOptions, Session, SourceTable, hookimpl

TEXTS = ", ".join(f"md5((i * {number + 1})::VARCHAR) AS t{number}" for number in range(WIDTH))
TABLES = {
    # Every hundredth row comes twice, the second time newer.
    "events": f"SELECT i % {ROWS - DOUBLED} AS id, i AS seen, i * 7 % {CUSTOMERS} AS customer, {TEXTS} FROM range({ROWS}) AS t(i)",
    "customers": f"SELECT i AS customer, 'region ' || i % 50 AS region FROM range({CUSTOMERS}) AS t(i)",
}


class Made(Connector[NoOptions]):
    name = "made"

    def validate_connection(self):
        pass

    def open(self, requests):
        return MadeSession()


class MadeSession(Session):
    def tables(self):
        return [SourceTable(name) for name in TABLES]

    def get_schema(self, table):
        raise AssertionError("nobody asks for the schema of a relation")

    def extract(self, request):
        return Extraction(relation=TABLES[request.table])


@hookimpl
def register_connectors(register):
    register(Made)
"""
PIPELINES = """
pipelines:
  - name: events
    source: {layer: raw, domain: made, table: events}
    destination: {layer: staging, domain: d, table: events}
    transforms: [{type: deduplicate, keys: [id], order_by: [seen desc]}]
    quality_checks: [{type: not_null, columns: [id]}, {type: unique, columns: [id]}]
  - name: regions
    sources:
      - {layer: staging, domain: d, table: events, as: e}
      - {layer: raw, domain: made, table: customers, as: c}
    destination: {layer: consume, domain: bi, table: regions}
    transforms:
      - type: sql
        query: |
          SELECT region, sum(events)::BIGINT AS events, max(seen) AS seen FROM (
            SELECT e.t0, e.customer, count(*) AS events, max(e.seen) AS seen FROM e GROUP BY e.t0, e.customer
          ) JOIN c USING (customer) GROUP BY region
"""
SETTINGS = "engine: {memory_limit: 1GB, threads: 2}\nparquet: {compression: uncompressed}\n"


@pytest.mark.large
def test_deduplicate_join_and_aggregate_finish_within_a_tenth_of_their_data(lake_project: Callable[..., LakeProject]) -> None:
    head = f"ROWS, DOUBLED, CUSTOMERS, WIDTH = {ROWS}, {DOUBLED}, {CUSTOMERS}, {WIDTH}\n"
    lake = lake_project(
        {
            "lake_plugins.py": head + CONNECTOR,
            "config/sources.yaml": "sources: [{name: made, type: made}]\n",
            "config/pipelines.yaml": PIPELINES,
            "config/settings.yaml": SETTINGS,
        }
    )
    peaks = {words: peak(lake, *words) // MEGABYTE for words in (("extract", "made"), ("run", "events"), ("run", "regions"))}
    size = sum((lake.path / name).stat().st_size for name in lake.files("data/raw/made/events/**/*.parquet"))
    print(json.dumps({" ".join(words): found for words, found in peaks.items()}), "MB of memory over", size // MEGABYTE, "MB")
    assert size >= 10_000 * MEGABYTE
    rows = ROWS - DOUBLED
    assert lake.query("SELECT count(*), count(DISTINCT id), sum(seen)::BIGINT FROM staging.d.events") == [
        [rows, rows, sum(range(DOUBLED, rows)) + sum(range(rows, ROWS))]
    ]
    assert lake.query("SELECT sum(events)::BIGINT, count(*) FROM consume.bi.regions") == [[rows, 50]]
    assert max(peaks.values()) < 1000 + 300
