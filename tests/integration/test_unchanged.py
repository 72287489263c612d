"""A run that would publish what is published already does nothing; everything that could change its result makes it run."""

from __future__ import annotations

import json
from collections.abc import Callable

import duckdb
import pytest

from ducklake.catalog import schema, store
from ducklake.testing.project import LakeProject

SOURCES = {"sources": [{"name": "shop", "type": "csv", "path": "clientes.csv", "extract": {"mode": "full"}}]}
PIPELINE = {
    "name": "limpios",
    "source": {"layer": "raw", "domain": "shop", "table": "clientes"},
    "destination": {"layer": "staging", "domain": "ventas", "table": "clientes"},
    "transforms": [{"type": "filter", "condition": "nombre <> 'x'"}, {"type": "deduplicate", "keys": ["id"]}],
    "quality_checks": [{"type": "range", "column": "id", "max": 2, "severity": "warn"}],
}
PYTHON = """
from ducklake import hookimpl
from ducklake.api import NoOptions, PythonTransform

class Step(PythonTransform):
    name = "shout"
    Options = NoOptions
    capabilities = frozenset(CAPABILITIES)
    def output(self, inputs, context):
        return inputs[0].schema
    def apply(self, batches, context):
        yield from batches

@hookimpl
def register_transforms(register):
    register(Step)
"""


@pytest.fixture
def lake(lake_project: Callable[..., LakeProject]) -> LakeProject:
    project = lake_project(
        {
            "clientes.csv": "id,nombre\n1,ana\n1,ana\n2,x\n3,cid\n",
            "config/sources.yaml": SOURCES,
            "config/pipelines.yaml": {"pipelines": [PIPELINE]},
        }
    )
    assert project.lake.extract("shop").ok
    assert status(project) == "success"
    return project


def status(lake: LakeProject, **options: bool) -> str:
    (result,) = lake.lake.run("limpios", **options).results
    assert result.exit_code == 0
    return result.status


def change(lake: LakeProject, **keys: object) -> None:
    lake.write({"config/pipelines.yaml": {"pipelines": [{**PIPELINE, **keys}]}})


def test_a_second_run_does_nothing_and_still_shows_table_and_checks(lake: LakeProject) -> None:
    outcome = lake.ok("run", "limpios", "--json")
    (result,) = outcome.results
    assert (result["status"], result["rows"], result["files"]) == ("skipped", 2, ["data/staging/ventas/clientes/data.parquet"])
    assert [(check["type"], check["failed_rows"]) for check in result["checks"]] == [("range", 1)]
    assert "nothing has changed since version 1" in result["notes"][0]
    assert len(lake.lake.runs()) == 1
    assert "does nothing" in lake.ok("plan", "limpios").stdout


def test_a_full_refresh_runs_all_the_same(lake: LakeProject) -> None:
    (result,) = lake.ok("run", "limpios", "--full-refresh", "--json").results
    assert result["status"] == "success"
    assert lake.lake.show("staging.ventas.clientes")["version"] == 2


def test_new_rows_are_read(lake: LakeProject) -> None:
    lake.write({"clientes.csv": "id,nombre\n7,eva\n"})
    assert lake.lake.extract("shop").ok
    plan = lake.lake.plan("limpios")
    assert (plan.decision, plan.reason) == ("publish", "since version 1: raw.shop.clientes has changed")
    assert status(lake) == "success"
    assert lake.query("SELECT id FROM staging.ventas.clientes") == [[7]]


@pytest.mark.parametrize(
    "keys",
    [
        {"transforms": [{"type": "filter", "condition": "id > 1"}]},
        {"quality_checks": [{"type": "range", "column": "id", "max": 3, "severity": "warn"}]},
        {"quality_checks": [{"type": "range", "column": "id", "max": 2, "max_failures": 1}]},
        {"source": {**PIPELINE["source"], "snapshots": "all"}},
        {"source": {**PIPELINE["source"], "from": "2000-01-01"}},
    ],
    ids=["steps", "bounds", "tolerance", "snapshots", "days"],
)
def test_whatever_is_configured_otherwise_runs_once(lake: LakeProject, keys: dict[str, object]) -> None:
    change(lake, **keys)
    assert [status(lake), status(lake)] == ["success", "skipped"]


def test_settings_that_show_in_the_files_count(lake: LakeProject) -> None:
    lake.write({"config/settings.yaml": {"parquet": {"compression": "zstd"}}})
    assert [status(lake), status(lake)] == ["success", "skipped"]


