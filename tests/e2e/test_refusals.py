"""Bad input gets one line with place, cause and hint before anything is written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ducklake.testing import LakeProject

CSV = "sources:\n  - {name: drops, type: csv, path: clientes.csv}\n"
DATA = "id,nombre,estado\n1,ana,ACTIVO\n2,bea,INACTIVO\n"
Make = Callable[..., LakeProject]


def pipeline(steps: str = "", checks: str = "", name: str = "limpios", table: str = "clientes", source: str = "raw, domain: drops") -> str:
    return (
        f"  - name: {name}\n"
        f"    source: {{layer: {source}, table: clientes}}\n"
        f"    destination: {{layer: staging, domain: ventas, table: {table}}}\n"
        f"    transforms: [{steps}]\n"
        f"    quality_checks: [{checks}]\n"
    )


def untouched(project: LakeProject) -> None:
    """No data file and no state: at most an empty catalog and empty folders."""
    data = project.path / "data"
    assert [path.name for path in data.rglob("*") if path.is_file() and path.suffix != ".lock" and path.name != "catalog.duckdb"] == []
    assert project.ok("catalog", "--json").results == []


SOURCES = {
    "broken YAML": ("sources:\n  - {name: drops, type: csv\n", "config/sources.yaml:", "yaml"),
    "unknown key": (
        "sources:\n  - name: drops\n    type: csv\n    path: clientes.csv\n    formatt: {}\n",
        "config/sources.yaml:5",
        "format",
    ),
    "duplicate key": ("sources:\n  - name: drops\n    type: csv\n    path: a.csv\n    path: b.csv\n", "config/sources.yaml:5", "path"),
    "unknown connector": ("sources:\n  - {name: drops, type: csvv, path: clientes.csv}\n", "config/sources.yaml:2", "csv"),
    "name that is not plain": ("sources:\n  - {name: ../drops, type: csv, path: clientes.csv}\n", "config/sources.yaml:2", "drops"),
    "wrong type": ("sources:\n  - {name: drops, type: csv, path: clientes.csv, enabled: maybe}\n", "config/sources.yaml:2", "enabled"),
}


@pytest.mark.parametrize("case", SOURCES)
def test_a_wrong_source_is_refused_with_its_place(lake_project: Make, case: str) -> None:
    text, place, word = SOURCES[case]
    project = lake_project({"config/sources.yaml": text, "clientes.csv": DATA})
    for command in (["validate"], ["extract", "drops"]):
        outcome = project.fails(2, *command)
        assert place in outcome.stderr
        assert word in outcome.stderr.lower()
    project.write({"config/sources.yaml": CSV})
    untouched(project)


def test_all_missing_variables_are_named_at_once_with_their_places(lake_project: Make) -> None:
    connection = "{drivername: postgresql, host: '${UN_HOST}', user: '${UN_USER}', password: '${UN_CLAVE}', database: d}"
    project = lake_project({"config/sources.yaml": f"sources:\n  - {{name: erp, type: sql, connection: {connection}}}\n"})
    for command in (["validate"], ["extract", "erp"]):
        outcome = project.fails(2, *command, "--json")
        assert [error["code"] for error in outcome.errors] == ["missing_variable"] * 3
        assert all(error["file"] == "config/sources.yaml" and error["line"] == 2 for error in outcome.errors)
        text = " ".join(error["message"] for error in outcome.errors)
        assert all(name in text for name in ("UN_HOST", "UN_USER", "UN_CLAVE"))
    untouched(project)


def test_a_variable_that_another_source_lacks_stops_nothing(lake_project: Make) -> None:
    other = "  - {name: erp, type: sql, connection: {drivername: postgresql, host: h, password: '${UN_CLAVE}', database: d}}\n"
    project = lake_project({"config/sources.yaml": CSV + other, "clientes.csv": DATA})
    assert project.ok("extract", "drops", "--json").results[0]["rows"] == 2


PIPELINES = {
    "unknown transform": (pipeline("{type: renam, columns: {id: a}}"), "config/pipelines.yaml:5", "rename"),
    "unknown check": (pipeline(checks="{type: not_nul, columns: [id]}"), "config/pipelines.yaml:6", "not_null"),
    "unknown option": (pipeline("{type: rename, column: {id: a}}"), "config/pipelines.yaml:5", "columns"),
    "unknown column in rename": (pipeline("{type: rename, columns: {nombr: a}}"), "config/pipelines.yaml:5", "'nombre'"),
    "unknown column in filter": (pipeline("{type: filter, condition: nombr = 'a'}"), "config/pipelines.yaml:5", "'nombre'"),
    "unknown column in cast": (pipeline("{type: cast, columns: {idd: bigint}}"), "config/pipelines.yaml:5", "'id'"),
    "unknown column in deduplicate": (pipeline("{type: deduplicate, keys: [idd]}"), "config/pipelines.yaml:5", "'id'"),
    "unknown column in a check": (pipeline(checks="{type: unique, columns: [idd]}"), "config/pipelines.yaml:6", "'id'"),
    "unknown type": (pipeline("{type: cast, columns: {id: bigintt}}"), "config/pipelines.yaml:5", "bigint"),
    "bad SQL": (pipeline("{type: filter, condition: 'nombre = = 1'}"), "config/pipelines.yaml:5", "syntax"),
    "name that is not plain": (pipeline(name="a/b"), "config/pipelines.yaml:2", "a/b"),
    "destination that is not plain": (pipeline(table="../x"), "config/pipelines.yaml:4", "x"),
    "merge, which is not built": (
        pipeline().replace("table: clientes}\n    trans", "table: clientes, mode: merge}\n    trans"),
        ":4",
        "replace",
    ),
}


@pytest.mark.parametrize("case", PIPELINES)
def test_a_wrong_pipeline_is_refused_before_anything_runs(lake_project: Make, case: str) -> None:
    text, place, word = PIPELINES[case]
    project = lake_project({"config/sources.yaml": CSV, "clientes.csv": DATA})
    project.ok("extract", "drops")
    project.write({"config/pipelines.yaml": "pipelines:\n" + text + pipeline(name="bueno", table="buenos")})
    for command in (["validate"], ["run", "--all"]):
        outcome = project.fails(2, *command)
        assert place in outcome.stderr
        assert word in outcome.stderr
    assert project.files("data/staging/**/*") == []


def test_a_missing_column_is_told_with_pipeline_step_and_nearest_name(lake_project: Make) -> None:
    steps = "{type: rename, columns: {id: cliente_id}}, {type: cast, columns: {cliente_ide: bigint}}"
    project = lake_project({"config/sources.yaml": CSV, "config/pipelines.yaml": "pipelines:\n" + pipeline(steps), "clientes.csv": DATA})
    project.ok("extract", "drops")
    (error,) = project.fails(2, "run", "limpios", "--json").errors
    assert (error["code"], error["file"], error["line"]) == ("bind", "config/pipelines.yaml", 5)
    assert error["message"] == "pipeline limpios, step 2 (cast): no column 'cliente_ide'"
    assert error["hint"] == "did you mean 'cliente_id'?"


def test_circular_pipelines_are_refused_with_the_circle(lake_project: Make) -> None:
    one = pipeline(name="uno", source="staging, domain: ventas", table="otros")
    other = pipeline(name="dos", source="staging, domain: ventas").replace("table: clientes}\n    dest", "table: otros}\n    dest")
    project = lake_project({"config/sources.yaml": CSV, "config/pipelines.yaml": f"pipelines:\n{one}{other}"})
    for command in (["validate"], ["run", "uno"]):
        outcome = project.fails(2, *command)
        assert "circular pipelines" in outcome.stderr
        assert "uno" in outcome.stderr
        assert "dos" in outcome.stderr
    untouched(project)


FILES = {
    "missing": (None, "clientes.csv"),
    "0 bytes": ("", "empty"),
    "too few fields": ("id,nombre,estado\n1,ana,ACTIVO\n2,bea\n", "line 3"),
    "too many fields": ("id,nombre,estado\n1,ana,ACTIVO\n2,bea,INACTIVO,x\n", "line 3"),
    "a quote that never ends": ('id,nombre,estado\n1,"ana,ACTIVO\n', "clientes.csv"),
    "no UTF-8": (b"id,nombre\n1,jos\xe9\n", "utf-8"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_wrong_file_fails_its_table_and_lands_nothing(lake_project: Make, case: str) -> None:
    content, word = FILES[case]
    project = lake_project({"config/sources.yaml": CSV, **({} if content is None else {"clientes.csv": content})})
    outcome = project.fails(1, "extract", "drops", "--json")
    (result,) = outcome.results
    assert result["status"] == "error"
    assert word in f"{result['error']['message']} {result['error']['hint']}".lower()
    assert "clientes.csv" in result["error"]["message"]
    assert project.files() == []
    assert project.run("query", "SELECT * FROM raw.drops.clientes").exit_code == 2


def test_one_wrong_table_does_not_stop_the_others(lake_project: Make) -> None:
    files = {"drops/a.csv": "id\n1\n", "drops/b.csv": "", "drops/c.csv": "id\n3\n"}
    project = lake_project(
        {"config/sources.yaml": "sources:\n  - {name: drops, type: csv, path: 'drops/*.csv', table: '{stem}'}\n", **files}
    )
    outcome = project.fails(1, "extract", "drops", "--json")
    assert {result["table"]: result["status"] for result in outcome.results} == {"a": "success", "b": "error", "c": "success"}


def test_a_pattern_that_matches_nothing_is_empty_and_a_disabled_source_is_a_warning(lake_project: Make) -> None:
    sources = "sources:\n  - {name: nada, type: csv, path: 'none/*.csv'}\n  - {name: off, type: csv, path: x.csv, enabled: false}\n"
    project = lake_project({"config/sources.yaml": sources})
    assert [result["status"] for result in project.ok("extract", "nada", "--json").results] == ["empty"]
    outcome = project.ok("extract", "off", "--json")
    assert [result["status"] for result in outcome.results] == ["skipped"]
    assert "disabled" in outcome.stderr


def read_only(command: list[str], folder: Path) -> list[str]:
    """The command, run where a folder cannot be written, whoever runs it: root sees a read-only file system."""
    if os.geteuid() != 0:
        folder.chmod(0o500)
        return command
    mounted = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o ro none "$0" && exec "$@"', str(folder), *command]
    if subprocess.run([*mounted[:6], "true"], capture_output=True, check=False).returncode:
        pytest.skip("root may not mount here, and nothing else is read-only for root")
    return mounted


def test_a_folder_that_cannot_be_written_is_named(lake_project: Make) -> None:
    project = lake_project({"config/sources.yaml": CSV, "clientes.csv": DATA})
    (project.path / "data").mkdir()
    command = [str(Path(sys.executable).with_name("ducklake")), "-C", str(project.path), "extract", "drops"]
    outcome = subprocess.run(read_only(command, project.path / "data"), capture_output=True, text=True, check=False)
    (project.path / "data").chmod(0o700)
    assert outcome.returncode == 1, outcome.stderr
    assert str(project.path / "data") in outcome.stderr
    assert "writable" in outcome.stderr
    assert list((project.path / "data").iterdir()) == []
