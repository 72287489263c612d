"""What the commands print: for people in a pipe and on a terminal, and as documents."""

from __future__ import annotations

import json
import os
import pty
import signal
import struct
import subprocess
from pathlib import Path

import pytest

from ducklake.testing.project import command, environment

SOURCES = """
sources:
  - {name: shop, type: csv, path: "*.csv", table: "{stem}"}
"""
PIPELINES = """
pipelines:
  - name: good
    source: {layer: raw, domain: shop, table: pedidos}
    destination: {layer: staging, domain: ventas, table: pedidos}
    quality_checks:
      - {type: unique, columns: [id]}
      - {type: not_null, columns: [nota], severity: warn}
  - name: bad
    source: {layer: raw, domain: shop, table: pedidos}
    destination: {layer: staging, domain: ventas, table: importes}
    quality_checks:
      - {type: range, column: importe, min: 0}
"""
PEDIDOS = "id,importe,nota\n1,10.50,hola\n2,-3.00,\n3,7.25,x\n"


@pytest.fixture
def shop(lake_project):
    return lake_project(
        {"config/sources.yaml": SOURCES, "config/pipelines.yaml": PIPELINES, "pedidos.csv": PEDIDOS, "clientes.csv": "id\n1\n"}
    )


def test_extract_prints_a_row_a_table_and_a_sum(shop):
    outcome = shop.ok("extract", "shop")
    assert [line.split()[:4] for line in outcome.stdout.splitlines()[1:3]] == [
        ["shop", "clientes", "success", "1"],
        ["shop", "pedidos", "success", "3"],
    ]
    assert outcome.stdout.splitlines()[-1] == "2 tables, 4 rows extracted"


def test_one_table_can_be_chosen(shop):
    assert [row["table"] for row in shop.ok("extract", "shop", "--table", "pedidos", "--json").results] == ["pedidos"]


def test_quiet_extract_prints_nothing(shop):
    outcome = shop.ok("-q", "extract", "shop")
    assert (outcome.stdout, outcome.stderr) == ("", "")


def test_the_document_of_extract_has_the_promised_shape(shop):
    document = shop.ok("extract", "--all", "--json").json
    assert document["status"] == "ok"
    assert document["command"] == "extract"
    assert document["errors"] == []
    row = document["results"][0]
    assert {"source", "table", "status", "rows", "files", "id", "seconds", "checks", "error"} <= row.keys()
    assert row["error"] is None


def test_a_failed_check_is_exit_3_and_named_on_both_streams(shop):
    shop.ok("extract", "--all")
    outcome = shop.fails(3, "run", "--all", "--json")
    assert outcome.json["status"] == "error"
    rows = {row["pipeline"]: row for row in outcome.results}
    assert rows["good"]["status"] == "success"
    assert rows["bad"]["status"] == "error"
    found = rows["bad"]["checks"][0]
    assert (found["type"], found["columns"], found["passed"], found["failed_rows"]) == ("range", ["importe"], False, 1)
    assert outcome.errors == [rows["bad"]["error"]]
    assert "warning: good: check not_null (nota) failed" in outcome.stderr
    assert rows["bad"]["error"]["message"] in outcome.stderr


def test_run_prints_its_checks_in_one_cell(shop):
    shop.ok("extract", "--all")
    outcome = shop.fails(3, "run", "--all")
    assert "1 warned of 2" in outcome.stdout
    assert "1 failed of 1" in outcome.stdout
    assert outcome.stdout.splitlines()[-1] == "1 pipeline, 3 rows published; 1 failed"


def test_nothing_to_do_is_said(lake_project):
    project = lake_project()
    assert "nothing to do" in project.ok("extract", "--all").stdout
    assert "nothing to do" in project.ok("run", "--all").stdout


def test_catalog_listings(shop):
    assert "the lake is empty" in shop.ok("catalog").stdout
    shop.ok("extract", "--all")
    shop.run("run", "--all")
    rows = {f"{row['layer']}.{row['domain']}.{row['table']}": row for row in shop.ok("catalog", "--json").results}
    assert rows["raw.shop.pedidos"]["rows"] == 3
    assert rows["staging.ventas.pedidos"]["last_status"] == "success"
    assert "staging.ventas.pedidos" in shop.ok("catalog").stdout
    assert [row["table"] for row in shop.ok("catalog", "extractions", "--limit", "1", "--json").results] == ["pedidos"]
    runs = shop.ok("catalog", "runs")
    assert "bad" in runs.stdout
    assert "why" in runs.stdout
    checks = shop.ok("catalog", "quality", "--json").results
    assert {(row["pipeline"], row["type"], row["passed"]) for row in checks} == {
        ("good", "unique", True),
        ("good", "not_null", False),
        ("bad", "range", False),
    }
    assert all(row["date"].endswith("Z") for row in checks)