@pytest.mark.parametrize(
    "step",
    [
        {"type": "filter", "condition": "now() > TIMESTAMPTZ '2020-01-01'"},
        {"type": "sql", "query": "SELECT *, current_date AS hoy FROM input"},
        {"type": "sql", "query": "SELECT *, random() AS azar FROM input"},
    ],
    ids=["now", "current_date", "random"],
)
def test_what_gives_another_result_each_time_is_never_skipped(lake: LakeProject, step: dict[str, object]) -> None:
    change(lake, transforms=[step])
    assert [status(lake), status(lake)] == ["success", "success"]
    assert "it depends on" in str(lake.lake.plan("limpios").reason)


@pytest.mark.parametrize(("capabilities", "second"), [("", "skipped"), ('"volatile"', "success")], ids=["plain", "volatile"])
def test_in_house_python_counts_by_its_source(lake: LakeProject, capabilities: str, second: str) -> None:
    source = PYTHON.replace("CAPABILITIES", f"({capabilities},)" if capabilities else "()")
    lake.write({"lake_plugins.py": source})
    change(lake, transforms=[{"type": "shout"}])
    assert [status(lake), status(lake)] == ["success", second]
    lake.write({"lake_plugins.py": source + "# another day\n"})
    assert status(lake) == "success"


def test_a_lost_or_torn_file_is_made_anew(lake: LakeProject) -> None:
    (version,) = (lake.path / "data/.ducklake/versions").rglob("*.parquet")
    version.write_bytes(version.read_bytes()[:-1])
    assert status(lake) == "success"
    assert lake.query("SELECT count(*) FROM staging.ventas.clientes") == [[2]]


def test_public_files_that_were_removed_are_shown_again_by_a_skipped_run(lake: LakeProject) -> None:
    (lake.path / "data/staging/ventas/clientes/data.parquet").unlink()
    assert status(lake) == "skipped"
    assert (lake.path / "data/staging/ventas/clientes/data.parquet").exists()


def test_after_a_rollback_the_older_version_counts(lake: LakeProject) -> None:
    lake.write({"clientes.csv": "id,nombre\n7,eva\n"})
    assert lake.lake.extract("shop").ok
    assert status(lake) == "success"
    lake.lake.rollback("staging.ventas.clientes")
    assert status(lake) == "success"
    assert lake.query("SELECT id FROM staging.ventas.clientes") == [[7]]


def test_a_failure_is_not_the_last_word_once_it_is_taken_back(lake: LakeProject) -> None:
    change(lake, quality_checks=[{"type": "range", "column": "id", "max": 2}])
    assert lake.run("run", "limpios").exit_code == 3
    assert lake.run("run", "limpios").exit_code == 3
    change(lake)
    assert status(lake) == "skipped"
    assert [row["last_status"] for row in lake.lake.catalog() if row["layer"] == "staging"] == ["skipped"]


def test_a_rebuilt_catalog_still_knows(lake: LakeProject) -> None:
    (lake.path / "data/catalog.duckdb").unlink()
    lake.ok("catalog", "rebuild")
    assert status(lake) == "skipped"


def test_rows_that_failed_a_check_are_shown_in_the_catalog(lake: LakeProject) -> None:
    change(lake, quality_checks=[{"type": "range", "column": "id", "max": 2}, {"type": "unique", "columns": ["nombre"]}])
    lake.fails(3, "run", "limpios")
    rows = {row["type"]: row["samples"] for row in lake.ok("catalog", "quality", "--json").results if row["severity"] == "error"}
    assert [sample["id"] for sample in rows["range"]] == ["3"]
    assert rows["unique"] == []
    assert "nombre=cid" in lake.ok("catalog", "quality").stdout


def test_a_reading_command_migrates_a_catalog_of_the_first_version(
    tmp_path: object, lake: LakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = lake.path / "old"
    with monkeypatch.context() as patched:
        patched.setattr(store, "FORMAT_VERSION", 1)
        (old / ".ducklake").mkdir(parents=True)
        store.Catalog(old, old / ".ducklake").create()
    assert set(schema.MIGRATIONS) == {1, 2}
    with store.Catalog(old, old / ".ducklake").read() as connection:
        assert connection is not None
        assert connection.execute("SELECT count(fingerprint) FROM versions").fetchone() == (0,)
    assert (old / ".ducklake/catalog-version-1.duckdb").exists()
    with duckdb.connect(old / "catalog.duckdb", read_only=True) as connection:
        assert json.loads(connection.execute("SELECT value FROM lake WHERE key = 'format_version'").fetchall()[0][0]) == 2
