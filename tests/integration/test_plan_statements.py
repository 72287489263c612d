"""What the steps of a pipeline become: SQL that reads well, and does what the steps say."""

import json
import textwrap

import pytest

from ducklake.api import TableRef
from ducklake.layers.scan import ALL
from ducklake.plan.explain import explain, lines
from ducklake.plan.model import PlannedInput, SqlStage
from planning import make, pipeline

BRIEF = """
- type: rename
  columns: {cli_id: cliente_id, cli_nom: nombre}
- type: cast
  columns: {fecha_alta: date, activo: boolean}
- type: filter
  condition: "estado != 'DELETED'"
- type: deduplicate
  keys: [cliente_id]
"""
CHECKS = """
- {type: not_null, columns: [cliente_id, nombre]}
- {type: unique, columns: [cliente_id]}
- {type: valid_values, column: estado, values: [ACTIVO, INACTIVO], max_fraction: 0.05}
- {type: ranges, column: fecha_alta, min: 2000-01-01, severity: warn}
"""


def test_a_chain_of_steps_is_one_readable_statement(tmp_path, engine_session):
    plan = make(tmp_path, engine_session, pipeline(BRIEF)).plan()
    (stage,) = plan.stages
    assert isinstance(stage, SqlStage)
    assert stage.steps == ("1 rename", "2 cast", "3 filter", "4 deduplicate")
    assert stage.sql == textwrap.dedent("""\
        WITH "input" AS (
            SELECT "cli_id", "cli_nom", "fecha_alta", "activo", "estado", "_ingestion_timestamp"
            FROM "raw"."shop"."clientes"
        ),
        "step_1_rename" AS (
            SELECT * RENAME (
                "cli_id" AS "cliente_id",
                "cli_nom" AS "nombre"
            )
            FROM "input"
        ),
        "step_2_cast" AS (
            SELECT * REPLACE (
                CAST("fecha_alta" AS DATE) AS "fecha_alta",
                CAST("activo" AS BOOLEAN) AS "activo"
            )
            FROM "step_1_rename"
        ),
        "step_3_filter" AS (
            SELECT *
            FROM "step_2_cast"
            WHERE estado != 'DELETED'
        ),
        "step_4_deduplicate" AS (
            SELECT *
            FROM "step_3_filter"
            QUALIFY row_number() OVER (
                PARTITION BY "cliente_id"
                ORDER BY "_ingestion_timestamp" DESC, hash("nombre", "fecha_alta", "activo", "estado")
            ) = 1
        )
        SELECT * FROM "step_4_deduplicate\"""")


def test_the_statement_does_what_the_steps_say(tmp_path, engine_session):
    planning = make(tmp_path, engine_session, pipeline(BRIEF))
    plan = planning.plan()
    rows = """
        SELECT * FROM (VALUES
            (1, 'Ana', '2024-01-01', 1, 'ACTIVO', TIMESTAMP '2024-05-01'),
            (1, 'Ana María', '2024-01-01', 1, 'ACTIVO', TIMESTAMP '2024-05-02'),
            (2, 'Luis', '2023-02-28', 0, 'DELETED', TIMESTAMP '2024-05-01'),
            (3, 'Eva', NULL, 0, 'INACTIVO', TIMESTAMP '2024-05-01')
        ) t(cli_id, cli_nom, fecha_alta, activo, estado, _ingestion_timestamp)
    """
    engine_session.define(TableRef("raw", "shop", "clientes"), rows)
    (stage,) = plan.stages
    query = f"SELECT cliente_id, nombre, CAST(fecha_alta AS VARCHAR), activo FROM ({stage.sql}) ORDER BY ALL"
    assert engine_session.fetch(query) == [(1, "Ana María", "2024-01-01", True), (3, "Eva", None, False)]


