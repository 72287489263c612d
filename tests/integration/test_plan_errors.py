"""What is wrong with a pipeline is said before anything runs: file, line, pipeline, step and the nearest name."""

import pytest

from planning import CLIENTES, SOURCES, make, pipeline

FILE = "config/pipelines.yaml"


@pytest.mark.parametrize(
    ("steps", "line", "message", "hint"),
    [
        (
            "- type: rename\n  columns:\n    cli_id: cliente_id\n    cli_nomb: nombre",
            9,
            "pipeline p, step 1 (rename): no column 'cli_nomb'",
            "did you mean 'cli_nom'?",
        ),
        (
            "- {type: rename, columns: {fecha_alta: fecha_alt}}\n- type: cast\n  columns:\n    fecha_alta: date",
            9,
            "pipeline p, step 2 (cast): no column 'fecha_alta'",
            "did you mean 'fecha_alt'?",
        ),
        (
            "- {type: filter, condition: cli_id > 0}\n- type: filter\n  condition: estdo != 'DELETED'",
            8,
            "pipeline p, step 2 (filter): no column 'estdo'",
            "did you mean 'estado'?",
        ),
        (
            "- type: deduplicate\n  keys:\n    - cli_id\n    - cli_nmo",
            9,
            "pipeline p, step 1 (deduplicate): no column 'cli_nmo'",
            "did you mean 'cli_nom'?",
        ),
        (
            "- type: sql\n  query: |\n    SELECT cli_id,\n           estdo\n    FROM input",
            9,
            "pipeline p, step 1 (sql): no column 'estdo'",
            "did you mean 'estado'?",
        ),
        (
            "- type: sql\n  query: |\n    SELECT *\n    FROM inptu",
            9,
            "pipeline p, step 1 (sql): no input 'inptu': write layer.domain.table or an input of this step; did you mean 'input'?",
            None,
        ),
        (
            "- type: cast\n  columns: {cli_id: dat}",
            7,
            "pipeline p, step 1 (cast): no type 'dat'",
            "did you mean 'date'?",
        ),
        (
            "- type: rename\n  columns: {cli_id: estado}",
            7,
            "pipeline p, step 1 (rename): there is a column 'estado' already, 'cli_id' cannot take its name",
            "rename 'estado' too, or choose another name",
        ),
        (
            "- type: sql\n  query: SELECT count(cli_id) + 'x' + DATE '2024-01-01' AS x, cli_id.y FROM input",
            7,
            None,
            None,
        ),
        (
            "- type: sql\n  query: SELECT INTERVAL 1 DAY AS lapse FROM input",
            7,
            "pipeline p, step 1 (sql): column 'lapse' is INTERVAL, which Parquet cannot hold without loss: cast it, for example to VARCHAR",
            None,
        ),
    ],
)
def test_a_step_that_does_not_go_with_its_input(tmp_path, engine_session, steps, line, message, hint):
    problem = make(tmp_path, engine_session, pipeline(steps)).problem()
    assert (problem.file, problem.line) == (FILE, line)
    assert problem.message.startswith("pipeline p, step ")
    assert "\n" not in problem.message
    if message:
        assert (problem.message, problem.hint) == (message, hint)


@pytest.mark.parametrize(
    ("steps", "code", "message", "hint"),
    [
        ("- {type: filtr, condition: true}", None, "filtr", "did you mean 'filter'?"),
        (
            "- {type: filter, conditon: id}",
            "unknown_key",
            "pipeline p, step 1 (filter): unknown key 'conditon'",
            "did you mean 'condition'?",
        ),
        ("- {type: filter}", "missing_key", "pipeline p, step 1 (filter): the key 'condition' is missing", None),
        ("- {type: filter, condition: 'id ='}", "invalid_value", "syntax error", None),
        ("- {type: filter, condition: 'true; DROP TABLE x'}", "invalid_value", "pipeline p, step 1 (filter): condition: ", None),
        ("- {type: deduplicate, keys: cli_id}", "invalid_value", "keys must be a list, not 'cli_id'", None),
        ("- {type: cast, columns: {cli_id: decimal}}", "invalid_value", "decimal needs its digits", None),
    ],
)
def test_a_step_whose_options_are_wrong_is_found_without_any_table(tmp_path, engine_session, steps, code, message, hint):
    problems = [p for p in make(tmp_path, engine_session, pipeline(steps), tables={}).problems() if code is None or p.code == code]
    assert any(message in problem.message for problem in problems)
    assert all((problem.file, problem.line) == (FILE, 6) for problem in problems)
    if hint:
        assert any(hint in (problem.hint or "") for problem in problems)


