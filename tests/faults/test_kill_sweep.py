"""After kill -9 at any instruction a plain re-run gives the same lake as if nothing had happened."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ducklake import Lake
from ducklake.errors import DuckLakeError
from faults.killing import DUCKLAKE, Moment, copied, failing, has_strace, killed, moments
from faults.power import power_lost

pytestmark = pytest.mark.skipif(not has_strace(), reason="strace cannot trace here: apt-get install strace, and allow ptrace")

SOURCES = """
sources:
  - {name: drops, type: csv, path: clientes.csv, extract: {mode: full}}
  - {name: shop, type: sqlite, connection: {database: shop.db}, tables: [pedidos], extract: {key_column: id}}
"""
PIPELINES = """
pipelines:
  - name: limpios
    source: {layer: raw, domain: drops, table: clientes}
    destination: {layer: staging, domain: ventas, table: clientes}
    transforms:
      - {type: rename, columns: {id: cliente_id}}
      - {type: filter, condition: "nombre <> 'x'"}
    quality_checks:
      - {type: not_null, columns: [cliente_id]}
"""
FIRST = "id,nombre\n1,ana\n2,x\n3,cid\n"
LATER = "id,nombre\n1,ana\n3,cid\n4,dora\n5,x\n6,eva\n"
RAW_SIZES = {3, 5}
BROKEN = (AssertionError, duckdb.Error, DuckLakeError)
"""What a check raises that finds a lake damaged."""


def ducklake(project: Path, *arguments: str, code: int = 0) -> str:
    pipe, stacks = subprocess.PIPE, {**os.environ, "PYTHONFAULTHANDLER": "1"}
    with subprocess.Popen([DUCKLAKE, "-C", str(project), *arguments], stdout=pipe, stderr=pipe, text=True, env=stacks) as process:
        try:
            out, err = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # which prints the stack of each thread
            out, err = process.communicate()
    assert process.returncode == code, f"{arguments}: {process.returncode}\n{out}\n{err}"
    return out


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("sweep") / "lake"
    subprocess.run([DUCKLAKE, "init", "lake", "--path", str(project.parent)], check=True, capture_output=True)
    (project / "config/sources.yaml").write_text(SOURCES)
    (project / "config/pipelines.yaml").write_text(PIPELINES)
    (project / "clientes.csv").write_text(FIRST)
    return project


@pytest.fixture(scope="module")
def extracted(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copied(lake, tmp_path_factory.mktemp("extracted") / "lake")
    ducklake(project, "extract", "drops")
    return project


@pytest.fixture(scope="module")
def published(extracted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copied(extracted, tmp_path_factory.mktemp("published") / "lake")
    ducklake(project, "run", "limpios")
    (project / "clientes.csv").write_text(LATER)
    ducklake(project, "extract", "drops")
    return project


def check_raw(project: Path, rows: int) -> None:
    """Readers see the source; a plain glob sees whole snapshots; nothing is unlisted or left over."""
    assert queried(project, "SELECT count(*) FROM raw.drops.clientes") == [[rows]]
    files = sorted((project / "data/raw").rglob("*.parquet"))
    sizes = duckdb.sql(f"SELECT count(*) FROM read_parquet({[str(file) for file in files]}) GROUP BY _extraction_id").fetchall()
    assert {size for (size,) in sizes} <= RAW_SIZES
    assert len(sizes) == len(files)
    shown = Lake(project).show("raw.drops.clientes")
    assert sorted(file["path"] for file in shown["files"]) == [file.relative_to(project / "data").as_posix() for file in files]
    check_private(project)


def queried(project: Path, sql: str) -> list[list[Any]]:
    """What a new reader sees; in this process, since the command has tests of its own."""
    return Lake(project).query(sql).rows


def sold(project: Path, ids: range) -> None:
    """Let the shop sell."""
    with contextlib.closing(sqlite3.connect(project / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS pedidos (id INTEGER PRIMARY KEY, total REAL)")
        connection.executemany("INSERT INTO pedidos VALUES (?, ?)", [(number, number / 2) for number in ids])


def check_increments(project: Path, rows: int) -> None:
    """Readers and a plain glob see each row of the source exactly once, and the next extraction finds nothing new."""
    expected = [(number, number / 2) for number in range(1, rows + 1)]
    files = [str(file) for file in (project / "data/raw/shop").rglob("*.parquet")]
    assert duckdb.sql(f"SELECT id, total FROM read_parquet({files}) ORDER BY ALL").fetchall() == expected
    assert [tuple(row) for row in queried(project, "SELECT id, total FROM raw.shop.pedidos ORDER BY ALL")] == expected
    assert [(result.status, result.rows) for result in Lake(project).extract("shop").results] == [("empty", 0)]
    check_private(project)


def check_staging(project: Path, rows: int) -> None:
    """Readers and plain globs see one whole version, and it is the same one."""
    public = project / "data/staging/ventas/clientes"
    assert queried(project, "SELECT count(*) FROM staging.ventas.clientes") == [[rows]]
    assert [entry.name for entry in public.iterdir()] == ["data.parquet"]
    assert duckdb.sql(f"SELECT count(*) FROM '{public}/*.parquet'").fetchall() == [(rows,)]
    shown = Lake(project).show("staging.ventas.clientes")
    listed = {file["path"] for file in shown["files"]}
    versions = {file.relative_to(project / "data").as_posix() for file in (project / "data/.ducklake/versions").rglob("*.parquet")}
    assert versions == listed
    current = next(file["path"] for file in shown["files"] if file["version"] == shown["version"])
    assert (project / "data" / current).samefile(public / "data.parquet")
    check_private(project)


def check_private(project: Path) -> None:
    private = project / "data/.ducklake"
    assert [path for path in (private / "tmp").rglob("*") if path.is_file()] == []
    orphans = list((private / "orphans").rglob("*.parquet"))
    assert [path for path in orphans if not path.with_suffix(".reason.json").exists()] == []


Injury = Callable[[Path, list[str], Moment], bool]


def sweep(start: Path, arguments: list[str], scratch: Path, check: Callable[[Path], None], *, every: int, injure: Injury = killed) -> int:
    """Injure a command at every n-th moment, run it again, check; returns how often it was injured."""
    found = moments(copied(start, scratch / "count"), arguments, scratch)
    injuries = 0
    for moment in found[::every]:
        project = copied(start, scratch / str(moment))
        injuries += injure(project, arguments, moment)
        ducklake(project, *arguments)
        try:
            check(project)
        except BROKEN as error:
            raise AssertionError(f"injured at {moment}: {error}") from error
        shutil.rmtree(project)
    print(f"{injuries} of {len(found[::every])} moments of {' '.join(arguments)}: {injure.__name__}")
    return injuries


def refused(project: Path, arguments: list[str], moment: Moment) -> bool:
    """The disk is full, or fails: one line and an exit code, never a traceback."""
    done = failing(project, arguments, moment, "EIO" if moment.call in {"fsync", "fdatasync"} else "ENOSPC")
    assert "Traceback" not in done.stderr, f"{moment}: {done.stderr}"
    assert done.returncode in {0, 1, 2, 120}, f"{moment}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.returncode != 0


COMMIT_BEFORE_LINK = """
import ducklake.layers.raw as raw