def test_catalog_show_has_columns_statistics_schemas_and_files(shop):
    shop.ok("extract", "shop")
    shop.write({"pedidos.csv": "id,importe,canal\n1,10.50,web\n"})
    shop.ok("extract", "shop")
    page = shop.ok("catalog", "show", "raw.shop.pedidos").stdout
    assert "importe" in page
    assert "+canal VARCHAR, -nota" in page
    assert "data-0002.parquet" in page
    (facts,) = shop.ok("catalog", "show", "raw.shop.pedidos", "--json").results
    assert [column["name"] for column in facts["columns"]][:3] == ["id", "importe", "canal"]
    missing = shop.fails(1, "catalog", "show", "raw.shop.pedido")
    assert "did you mean 'raw.shop.pedidos'?" in missing.stderr
    shop.fails(2, "catalog", "show", "pedidos")


def test_catalog_show_estimates_distinct_values_where_asked(shop):
    shop.write({"pedidos.csv": 'id,"odd "" name",nota\n' + "".join(f"{number},{'ab'[number % 2]},\n" for number in range(500))})
    shop.ok("extract", "shop")
    lines = shop.ok("catalog", "show", "raw.shop.pedidos", "--distinct").stdout.splitlines()
    assert [line.split()[-4:-2] for line in lines if line.startswith('odd " name')] == [["0", "~2"]]
    (facts,) = shop.ok("catalog", "show", "raw.shop.pedidos", "--distinct", "--json").results
    found = {column["name"]: column["approx_distinct"] for column in facts["columns"]}
    assert 350 < found["id"] < 650
    assert found['odd " name'] == 2
    assert (found["nota"], found["_source_name"]) == (0, 1)
    (plain,) = shop.ok("catalog", "show", "raw.shop.pedidos", "--json").results
    assert "approx_distinct" not in plain["columns"][0]
    assert shop.lake.show("raw.shop.pedidos", distinct=True)["columns"] == facts["columns"]


def test_a_lost_catalog_is_rebuilt_from_the_files(shop):
    shop.ok("extract", "--all")
    (shop.path / "data" / "catalog.duckdb").unlink()
    assert "ducklake catalog rebuild" in shop.fails(2, "catalog").stderr
    outcome = shop.ok("catalog", "rebuild", "--json")
    assert outcome.results == [{"tables": 2, "extractions": 2, "versions": 0}]
    assert shop.query("SELECT count(*) FROM raw.shop.pedidos") == [[3]]


def test_plan_prints_the_statement_and_runs_nothing(shop):
    shop.ok("extract", "--all")
    outcome = shop.ok("plan", "good")
    assert "staging.ventas.pedidos" in outcome.stdout
    assert 'FROM "raw"."shop"."pedidos"' in outcome.stdout
    assert shop.ok("plan", "good", "--json").results[0]["pipeline"] == "good"
    assert shop.ok("catalog", "runs", "--json").results == []


def test_validate_shows_all_problems_at_once(lake_project):
    project = lake_project(
        {
            "config/sources.yaml": "sources:\n  - {name: a, type: csv, path: a.csv, tabel: x}\n  - {name: b, type: nosuch}\n",
            "config/pipelines.yaml": PIPELINES.replace("unique", "uniqe"),
        }
    )
    outcome = project.fails(2, "validate", "--json")
    assert len(outcome.errors) >= 2
    assert all(error["file"].startswith("config/") and error["line"] for error in outcome.errors)
    text = project.fails(2, "validate")
    assert text.stderr.count("error: config/") == len(outcome.errors)


def test_validate_of_a_good_project_says_so(shop):
    outcome = shop.ok("validate")
    assert outcome.stdout == "ok: 1 source, 2 pipelines\n"
    assert "note: " in outcome.stderr


def test_the_schema_is_one_document(lake_project):
    document = lake_project().ok("config", "schema").json
    assert {"sources.yaml", "pipelines.yaml", "settings.yaml"} <= document["$defs"].keys()


