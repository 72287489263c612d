"""`ducklake demo`: the story it tells, what it leaves behind, and that it can be told again."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ducklake.cli import demo_data
from ducklake.testing.project import LakeProject, Outcome, run_command


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[LakeProject, Outcome]:
    """The demo, called twice: the second call's story."""
    folder = tmp_path_factory.mktemp("demo")
    first = run_command("demo", cwd=folder)
    assert first.exit_code == 0, str(first)
    return LakeProject(folder / "ducklake-demo"), run_command("demo", cwd=folder)


def test_it_tells_what_it_did_and_what_to_type_next(demo):
    _, outcome = demo
    assert outcome.exit_code == 0, str(outcome)
    assert outcome.stderr == ""
    for words in (
        "pedidos 120,300",
        "$ ducklake extract --all --full",
        "Copied 3,360 rows, not 218,910",
        "$ ducklake run --all",
        "Held back: check range (total) failed: 37 of",
        "60,000 rows, smallest total 0.00",
        "CORREA EXPRESS",
        "cd ducklake-demo",
        "ducklake init",
    ):
        assert words in " ".join(outcome.stdout.split())
    assert max(map(len, outcome.stdout.splitlines())) <= 80


def test_it_leaves_all_three_layers(demo):
    project, _ = demo
    tables = {f"{row['layer']}.{row['domain']}.{row['table']}": row for row in project.ok("catalog", "--json").results}
    assert tables.keys() == {
        "raw.courier.envios",
        "raw.shop.clientes",
        "raw.shop.facturas",
        "raw.shop.pedidos",
        "staging.logistica.envios",
        "staging.ventas.clientes",
        "staging.ventas.facturas",
        "staging.ventas.pedidos",
        "consume.bi.entregas",
        "consume.bi.ventas_mes",
    }
    assert tables["raw.shop.pedidos"]["rows"] == demo_data.ORDERS + demo_data.ORDERS // 400 + demo_data.NEW_ORDERS
    assert tables["staging.ventas.facturas"]["last_status"] == "error"


def test_both_calls_landed_two_days_and_kept_all_files(demo):
    project, _ = demo
    assert [Path(name).name for name in project.files("data/raw/shop/pedidos/**/*.parquet")] == [
        "data-0002.parquet",
        "data-0003.parquet",
        "data-0004.parquet",
        "data.parquet",
    ]


def test_the_second_extraction_lands_only_what_is_new(demo):
    project, _ = demo
    latest = project.ok("catalog", "extractions", "--json").results[:4]
    assert {(row["table"], row["mode"], row["rows"]) for row in latest} == {
        ("clientes", "incremental", demo_data.CHANGED_CUSTOMERS + demo_data.NEW_CUSTOMERS),
        ("pedidos", "incremental", demo_data.NEW_ORDERS),
        ("facturas", "incremental", demo_data.NEW_INVOICES),
        ("envios", "incremental", demo_data.NEW_PARCELS),
    }


def test_the_dirt_is_gone_from_staging(demo):
    project, _ = demo
    (row,) = project.query(
        """
        SELECT count(*) = count(DISTINCT cliente_id), count(*) FILTER (WHERE nombre IS NULL), list_sort(list(DISTINCT estado))
        FROM staging.ventas.clientes
        """
    )
    assert row == [True, 0, ["ACTIVO", "INACTIVO", "PENDIENTE"]]
    assert (
        project.query("SELECT count(*), min(importe) > 0 FROM staging.ventas.pedidos WHERE cliente_id IS NULL OR importe <= 0")[0][0] == 0
    )


def test_changed_customers_carry_their_new_values(demo):
    project, _ = demo
    (row,) = project.query("SELECT count(*) FROM staging.ventas.clientes WHERE actualizado >= TIMESTAMP '2025-03-02'")
    assert row[0] > demo_data.CHANGED_CUSTOMERS


def test_the_aggregate_agrees_with_the_orders(demo):
    project, _ = demo
    (row,) = project.query(
        """
        SELECT sum(pedidos), (
            SELECT count(*) FROM staging.ventas.pedidos JOIN staging.ventas.clientes USING (cliente_id) WHERE pedidos.estado = 'PAGADO'
        ) FROM consume.bi.ventas_mes
        """
    )
    assert row[0] == row[1]


def test_its_folder_is_a_project_like_any_other(demo):
    project, _ = demo
    assert "ok: 2 sources, 6 pipelines" in project.ok("validate").stdout
    assert "step_1_rename" in project.ok("plan", "clientes").stdout
    assert project.ok("query", "FROM consume.bi.ventas_mes LIMIT 1", "--format", "csv").stdout.count("\n") == 2
    project.fails(3, "run", "facturas")


def test_it_prints_one_document(tmp_path):
    outcome = run_command("demo", "--path", str(tmp_path / "lake"), "--json")
    assert outcome.exit_code == 0, str(outcome)
    document: dict[str, Any] = json.loads(outcome.stdout)
    assert document["status"] == "ok"
    assert document["errors"] == []
    assert document["held_back"] == ["facturas"]
    assert len(document["results"]) == 20
    assert len(document["query"]["rows"]) == 3
    assert (tmp_path / "lake" / "config" / "sources.yaml").is_file()


def test_it_overwrites_nothing(tmp_path):
    (tmp_path / "ducklake-demo").mkdir()
    (tmp_path / "ducklake-demo" / "mine.txt").write_text("mine")
    outcome = run_command("demo", "--json", cwd=tmp_path)
    assert outcome.exit_code == 2
    assert outcome.errors[0]["hint"] == "ducklake demo --path OTHER_FOLDER"
    assert [path.name for path in (tmp_path / "ducklake-demo").iterdir()] == ["mine.txt"]


def test_missing_plugins_are_named_with_the_line_that_installs_them(tmp_path):
    outcome = run_command("demo", "--json", cwd=tmp_path, env={"DUCKLAKE_PLUGINS": "connector.csv"})
    assert outcome.exit_code == 2
    (error,) = outcome.errors
    assert "connector.sqlite" in error["message"]
    assert "connector.csv" not in error["message"]
    assert error["hint"] == "pip install 'ducklake-core[demo]'"
    assert list(tmp_path.iterdir()) == []


def test_the_data_are_the_same_every_time(tmp_path):
    def shop(name: str) -> list[Any]:
        demo_data.create_shop(tmp_path / name)
        demo_data.change_shop(tmp_path / name)
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in ("clientes", "pedidos", "facturas")]

    assert shop("a.db") == shop("b.db")
    demo_data.create_drops(tmp_path / "a")
    demo_data.create_drops(tmp_path / "b")
    assert [path.read_bytes() for path in sorted((tmp_path / "a").iterdir())] == [
        path.read_bytes() for path in sorted((tmp_path / "b").iterdir())
    ]