link, commit, waiting = raw.link_files, raw._commit, []
raw.link_files = lambda *arguments: waiting.append(arguments)

def commit_first(*arguments):
    done = commit(*arguments)
    for late in waiting:
        link(*late)
    return done

raw._commit = commit_first
"""


def test_the_sweep_finds_an_order_that_loses_rows(lake: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "sitecustomize.py").write_text(COMMIT_BEFORE_LINK)
    project = copied(lake, tmp_path / "lake")
    assert killed(project, ["extract", "drops"], Moment("link", 1), {"PYTHONPATH": str(bad)})
    ducklake(project, "extract", "drops")
    with pytest.raises(BROKEN):
        check_raw(project, 3)


FLUSHING_NOTHING = """
import ducklake.layers.store as store

store.sync_file.__code__ = (lambda path: None).__code__
"""


def test_the_power_cut_finds_files_that_were_not_flushed(lake: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "sitecustomize.py").write_text(FLUSHING_NOTHING)
    project = copied(lake, tmp_path / "lake")
    # The extraction is committed by then, and tidies up.
    assert power_lost(project, ["extract", "drops"], Moment("rmdir", 1), {"PYTHONPATH": str(bad)})
    with pytest.raises(BROKEN):
        check_raw(project, 3)


@pytest.fixture(params=[pytest.param(41, id="sampled"), pytest.param(1, id="every-call", marks=pytest.mark.sweep)])
def every(request: pytest.FixtureRequest) -> int:
    step: int = request.param
    return step


def test_a_killed_first_extraction_is_as_if_nothing_had_happened(lake: Path, tmp_path: Path, every: int) -> None:
    assert sweep(lake, ["extract", "drops"], tmp_path, lambda project: check_raw(project, 3), every=every)


def test_a_killed_later_extraction_is_as_if_nothing_had_happened(extracted: Path, tmp_path: Path, every: int) -> None:
    start = copied(extracted, tmp_path / "start")
    (start / "clientes.csv").write_text(LATER)
    assert sweep(start, ["extract", "drops"], tmp_path, lambda project: check_raw(project, 5), every=every)


def test_a_killed_first_run_is_as_if_nothing_had_happened(extracted: Path, tmp_path: Path, every: int) -> None:
    assert sweep(extracted, ["run", "limpios"], tmp_path, lambda project: check_staging(project, 2), every=every)


def test_a_killed_later_run_is_as_if_nothing_had_happened(published: Path, tmp_path: Path, every: int) -> None:
    assert sweep(published, ["run", "limpios"], tmp_path, lambda project: check_staging(project, 4), every=every)


def test_a_disk_that_fails_during_an_extraction_changes_nothing(extracted: Path, tmp_path: Path, every: int) -> None:
    start = copied(extracted, tmp_path / "start")
    (start / "clientes.csv").write_text(LATER)
    assert sweep(start, ["extract", "drops"], tmp_path, lambda project: check_raw(project, 5), every=every, injure=refused)


def test_a_disk_that_fails_during_a_run_changes_nothing(published: Path, tmp_path: Path, every: int) -> None:
    assert sweep(published, ["run", "limpios"], tmp_path, lambda project: check_staging(project, 4), every=every, injure=refused)


def test_killed_increments_land_every_row_once(lake: Path, tmp_path: Path, every: int) -> None:
    start = copied(lake, tmp_path / "start")
    sold(start, range(1, 6))
    (tmp_path / "first").mkdir()
    assert sweep(start, ["extract", "shop"], tmp_path / "first", lambda project: check_increments(project, 5), every=every)
    ducklake(start, "extract", "shop")
    sold(start, range(6, 9))
    (tmp_path / "later").mkdir()
    assert sweep(start, ["extract", "shop"], tmp_path / "later", lambda project: check_increments(project, 8), every=every)


def test_increments_that_a_disk_refused_land_every_row_once(lake: Path, tmp_path: Path, every: int) -> None:
    start = copied(lake, tmp_path / "start")
    sold(start, range(1, 6))
    ducklake(start, "extract", "shop")
    sold(start, range(6, 9))
    check = partial(check_increments, rows=8)
    assert sweep(start, ["extract", "shop"], tmp_path, check, every=every, injure=refused)


def test_a_power_cut_during_an_extraction_is_as_if_nothing_had_happened(extracted: Path, tmp_path: Path, every: int) -> None:
    start = copied(extracted, tmp_path / "start")
    (start / "clientes.csv").write_text(LATER)
    assert sweep(start, ["extract", "drops"], tmp_path, lambda project: check_raw(project, 5), every=every, injure=power_lost)


@pytest.mark.sweep
def test_a_power_cut_during_the_first_extraction_is_as_if_nothing_had_happened(lake: Path, tmp_path: Path) -> None:
    assert sweep(lake, ["extract", "drops"], tmp_path, lambda project: check_raw(project, 3), every=1, injure=power_lost)


def test_a_power_cut_during_a_run_is_as_if_nothing_had_happened(published: Path, tmp_path: Path, every: int) -> None:
    assert sweep(published, ["run", "limpios"], tmp_path, lambda project: check_staging(project, 4), every=every, injure=power_lost)


@pytest.mark.sweep
def test_power_cuts_during_increments_land_every_row_once(lake: Path, tmp_path: Path) -> None:
    start = copied(lake, tmp_path / "start")
    sold(start, range(1, 6))
    ducklake(start, "extract", "shop")
    sold(start, range(6, 9))
    check = partial(check_increments, rows=8)
    assert sweep(start, ["extract", "shop"], tmp_path, check, every=1, injure=power_lost)