@pytest.mark.parametrize(
    ("check", "message", "hint"),
    [
        ("{type: unique, columns: [cli_idd]}", "pipeline p, check 1 (unique): no column 'cli_idd'", "did you mean 'cli_id'?"),
        ("{type: uniqe, columns: [cli_id]}", "uniqe", "did you mean 'unique'?"),
        ("{type: valid_values, column: activo, values: [a]}", "column 'activo' is INTEGER and 'a' is no number", None),
        ("{type: range, column: _ingestion_timestamp, min: yesterday}", "pipeline p, check 1 (range): ", None),
        (
            "{type: range, column: estado, min: 1}",
            "cannot be compared with the number 1",
            "cast estado to a number in an earlier step",
        ),
        ("{type: not_null, colums: [cli_id]}", "unknown key 'colums'", "did you mean 'columns'?"),
    ],
)
def test_a_check_that_does_not_go_with_the_table(tmp_path, engine_session, check, message, hint):
    problems = make(tmp_path, engine_session, pipeline(checks=f"- {check}")).problems()
    assert any(message in problem.message for problem in problems)
    assert hint is None or any(hint in (problem.hint or "") for problem in problems)
    assert {(problem.file, problem.line) for problem in problems} == {(FILE, 7)}


def test_everything_that_is_wrong_is_said_at_once(tmp_path, engine_session):
    first = pipeline("- {type: filtr, condition: true}\n- {type: cast, columns: {x: decimal}}\n- {type: filter}")
    second = pipeline("- {type: filter, condition: estdo = 1}", name="q", destination="staging.ventas.q").removeprefix("pipelines:\n")
    checks = "- {type: unique, columns: [a]}\n- {type: not_null, columns: [b]}"
    third = pipeline(checks=checks, name="r", destination="staging.ventas.r").removeprefix("pipelines:\n")
    problems = make(tmp_path, engine_session, first + second + third).problems()
    assert [problem.line for problem in problems] == sorted(problem.line for problem in problems)
    assert len(problems) == 6


def test_pipelines_that_are_not_meant_do_not_matter(tmp_path, engine_session):
    other = pipeline("- {type: filtr}", name="q", destination="staging.ventas.q").removeprefix("pipelines:\n")
    assert len(make(tmp_path, engine_session, pipeline() + other).plans("p")) == 1


def test_a_format_that_no_writer_has(tmp_path, engine_session):
    text = pipeline().replace("table: clientes}\n    transforms", "table: clientes, format: parqet}\n    transforms")
    (problem,) = make(tmp_path, engine_session, text).problems()
    assert "parqet" in problem.message
    assert problem.line == 4


def test_several_sources_need_a_step_that_brings_them_together(tmp_path, engine_session):
    text = """
    pipelines:
      - name: p
        sources:
          - {layer: raw, domain: shop, table: clientes}
          - {layer: raw, domain: shop, table: clientes, as: again}
        destination: {layer: staging, domain: ventas, table: clientes}
        transforms:
          - {type: filter, condition: cli_id > 0}
    """
    problem = make(tmp_path, engine_session, text).problem()
    assert problem.message == "pipeline p: it has 2 sources, so its first step must bring them together"
    assert problem.line == 9


def test_latest_and_all_snapshots_of_a_table_cannot_be_mixed(tmp_path, engine_session):
    text = """
    pipelines:
      - name: p
        sources:
          - {layer: raw, domain: shop, table: clientes, as: now}
          - {layer: raw, domain: shop, table: clientes, as: ever, snapshots: all}
        destination: {layer: staging, domain: ventas, table: clientes}
        transforms:
          - {type: sql, query: SELECT now.* FROM now JOIN ever USING (cli_id)}
    """
    assert "only one of them is possible" in make(tmp_path, engine_session, text).problem().message


