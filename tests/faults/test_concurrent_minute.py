"""Ten processes at once for a minute: each succeeds or is told that a table is in use, and readers see whole tables only."""

from __future__ import annotations

import collections
import contextlib
import json
import sqlite3
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ducklake.testing import LakeProject
from ducklake.testing.project import command, environment

pytestmark = pytest.mark.race

SECONDS = 60.0
ROWS = 3000
SOURCES = """
sources:
  - {name: s, type: csv, path: "*.csv", table: "{stem}", extract: {mode: full}}
  - {name: shop, type: sqlite, connection: {database: shop.db}, tables: [t], extract: {key_column: id}}
"""
PIPELINES = """
pipelines:
  - name: p
    source: {layer: raw, domain: s, table: a}
    destination: {layer: staging, domain: d, table: p}
  - name: q
    source: {layer: raw, domain: shop, table: t}
    destination: {layer: staging, domain: d, table: q}
    quality_checks: [{type: unique, columns: [id]}]
"""
WHOLE = "SELECT count(*) = {rows} AND count(DISTINCT id) = {rows} AND count(DISTINCT _extraction_id) = 1 FROM {table}"


def loop(
    lake: LakeProject, until: float, words: list[str], seen: Callable[[list[str], subprocess.CompletedProcess[str], float], None]
) -> None:
    while time.monotonic() < until:
        begun = time.monotonic()
        done = subprocess.run(
            [*command(), "-C", str(lake.path), *words, "--json"],
            env=environment(), capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        seen(words, done, time.monotonic() - begun)


def sell(path: Path, until: float) -> None:
    """One row a transaction, so that every increment has another number of them."""
    with contextlib.closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        while time.monotonic() < until:
            connection.execute("INSERT INTO t (v) VALUES ('x')")
            time.sleep(0.01)


def test_ten_processes_for_a_minute(lake_project: Callable[..., LakeProject], capsys: pytest.CaptureFixture[str]) -> None:
    numbers = "".join(f"{number}\n" for number in range(ROWS))
    lake = lake_project({"config/sources.yaml": SOURCES, "config/pipelines.yaml": PIPELINES, "a.csv": f"id\n{numbers}", "b.csv": "id\n1\n"})
    with contextlib.closing(sqlite3.connect(lake.path / "shop.db")) as connection:
        connection.executescript(
            "PRAGMA journal_mode = wal; CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'x')"
        )
    lake.ok("extract", "--all")
    lake.ok("run", "--all")

    problems: list[str] = []
    codes: collections.Counter[tuple[str, int]] = collections.Counter()
    landed: collections.Counter[str] = collections.Counter()
    latencies: dict[str, list[float]] = collections.defaultdict(list)
    guard = threading.Lock()

    def seen(words: list[str], done: subprocess.CompletedProcess[str], seconds: float) -> None:
        with guard:
            codes[words[0], done.returncode] += 1
            latencies[words[0]].append(seconds)
            document = json.loads(done.stdout)
            if done.returncode not in (0, 5) or (words[0] in ("query", "catalog") and done.returncode):
                problems.append(f"{words}: exit {done.returncode}: {done.stderr}")
            elif words[0] == "query" and document["rows"] != [[True]]:
                problems.append(f"{words}: {document['rows']}")
            elif words[0] == "extract":
                landed.update(f"{row['source']}.{row['table']}" for row in document["results"] if row["status"] == "success")

    until = time.monotonic() + SECONDS
    jobs = [
        *([["extract", "s", "--table", "a"]] * 2),
        ["extract", "s"],
        *([["extract", "shop"]] * 2),
        ["run", "p"],
        ["run", "--all"],
        ["catalog"],
        ["query", WHOLE.format(rows=ROWS, table="raw.s.a")],
        ["query", WHOLE.format(rows=ROWS, table="staging.d.p")],
    ]
    workers = [threading.Thread(target=loop, args=(lake, until, words, seen)) for words in jobs]
    workers.append(threading.Thread(target=sell, args=(lake.path / "shop.db", until)))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    with capsys.disabled():
        print(f"\n{dict(codes)}")
        for word, taken in sorted(latencies.items()):
            cuts = statistics.quantiles(taken, n=20)
            print(f"{word}: {len(taken)} calls, p50 {cuts[9]:.2f} s, p95 {cuts[18]:.2f} s, max {max(taken):.2f} s")
    assert problems == []
    assert all(codes[word, 0] for word in ("extract", "run", "catalog", "query"))
    assert len(lake.files("data/raw/s/a/**/*.parquet")) == landed["s.a"] + 1
    assert len(lake.files("data/raw/s/b/**/*.parquet")) == landed["s.b"] + 1
    lake.ok("extract", "--all")
    lake.ok("run", "--all")
    with contextlib.closing(sqlite3.connect(lake.path / "shop.db")) as connection:
        sold = connection.execute("SELECT count(*), max(id) FROM t").fetchone()
    for table in ("raw.shop.t", "staging.d.q"):
        assert lake.query(f"SELECT count(*), count(DISTINCT id), max(id) FROM {table}") == [[sold[0], sold[0], sold[1]]]
    assert lake.query(WHOLE.format(rows=ROWS, table="staging.d.p")) == [[True]]
    lake.ok("catalog", "verify")
    assert [path for path in (lake.path / "data/.ducklake/tmp").rglob("*") if path.is_file()] == []
    assert not (lake.path / "data/.ducklake/orphans").exists()
