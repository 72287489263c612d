"""What landing and the catalog cost: python tests/benchmarks/landing.py [NAME...]

Each figure is a whole process of the installed command: wall and CPU seconds, and peak memory. Names: small-tables, nothing-new,
catalog, increments, rebuild. Makes its lakes in a temporary folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

DUCKLAKE = Path(sys.executable).with_name("ducklake")
RUNS = 3


def project(folder: Path, sources: str) -> Path:
    """An empty lake with these sources."""
    (folder / "config").mkdir(parents=True)
    (folder / "config/sources.yaml").write_text(f"sources:\n{sources}\n")
    return folder


@contextlib.contextmanager
def database(path: Path):
    """A SQLite database to fill."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def timed(lake: Path, *words: str) -> tuple[float, float, float]:
    """Run the command; wall seconds, CPU seconds and peak MB."""
    begun = time.perf_counter()
    process = subprocess.Popen([DUCKLAKE, "-C", lake, "-q", *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"ducklake {' '.join(words)} failed in {lake}")
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def show(what: str, figures: list[tuple[float, float, float]], per: int = 1) -> None:
    """Print the median of some runs."""
    wall, cpu, peak = (sorted(column)[len(column) // 2] for column in zip(*figures, strict=True))
    each = f", {wall / per * 1000:6.1f} ms wall and {cpu / per * 1000:6.1f} ms CPU each" if per > 1 else ""
    print(f"{what:58} {wall:7.2f} s wall {cpu:7.2f} s CPU {peak:6.0f} MB{each}", flush=True)


def small_tables(work: Path) -> None:
    """200 tables of 1,000 rows, and the same again with nothing new."""
    lake = project(work / "small", "  - {name: shop, type: sqlite, connection: {database: shop.db}, extract: {key_column: id}}")
    with database(lake / "shop.db") as connection:
        for number in range(200):
            connection.execute(f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, name TEXT, amount REAL)")
            connection.executemany(f"INSERT INTO t{number} VALUES (?, ?, ?)", ((row, f"name {row}", row / 7) for row in range(1000)))
    show("200 tables of 1,000 rows", [timed(lake, "extract", "shop")], per=200)
    show("the same again, nothing new", [timed(lake, "extract", "shop") for _ in range(RUNS)], per=200)
    show("one of them, nothing new", [timed(lake, "extract", "shop", "--table", "t7") for _ in range(RUNS)])


def catalog(work: Path) -> None:
    """`catalog` on 200 tables and 10,000 extractions."""
    from ducklake import Lake
    from ducklake.api.tables import Column, Schema
    from ducklake.catalog.commits import commit_extraction, record_empty_extraction
    from ducklake.catalog.records import ExtractionRecord, FileRecord, StatisticsRecord

    lake = project(work / "catalog", "  []")
    store = Lake(lake).catalog_store
    schema = Schema(tuple(Column(f"c{number}", "BIGINT") for number in range(10)))
    for batch in range(50):
        with store.write() as connection:
            for number in range(200):
                table, landed = f"t{number}", batch % 5 == 0
                started = f"2026-01-{batch // 2 + 1:02}T10:00:00+00:00"
                file = FileRecord(f"raw/s/{table}/year=2026/month=01/day={batch // 2 + 1:02}/data.parquet", 1000, 10_000, "0" * 64, 1)
                statistics = tuple(StatisticsRecord(column.name, 0, "1", "9") for column in schema)
                record = ExtractionRecord(
                    f"{batch}-{number}", "s", table, f"raw/s/{table}", started, "incremental", 1, (file,) if landed else (), schema, None,
                    {"watermark": "1"}, statistics if landed else (), 0.1,
                )  # fmt: skip
                (commit_extraction if landed else record_empty_extraction)(connection, record)
    for words in (["catalog"], ["catalog", "extractions"], ["catalog", "show", "raw.s.t7"]):
        show(f"{' '.join(words)} of 200 tables and 10,000 extractions", [timed(lake, *words) for _ in range(RUNS)])


def increments(work: Path) -> None:
    """10,000 new rows of 3 million, after 0, 10 and 100 earlier extractions; the key is indexed and spread over days."""
    sources = "  - {name: shop, type: sqlite, connection: {database: shop.db}, tables: [t], extract: {key_column: changed}}"
    lake = project(work / "increments", sources)
    with database(lake / "shop.db") as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, changed DATETIME, customer INTEGER, amount REAL, note TEXT)")
        connection.execute("CREATE INDEX by_change ON t (changed)")
    sold = 0

    def sell(rows: int, seconds: float) -> None:
        nonlocal sold
        with database(lake / "shop.db") as connection:
            connection.executemany(
                "INSERT INTO t VALUES (?, strftime('%Y-%m-%d %H:%M:%f', '2026-01-01', ? || ' seconds'), ?, ?, ?)",
                ((row, row * 2.5, row % 5000, row / 7, f"note {row % 100}") for row in range(sold, sold + rows)),
            )
        sold += rows

    sell(3_000_000, 2.5)
    show("3 million rows, the first time", [timed(lake, "extract", "shop")])
    done = 0
    for earlier in (1, 10, 100):
        while done < earlier - 1:
            sell(1000, 2.5)
            timed(lake, "extract", "shop")
            done += 1
        sell(10_000, 2.5)
        show(f"10,000 new rows after {earlier} earlier extractions", [timed(lake, "extract", "shop")])
        done += 1


def rebuild(work: Path) -> None:
    """`catalog rebuild` and `catalog verify` on 2,000 files, and the next extraction."""
    sources = "  - {name: shop, type: sqlite, connection: {database: shop.db}, extract: {key_column: id}}"
    lake = project(work / "rebuild", sources)
    for batch in range(10):
        with database(lake / "shop.db") as connection:
            for number in range(200):
                connection.execute(f"CREATE TABLE IF NOT EXISTS t{number} (id INTEGER PRIMARY KEY, name TEXT, amount REAL)")
                rows = ((batch * 100 + row, f"name {row}", row / 7) for row in range(100))
                connection.executemany(f"INSERT INTO t{number} VALUES (?, ?, ?)", rows)
        timed(lake, "extract", "shop")
    print(f"{len(list((lake / 'data/raw').rglob('*.parquet')))} files", flush=True)
    show("catalog verify", [timed(lake, "catalog", "verify")])
    (lake / "data/catalog.duckdb").unlink()
    show("catalog rebuild", [timed(lake, "catalog", "rebuild")])
    show("the next extraction of 200 tables", [timed(lake, "extract", "shop")])


BENCHMARKS: dict[str, Callable[[Path], None]] = {
    "small-tables": small_tables,
    "catalog": catalog,
    "increments": increments,
    "rebuild": rebuild,
}


def main() -> None:
    """Run the benchmarks that are named, or all."""
    for name in sys.argv[1:] or BENCHMARKS:
        work = Path(tempfile.mkdtemp(prefix="ducklake-bench-"))
        try:
            BENCHMARKS[name](work)
        finally:
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