@pytest.mark.parametrize(
    ("source", "steps", "message", "hint"),
    [
        ("raw.shpo.clientes", "[]", "pipeline p: no source 'shpo'", "did you mean 'shop'?"),
        (
            "staging.ventas.clients",
            "[]",
            "pipeline p: no pipeline publishes staging.ventas.clients",
            "did you mean 'staging.ventas.clientes'?",
        ),
        (
            "raw.shop.clientes",
            "- type: sql\n  query: SELECT * FROM staging.venta.clientes",
            "pipeline p, step 1 (sql): no pipeline publishes staging.venta.clientes",
            "did you mean 'staging.ventas.clientes'?",
        ),
    ],
)
def test_a_table_that_nothing_makes(tmp_path, engine_session, source, steps, message, hint):
    problem = make(tmp_path, engine_session, pipeline(steps, source=source)).problem()
    assert (problem.message, problem.hint) == (message, hint)
    assert problem.line == (3 if steps == "[]" else 7)


PLUGIN = """
from ducklake import hookimpl
from ducklake.api import NoOptions, QualityCheck, Transform

class Bad(Transform):
    name = "bad"
    Options = NoOptions
    def to_sql(self, inputs, context):
        raise SystemExit(0)

class Worse(QualityCheck):
    name = "worse"
    Options = NoOptions
    def columns(self):
        return 1 / 0

class Odd(QualityCheck):
    name = "odd"
    Options = NoOptions
    def columns(self):
        return ()
    def query(self, relation):
        return f"SELECT nothing FROM {relation.sql}"

@hookimpl
def register_transforms(register):
    register(Bad)

@hookimpl
def register_quality_checks(register):
    register(Worse)
    register(Odd)
"""


@pytest.mark.parametrize(
    ("steps", "checks", "message"),
    [
        ("- {type: bad}", "[]", "pipeline p, step 1 (bad): lake_plugins.py raised SystemExit: 0"),
        ("[]", "- {type: worse}", "pipeline p, check 1 (worse): lake_plugins.py raised ZeroDivisionError: division by zero"),
        ("[]", "- {type: odd}", "pipeline p, check 1 (odd): no column 'nothing'"),
    ],
)
def test_a_plugin_that_raises_is_named(tmp_path, engine_session, steps, checks, message):
    planning = make(tmp_path, engine_session, pipeline(steps, checks))
    (tmp_path / "lake_plugins.py").write_text(PLUGIN, encoding="utf-8")
    assert planning.problem().message == message


def test_variables_that_are_missing_in_a_pipeline_are_named(tmp_path, engine_session):
    steps = "- {type: filter, condition: 'cli_id > ${SMALLEST}'}\n- {type: cast, columns: {cli_id: '${KIND}'}}"
    problems = make(tmp_path, engine_session, pipeline(steps)).problems()
    assert [(problem.code, problem.line) for problem in problems] == [("missing_variable", 6), ("missing_variable", 7)]
    assert "SMALLEST" in problems[0].message


def test_names_are_compared_as_sql_does(tmp_path, engine_session):
    query = "SELECT i.ID FROM Input i JOIN RAW.Shop.CLIENTES c ON i.id = c.Cli_Id"
    steps = f"- {{type: rename, columns: {{CLI_ID: id}}}}\n- {{type: sql, query: '{query}'}}"
    plan = make(tmp_path, engine_session, pipeline(steps, source="raw.shop.Clientes")).plan()
    assert [str(entry.ref) for entry in plan.inputs] == ["raw.shop.clientes"]


def test_the_reason_reaches_validate_too(tmp_path, engine_session):
    planning = make(tmp_path, engine_session, pipeline("- {type: filter, condition: estdo = 1}"), SOURCES, {"raw.shop.clientes": CLIENTES})
    problems, _ = planning.validate()
    assert "pipeline p, step 1 (filter): no column 'estdo'" in [problem.message for problem in problems]