def test_only_the_columns_and_rows_that_are_needed_are_read(tmp_path, engine_session):
    steps = """
    - {type: rename, columns: {a: x}}
    - {type: cast, columns: {b: bigint}}
    - {type: filter, condition: x > 900000}
    - {type: sql, query: SELECT x FROM input}
    """
    columns = "a BIGINT, b VARCHAR, c VARCHAR, d VARCHAR"
    plan = make(tmp_path, engine_session, pipeline(steps), tables={"raw.shop.clientes": columns}).plan()
    engine_session.fetch(f"COPY (SELECT i AS a, 'b' AS b, 'c' AS c, 'd' AS d FROM range(1000000) t(i)) TO '{tmp_path}/t.parquet'")
    engine_session.define(TableRef("raw", "shop", "clientes"), f"SELECT * FROM '{tmp_path}/t.parquet'")
    ((_, explained),) = engine_session.fetch(f"EXPLAIN {plan.stages[0].sql}")
    scan = explained[explained.index("PARQUET") if "PARQUET" in explained else explained.index("READ") :]
    assert "a>900000" in scan.replace(" ", "")
    for name in ("b", "c", "d"):
        assert f" {name} " not in scan


def test_a_pipeline_without_steps_passes_its_table_on(tmp_path, engine_session):
    plan = make(tmp_path, engine_session, pipeline(), tables={"raw.shop.clientes": 'id INTEGER, "odd ""name" VARCHAR'}).plan()
    assert plan.stages == (SqlStage('SELECT "id", "odd ""name"\nFROM "raw"."shop"."clientes"'),)


def test_a_wide_table_is_listed_over_several_lines(tmp_path, engine_session):
    columns = ", ".join(f"a_rather_long_name_of_a_column_{number} INTEGER" for number in range(12))
    sql = make(tmp_path, engine_session, pipeline(), tables={"raw.shop.clientes": columns}).plan().stages[0].sql
    assert sql.startswith('SELECT\n    "a_rather')
    assert max(len(line) for line in sql.splitlines()) < 130


def test_a_sql_step_stands_in_the_statement_as_it_was_written(tmp_path, engine_session):
    steps = """
    - type: filter
      condition: cli_id > 0
    - type: sql
      query: |
        -- one row a state
        SELECT estado, count(*) AS clientes, 'two
        lines' AS text
        FROM input
        GROUP BY estado;
    """
    sql = make(tmp_path, engine_session, pipeline(steps)).plan().stages[0].sql
    query = "-- one row a state\nSELECT estado, count(*) AS clientes, 'two\nlines' AS text\nFROM input\nGROUP BY estado"
    assert query in sql
    assert 'WITH "input" AS (FROM "step_1_filter")' in sql


SEVERAL = """
pipelines:
  - name: facturado
    sources:
      - {layer: raw, domain: shop, table: clientes, as: c}
      - {layer: raw, domain: shop, table: pedidos, snapshots: all}
    destination: {layer: consume, use_case: bi, table: facturado}
    transforms:
      - type: sql
        query: |
          SELECT c.cli_id, sum(importe) AS total
          FROM c JOIN pedidos USING (cli_id) JOIN raw.crm.Segmentos s USING (cli_id)
          GROUP BY ALL
      - {type: filter, condition: total > 100}
"""
TABLES = {
    "raw.shop.clientes": "cli_id BIGINT, nombre VARCHAR",
    "raw.shop.pedidos": "cli_id BIGINT, importe DECIMAL(12,2)",
    "raw.crm.segmentos": "cli_id BIGINT, segmento VARCHAR",
}


def test_several_sources_are_called_by_their_aliases_and_other_tables_by_name(tmp_path, engine_session):
    plan = make(tmp_path, engine_session, SEVERAL, tables=TABLES).plan()
    assert plan.inputs == (
        PlannedInput(TableRef("raw", "shop", "clientes"), "c"),
        PlannedInput(TableRef("raw", "shop", "pedidos"), "pedidos", ALL),
        PlannedInput(TableRef("raw", "crm", "segmentos")),
    )
    assert [(column.name, column.type) for column in plan.schema] == [("cli_id", "BIGINT"), ("total", "DECIMAL(38,2)")]


