"""The catalog: rebuilt from files, refused when it is newer, migrated with a backup, rolled back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from ducklake import Lake
from ducklake.catalog import schema, store
from ducklake.testing import LakeProject

SOURCES = "sources:\n  - {name: drops, type: csv, path: clientes.csv, extract: {mode: full}}\n"
PIPELINES = """
pipelines:
  - name: limpios
    source: {layer: raw, domain: drops, table: clientes}
    destination: {layer: staging, domain: ventas, table: clientes}
    transforms: [{type: rename, columns: {id: cliente_id}}]
    quality_checks: [{type: not_null, columns: [cliente_id]}]
"""
QUERY = "SELECT * FROM {} ORDER BY 1"


@pytest.fixture
def lake(lake_project: Callable[..., LakeProject]) -> LakeProject:
    project = lake_project(
        {"config/sources.yaml": SOURCES, "config/pipelines.yaml": PIPELINES, "clientes.csv": "id,nombre\n1,ana\n2,bea\n"}
    )
    project.ok("extract", "drops")
    project.ok("run", "limpios")
    project.write({"clientes.csv": "id,nombre\n1,ana\n2,bea\n3,cid\n"})
    project.ok("extract", "drops")
    project.ok("run", "limpios")
    return project


def everything(project: LakeProject) -> list[object]:
    """What a reader sees of the lake."""
    tables = project.ok("catalog", "--json").results
    seen = [(row["layer"], row["domain"], row["table"], row["rows"], row["size"], row["files"], row["version"]) for row in tables]
    rows = [project.query(QUERY.format(f"{row['layer']}.{row['domain']}.{row['table']}")) for row in tables]
    return [seen, rows]


def test_a_missing_catalog_beside_data_is_an_error_that_names_the_command(lake: LakeProject) -> None:
    (lake.path / "data/catalog.duckdb").unlink()
    for command in (["extract", "drops"], ["run", "limpios"], ["catalog"], ["query", "SELECT 1"]):
        assert "ducklake catalog rebuild" in lake.fails(2, *command).stderr
    assert not (lake.path / "data/catalog.duckdb").exists()


@pytest.mark.parametrize("damage", ["missing", "torn", "garbage"])
def test_rebuild_restores_what_readers_see_from_the_files_alone(lake: LakeProject, damage: str) -> None:
    before = everything(lake)
    path = lake.path / "data/catalog.duckdb"
    if damage == "missing":
        path.unlink()
    elif damage == "torn":
        path.write_bytes(path.read_bytes()[:8000])
    else:
        path.write_bytes(b"not a database" * 1000)
    assert lake.run("extract", "drops").exit_code == 2
    outcome = lake.ok("catalog", "rebuild")
    assert "history" in outcome.stdout
    assert everything(lake) == before
    lake.ok("extract", "drops")
    lake.ok("run", "limpios")
    assert lake.query("SELECT count(*) FROM staging.ventas.clientes")[0][0] == 3


def test_a_sound_catalog_is_not_rebuilt(lake: LakeProject) -> None:
    assert "sound" in lake.fails(2, "catalog", "rebuild").stderr
    assert lake.ok("catalog", "runs", "--json").results


def test_rebuild_leaves_out_foreign_and_torn_files_and_says_so(lake: LakeProject) -> None:
    before = everything(lake)
    landed = next((lake.path / "data/raw").rglob("data.parquet"))
    duckdb.sql(f"COPY (SELECT 1 AS a) TO '{landed.with_name('foreign.parquet')}'")
    landed.with_name("torn.parquet").write_bytes(landed.read_bytes()[:100])
    (lake.path / "data/catalog.duckdb").unlink()
    outcome = lake.ok("catalog", "rebuild")
    assert "foreign.parquet" in outcome.stderr
    assert "torn.parquet" in outcome.stderr
    assert everything(lake) == before


def test_a_newer_catalog_is_refused_by_its_version(lake: LakeProject) -> None:
    with duckdb.connect(lake.path / "data/catalog.duckdb") as connection:
        connection.execute("UPDATE lake SET value = '99' WHERE key = 'format_version'")
    for command in (["extract", "drops"], ["catalog"]):
        error = lake.fails(2, *command).stderr
        assert "99" in error
        assert "pip install -U ducklake-core" in error


def test_an_older_catalog_is_migrated_in_one_transaction_with_a_backup(lake: LakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "FORMAT_VERSION", 4)
    monkeypatch.setitem(schema.MIGRATIONS, 3, "ALTER TABLE lake ADD COLUMN note VARCHAR; CREATE TABLE extra (a INTEGER)")
    monkeypatch.setitem(schema.MIGRATIONS, 4, "SELECT no_such_function()")
    catalog = Lake(lake.path).catalog_store
    with pytest.raises(duckdb.Error, match="no_such_function"), catalog.write():
        pass
    backup = lake.path / "data/.ducklake/catalog-version-2.duckdb"
    assert backup.exists()
    with duckdb.connect(lake.path / "data/catalog.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT value FROM lake WHERE key = 'format_version'").fetchone() == ("2",)
        assert connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'extra'").fetchone() == (0,)
    monkeypatch.setitem(schema.MIGRATIONS, 4, "INSERT INTO extra VALUES (7)")
    with catalog.write() as connection:
        assert connection.execute("SELECT a FROM extra").fetchall() == [(7,)]
    with duckdb.connect(backup, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM extractions").fetchone() == (2,)


def test_rollback_shows_an_earlier_version_to_every_reader(lake: LakeProject) -> None:
    public = lake.path / "data/staging/ventas/clientes"
    outcome = lake.ok("rollback", "staging.ventas.clientes", "--json")
    assert outcome.results == [{"table": "staging.ventas.clientes", "before": 2, "version": 1, "status": "success"}]
    assert lake.query("SELECT count(*) FROM staging.ventas.clientes") == [[2]]
    assert duckdb.sql(f"SELECT count(*) FROM '{public}/*.parquet'").fetchall() == [(2,)]
    lake.ok("rollback", "staging.ventas.clientes", "--to", "2")
    assert lake.query("SELECT count(*) FROM staging.ventas.clientes") == [[3]]
    assert duckdb.sql(f"SELECT count(*) FROM '{public}/*.parquet'").fetchall() == [(3,)]


def test_a_rollback_survives_a_rebuild_and_the_next_run_publishes_anew(lake: LakeProject) -> None:
    lake.ok("rollback", "staging.ventas.clientes")
    (lake.path / "data/catalog.duckdb").unlink()
    lake.ok("catalog", "rebuild")
    assert lake.query("SELECT count(*) FROM staging.ventas.clientes") == [[2]]
    lake.ok("run", "limpios")
    assert lake.query("SELECT count(*) FROM staging.ventas.clientes") == [[3]]
    assert [row["version"] for row in lake.ok("catalog", "show", "staging.ventas.clientes", "--json").results[0]["versions"]] == [3, 2, 1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["raw.drops.clientes"], 2, "append only"),
        (["staging.ventas.nada"], 1, "no such table"),
        (["staging.ventas.clientes", "--to", "9"], 1, "no version 9"),
        (["clientes"], 2, "layer.domain.table"),
    ],
)
def test_what_cannot_be_rolled_back_is_said(lake: LakeProject, arguments: list[str], code: int, message: str) -> None:
    assert message in lake.fails(code, "rollback", *arguments).stderr


def test_old_versions_go_after_their_grace_time(lake: LakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    import datetime as dt

    from ducklake.api import TableRef
    from ducklake.layers import publish

    ref = TableRef("staging", "ventas", "clientes")
    opened = Lake(lake.path)
    publish.prune(opened.paths, opened.catalog_store, ref, keep=1)
    assert len(files(lake.path)) == 2
    monkeypatch.setattr(publish, "GRACE", dt.timedelta(0))
    publish.prune(opened.paths, opened.catalog_store, ref, keep=1)
    assert len(files(lake.path)) == 1
    assert lake.query("SELECT count(*) FROM staging.ventas.clientes") == [[3]]


def test_a_lake_that_was_copied_without_hard_links_still_publishes(lake: LakeProject, tmp_path: Path) -> None:
    copy = LakeProject(tmp_path / "copy")
    shutil.copytree(lake.path, copy.path)
    copy.ok("run", "limpios")
    assert copy.query("SELECT count(*) FROM staging.ventas.clientes") == [[3]]


def files(project: Path) -> list[Path]:
    return list((project / "data/.ducklake/versions").rglob("*.parquet"))