def test_plugins_are_listed_from_metadata_and_checked_on_demand(tmp_path):
    listed = json.loads(_run("plugins", "--json", cwd=tmp_path).stdout)
    assert {row["status"] for row in listed["results"]} == {"installed"}
    checked = json.loads(_run("plugins", "--check", "--json", cwd=tmp_path).stdout)
    (csv,) = (row for row in checked["results"] if (row["kind"], row["name"]) == ("connector", "csv"))
    assert csv["status"] == "ok"
    assert csv["provides"] == ["connector.csv"]


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_secret_is_never_printed(lake_project, form: str):
    project = lake_project(
        {
            "config/sources.yaml": 'sources:\n  - {name: shop, type: csv, path: "${SECRET_PLACE}/no.csv"}\n',
            "config/settings.yaml": f"logging: {{format: {form}, level: debug}}\n",
            ".env": "SECRET_PLACE=correcthorsebattery\n",
        }
    )
    outcome = project.run("-v", "extract", "shop", "--json")
    assert outcome.exit_code == 1, str(outcome)
    assert "no.csv" in outcome.stdout
    assert "Traceback" in outcome.stderr
    assert "correcthorse" not in outcome.stdout + outcome.stderr


LOCAL_PLUGIN = """
import os, signal
import pyarrow as pa
from pydantic import BaseModel
from ducklake import hookimpl
from ducklake.api import Options, RowsConnector

class Nothing(Options):
    number: int

class Signalled(RowsConnector):
    name = "signalled"
    Options = Nothing

    def schemas(self):
        return {"t": pa.schema([("a", pa.int64())])}

    def rows(self, table):
        yield {"a": 1}
        os.kill(os.getpid(), self.options.number)
        yield {"a": 2}

@hookimpl
def register_connectors(register):
    register(Signalled)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_command_in_order(lake_project, number: int, code: int):
    project = lake_project(
        {
            "config/sources.yaml": f"sources:\n  - {{name: s, type: signalled, number: {int(number)}}}\n",
            "lake_plugins.py": LOCAL_PLUGIN,
        }
    )
    outcome = project.run("extract", "s", "--json")
    assert outcome.exit_code == code, str(outcome)
    assert outcome.errors[0]["code"] == "interrupted"
    assert "Traceback" not in outcome.stderr
    assert project.files() == []


def test_a_reader_that_leaves_early_is_no_error(shop):
    shop.write({"pedidos.csv": "id\n" + "\n".join(map(str, range(50_000))) + "\n"})
    shop.ok("extract", "shop", "--table", "pedidos")
    line = f"{command()[0]} -C {shop.path} query 'SELECT * FROM raw.shop.pedidos' --format csv | head -n 1"
    finished = subprocess.run(["sh", "-c", line], capture_output=True, text=True, env=environment(), check=False)
    assert finished.stdout == "id,_ingestion_timestamp,_source_name,_extraction_id\n"
    assert finished.stderr == ""


def test_a_terminal_gets_tables_within_its_width(shop):
    shop.ok("extract", "--all")
    shop.run("run", "--all")
    for words in (
        ["catalog"],
        ["catalog", "quality"],
        ["catalog", "runs"],
        ["catalog", "show", "raw.shop.pedidos"],
        ["plugins", "--check"],
    ):
        text = on_terminal(80, "-C", str(shop.path), *words)
        table = text.split("\nwhy\n")[0]  # causes below it are running text
        assert max(map(len, table.splitlines())) <= 80, text


def test_a_wide_query_is_shown_record_by_record_on_a_terminal(shop):
    shop.ok("extract", "--all")
    text = on_terminal(60, "-C", str(shop.path), "query", "SELECT * FROM raw.shop.pedidos WHERE id = 1")
    assert "row 1" in text
    assert "  importe               10.50" in text


LONG_WORK = """
        import threading
        while os.isatty(2) and not any("Refresh" in type(thread).__name__ for thread in threading.enumerate()):
            threading.Event().wait(0.01)
"""


def test_long_work_shows_progress_on_a_terminal_only(lake_project):
    plugin = LOCAL_PLUGIN.replace("        os.kill(os.getpid(), self.options.number)\n", LONG_WORK).replace(
        "number: int", "number: int = 0"
    )
    project = lake_project({"config/sources.yaml": "sources:\n  - {name: s, type: signalled}\n", "lake_plugins.py": plugin})
    assert "s.t" in on_terminal(100, "-C", str(project.path), "extract", "s")
    assert project.ok("extract", "s").stderr == ""


def on_terminal(columns: int, *words: str) -> str:
    """What a user of a terminal sees of a command, without escape sequences."""
    import fcntl
    import re
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    env = environment({"TERM": "xterm", "COLUMNS": None})
    with subprocess.Popen([*command(), *words], stdin=slave, stdout=slave, stderr=slave, env=env):
        os.close(slave)
        seen = b""
        while True:
            try:
                chunk = os.read(master, 65536)
            except OSError:  # Linux says so when the last writer is gone
                break
            if not chunk:
                break
            seen += chunk
    os.close(master)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode()).replace("\r", "")


def _run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command(), *words], capture_output=True, text=True, env=environment(), cwd=cwd, check=False)