def test_what_sums_of_integers_become_in_the_file_is_known_downstream(tmp_path, engine_session):
    first = pipeline("- {type: sql, query: 'SELECT sum(cli_id) AS total FROM input'}")
    second = pipeline(name="q", source="staging.ventas.clientes", destination="consume.bi.q").removeprefix("pipelines:\n")
    plan = make(tmp_path, engine_session, first + second).plans()[1]
    assert [(column.name, column.type) for column in plan.schema] == [("total", "DECIMAL(38,0)")]


def test_a_plan_is_told_to_people_and_survives_json(tmp_path, engine_session):
    plan = make(tmp_path, engine_session, pipeline(BRIEF, CHECKS)).plan()
    text = "\n".join(lines(plan))
    assert "reads      raw.shop.clientes (latest extraction)" in text
    assert "publishes  staging.ventas.clientes (parquet, replace)" in text
    assert "checks     not_null(cliente_id, nombre): nothing is published if it fails" in text
    assert "valid_values(estado): nothing is published if it fails, up to 0.05 of the rows may fail" in text
    assert "checks     range(fecha_alta): only warns" in text
    assert "-- statement: steps 1 rename, 2 cast, 3 filter, 4 deduplicate" in text
    assert "cliente_id            BIGINT" in text
    document = json.loads(json.dumps(explain(plan)))
    assert document["stages"][0]["sql"] == plan.stages[0].sql
    assert document["checks"][3] == {
        "number": 4, "type": "range", "columns": ["fecha_alta"], "severity": "warn", "max_failures": None, "max_fraction": None,
    }  # fmt: skip
    assert document["inputs"] == [{"table": "raw.shop.clientes", "as": "input", "snapshots": "latest"}]


PYTHON = """
from collections.abc import Iterable

from ducklake import hookimpl
from ducklake.api import Column, NoOptions, PythonTransform, Schema


class Upper(PythonTransform):
    name = "upper"
    Options = NoOptions

    def output(self, inputs, context):
        inputs[0].schema.require("estado")
        return Schema((*inputs[0].schema.columns, Column("loud", "VARCHAR")))

    def apply(self, batches, context):
        yield from batches


@hookimpl
def register_transforms(register):
    register(Upper)
"""


def test_a_python_step_stands_between_two_statements(tmp_path, engine_session):
    steps = """
    - {type: filter, condition: cli_id > 0}
    - {type: upper}
    - {type: filter, condition: loud != ''}
    """
    planning = make(tmp_path, engine_session, pipeline(steps))
    (tmp_path / "lake_plugins.py").write_text(PYTHON, encoding="utf-8")
    plan = planning.plan()
    assert [stage.to_json()["kind"] for stage in plan.stages] == ["sql", "python", "sql"]
    assert [stage.to_json()["steps"] for stage in plan.stages] == [["1 filter"], ["2 upper"], ["3 filter"]]
    assert 'FROM "stages"."p"."stage_2"' in plan.stages[2].sql
    assert "-- stage 2: step 2 upper in Python (lake_plugins.py), over Arrow batches" in "\n".join(lines(plan))


@pytest.mark.parametrize("name", ['with "quotes"', "select", "año 🦆", "a.b", "it's", "step_1_rename", "input", "$$", "/*"])
def test_names_of_columns_and_tables_are_data(tmp_path, engine_session, name):
    steps = f"""
    - type: rename
      columns: {{old: {json.dumps(name, ensure_ascii=False)}}}
    - type: cast
      columns: {{{json.dumps(name, ensure_ascii=False)}: bigint}}
    - type: deduplicate
      keys: [{json.dumps(name, ensure_ascii=False)}]
    """
    checks = f"- {{type: range, column: {json.dumps(name, ensure_ascii=False)}, min: 0}}"
    source = f"raw.shop.{json.dumps(name, ensure_ascii=False)}"
    planning = make(tmp_path, engine_session, pipeline(steps, checks, source=source), tables={f"raw.shop.{name}": "old VARCHAR"})
    assert [(column.name, column.type) for column in planning.plan().schema] == [(name, "BIGINT")]
