"""A project's configuration: the brief's own examples, every problem at once, references, secrets."""

import re

import pytest
from pydantic import Field, SecretStr

from ducklake.api import Options
from ducklake.config.loader import parse_yaml, validate_model
from ducklake.config.project import find_project, load_project
from ducklake.config.references import Environment, Redactor, resolve
from ducklake.errors import ConfigurationError, PluginError

BRIEF_SOURCES = """
sources:
  - name: mysql_ventas
    type: mysql
    enabled: true
    connection:
      host: ${MYSQL_HOST}
      port: 3306
      database: ventas
      user: ${MYSQL_USER}
      password: ${MYSQL_PASSWORD}
    tables:
      - clientes
      - pedidos
      - facturas
    extract:
      mode: incremental
      key_column: updated_at
      batch_size: 10000

  - name: sftp_reportes
    type: sftp
    enabled: true
    connection:
      host: sftp.cliente.com
      port: 22
      user: ${SFTP_USER}
      password: ${SFTP_PASSWORD}
    path: /exports/*.csv
    extract:
      mode: full
      schedule: "0 2 * * *"  # Cron expression
"""

BRIEF_PIPELINES = """
pipelines:
  - name: ventas_staging
    description: "Pipeline de ventas raw a staging"
    source:
      layer: raw
      domain: mysql_ventas
      table: clientes
    destination:
      layer: staging
      domain: ventas
      table: clientes
    transforms:
      - type: rename
        columns:
          cli_id: cliente_id
          cli_nom: nombre
          cli_email: email
      - type: cast
        columns:
          fecha_alta: date
          activo: boolean
      - type: filter
        condition: "estado != 'DELETED'"
      - type: deduplicate
        keys: [cliente_id]
    quality_checks:
      - type: not_null
        columns: [cliente_id, nombre]
      - type: unique
        columns: [cliente_id]
      - type: valid_values
        column: estado
        values: [ACTIVO, INACTIVO, PENDIENTE]
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ("MYSQL_HOST", "MYSQL_USER", "MYSQL_PASSWORD", "SFTP_USER", "SFTP_PASSWORD", "PW", "NOWHERE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path):
    """Writes files (`settings` for config/settings.yaml, ...) and loads the project."""

    def load(secrets=None, *, dotenv=None, **files):
        (tmp_path / "config").mkdir(exist_ok=True)
        for name, text in {"sources": "sources: []", **files}.items():
            (tmp_path / f"config/{name}.yaml").write_text(text, encoding="utf-8")
        if dotenv is not None:
            (tmp_path / ".env").write_text(dotenv, encoding="utf-8")
        return load_project(tmp_path, secrets)

    return load


def lines(project, *args, **files):
    with pytest.raises(ConfigurationError) as raised:
        project(*args, **files)
    return [str(problem) for problem in raised.value.problems]


def test_the_brief_is_valid_as_it_stands(project):
    loaded = project(sources=BRIEF_SOURCES, pipelines=BRIEF_PIPELINES)
    mysql, sftp = loaded.sources["mysql_ventas"], loaded.sources["sftp_reportes"]
    assert [table.name for table in mysql.tables] == ["clientes", "pedidos", "facturas"]
    assert (mysql.extract.mode, mysql.extract.key_column, mysql.extract.batch_size) == ("incremental", "updated_at", 10000)
    assert sftp.options.value.keys() == {"connection", "path"}
    pipeline = loaded.pipelines["ventas_staging"]
    assert [(item.layer, item.domain, item.table, item.alias) for item in pipeline.inputs] == [("raw", "mysql_ventas", "clientes", "input")]
    assert [step.type for step in pipeline.transforms] == ["rename", "cast", "filter", "deduplicate"]
    assert pipeline.transforms[1].node.label == "pipeline ventas_staging, step 2 (cast)"
    assert pipeline.transforms[1].options.position("columns", "activo") == (22, 11)
    assert pipeline.quality_checks[2].options.value == {"column": "estado", "values": ["ACTIVO", "INACTIVO", "PENDIENTE"]}


def test_a_missing_variable_stays_with_its_source(project):
    loaded = project(sources=BRIEF_SOURCES, dotenv="SFTP_USER=u\nSFTP_PASSWORD='p#w'\n")
    assert loaded.sources["sftp_reportes"].missing == ()
    assert loaded.sources["sftp_reportes"].options.at("connection", "password").value == "p#w"
    missing = loaded.sources["mysql_ventas"].missing
    assert [(problem.code, problem.line) for problem in missing] == [
        ("missing_variable", 7),
        ("missing_variable", 10),
        ("missing_variable", 11),
    ]
    assert str(missing[0]) == (
        "config/sources.yaml:7:7: source mysql_ventas: connection.host needs the variable MYSQL_HOST, which is not set "
        "(add MYSQL_HOST=... to .env, or export MYSQL_HOST)"
    )


def test_every_problem_of_all_files_is_reported_at_once(project):
    found = lines(
        project,
        settings="timezone: Europe/Madird\nengine: {threads: none, memory_limit: 4 apples}\nretension: {versions: 1}\n",
        sources="""\
sources:
  - name: a b
    typ: csv
    enabled: perhaps
    extract: {mode: incrementl, batch_size: 0, schedule: "1 2 3", bach_size: 3}
    tables: [1, {name: x, extrac: 1}]
  - {name: x, type: csv}
  - {name: X, type: csv}
  - foo
surces: []
""",
        pipelines="""\
pipelines:
  - name: x
    source: {layer: raw, domain: a b, table: c}
    destination: {layer: raw, use_case: "b/b", table: ".."}
    quality_checks: [{type: x, severity: bad, max_fraction: 2}, {}]
  - {name: y, destination: {layer: consume, use_case: bi, domain: x, table: c}}
  - {name: z, source: {layer: raw, domain: d, table: t}}
""",
    )
    assert found == [
        "config/settings.yaml:1:1: timezone: there is no time zone 'Europe/Madird'; did you mean Europe/Madrid?",
        "config/settings.yaml:2:10: engine.threads must be a whole number, not 'none'",
        "config/settings.yaml:2:25: engine.memory_limit: '4 apples' is no size; write for example 4GB or 512MiB",
        "config/settings.yaml:3:1: unknown key 'retension' (did you mean 'retention'?)",
        "config/sources.yaml:2:5: source a b: name: 'a b' is no plain name; use letters (a to z), digits, _ and -",
        "config/sources.yaml:3:5: source a b: the key 'type' is missing (rename 'typ' to 'type')",
        "config/sources.yaml:4:5: source a b: enabled must be true or false, not 'perhaps'",
        "config/sources.yaml:5:15: source a b: extract.mode must be full or incremental, not 'incrementl' (did you mean 'incremental'?)",
        "config/sources.yaml:5:33: source a b: extract.batch_size must be greater than 0, not 0",
        (
            "config/sources.yaml:5:48: source a b: extract.schedule: '1 2 3' has 3 fields; "
            "cron has five (minute hour day month weekday), for example 0 2 * * *"
        ),
        "config/sources.yaml:5:67: source a b: unknown key 'bach_size' in extract (did you mean 'batch_size'?)",
        (
            "config/sources.yaml:6:14: source a b: tables[1]: "
            "write a table's name, in quotes if it looks like a number, or a mapping with 'name:'"
        ),
        "config/sources.yaml:6:27: source a b: unknown key 'extrac' in tables[2] (did you mean 'extract'?)",
        "config/sources.yaml:8:6: source X: the name is taken, see line 7 (names differ in more than case)",
        "config/sources.yaml:9:5: source 4: this must be a mapping of keys to values, not 'foo'",
        "config/sources.yaml:10:1: unknown key 'surces' (did you mean 'sources'?)",
        "config/pipelines.yaml:3:26: pipeline x: source.domain: 'a b' is no plain name; use letters (a to z), digits, _ and -",
        "config/pipelines.yaml:4:19: pipeline x: destination.layer must be staging or consume, not 'raw'",
        "config/pipelines.yaml:4:31: pipeline x: destination.use_case: 'b/b' is no plain name; use letters (a to z), digits, _ and -",
        "config/pipelines.yaml:4:48: pipeline x: destination.table: '..' is no plain name; use letters (a to z), digits, _ and -",
        "config/pipelines.yaml:5:32: pipeline x: quality_checks[1].severity must be error or warn, not 'bad'",
        "config/pipelines.yaml:5:47: pipeline x: quality_checks[1].max_fraction must be at most 1.0, not 2",
        "config/pipelines.yaml:5:65: pipeline x: the key 'quality_checks[2].type' is missing",
        "config/pipelines.yaml:6:15: pipeline y: destination: 'domain' and 'use_case' are the same key; keep one of them",
        "config/pipelines.yaml:7:5: pipeline z: the key 'destination' is missing",
    ]


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        ("", "it reads nothing"),
        ("source: {layer: raw, domain: d, table: t}, sources: [],", "give either 'source'"),
        ("sources: [{layer: raw, domain: d, table: t}, {layer: raw, domain: e, table: T}],", "two sources are called 't'"),
        ("source: {layer: staging, domain: d, table: t, snapshots: all},", "only raw keeps several"),
        ("source: {layer: raw, domain: d, table: 3},", 'source.table must be text, not 3 (put it in quotes: table: "3")'),
    ],
)
def test_a_pipeline_without_a_clear_way_in_is_refused(project, pipeline, message):
    text = f"pipelines: [{{name: p, {pipeline} destination: {{layer: staging, domain: d, table: t}}}}]"
    assert message in lines(project, pipelines=text)[0]


def test_several_sources_get_their_names(project):
    text = """
pipelines:
  - name: p
    sources: [{layer: raw, domain: d, table: t, as: x}, {layer: staging, domain: d, table: odd name}]
    destination: {layer: consume, use_case: bi, table: t}
"""
    pipeline = project(pipelines=text).pipelines["p"]
    assert [item.alias for item in pipeline.inputs] == ["x", "odd name"]
    assert pipeline.destination.domain == "bi"
    assert pipeline.node.position(*pipeline.input_path(1)) == (4, 57)


def test_keys_without_a_value_count_as_left_out(project):
    loaded = project(
        settings="engine:\nextract:\n", sources="sources:\n  - name: s\n    type: csv\n    tables:\n", pipelines="pipelines:\n"
    )
    assert loaded.sources["s"].tables == ()
    assert loaded.settings.engine.type == "duckdb"


def test_extract_settings_fall_back_from_table_to_source_to_settings(project):
    loaded = project(
        settings="extract: {batch_size: 7, mode: full}",
        sources="sources: [{name: s, type: csv, extract: {batch_size: 8}, tables: [a, {name: b, extract: {mode: incremental}}]}]",
    )
    source, defaults = loaded.sources["s"], loaded.settings.extract
    assert source.extract_settings(source.tables[0], defaults).model_dump(exclude_defaults=True) == {"mode": "full", "batch_size": 8}
    assert source.extract_settings(source.tables[1], defaults).mode == "incremental"
    assert source.extract_settings(None, defaults).batch_size == 8


def test_settings_have_defaults(project):
    loaded = project()
    settings = loaded.settings
    assert (settings.timezone, settings.data_path, settings.retention.versions) == ("UTC", "data", 3)
    assert (settings.parquet.compression, settings.parquet.row_group_rows, settings.parquet.file_size_bytes) == ("snappy", 122_880, 10**9)
    assert loaded.data == loaded.root / "data"


def test_missing_variables_of_settings_are_raised_at_once(project):
    found = lines(project, settings="data_path: ${NOWHERE}\nengine: {threads: '${PW}'}\n")
    assert [re.search(r"variable (\w+)", line).group(1) for line in found] == ["NOWHERE", "PW"]


@pytest.mark.parametrize("source", ["{name: '${NOWHERE}', type: csv}", "{name: s, type: '${NOWHERE}'}"])
def test_a_name_or_type_that_hangs_on_a_missing_variable_is_raised_at_once(project, source):
    (line,) = lines(project, sources=f"sources: [{source}]")
    assert "needs the variable NOWHERE" in line


def test_a_wrong_type_behind_a_missing_variable_is_no_second_problem(project):
    loaded = project(sources="sources: [{name: s, type: csv, extract: {batch_size: '${NOWHERE}'}}, {name: t, type: csv}]")
    assert loaded.sources["s"].extract.batch_size == 50_000
    assert len(loaded.sources["s"].missing) == 1
    assert loaded.sources["t"].missing == ()


def test_find_project_looks_upwards(tmp_path):
    (tmp_path / "lake/config").mkdir(parents=True)
    (tmp_path / "lake/config/sources.yaml").write_text("")
    (tmp_path / "lake/data/raw").mkdir(parents=True)
    assert find_project(tmp_path / "lake/data/raw") == tmp_path / "lake"
    with pytest.raises(ConfigurationError) as raised:
        find_project(tmp_path)
    assert raised.value.problem.hint == "make one with: ducklake init NAME"


def resolved(text, variables=None, **settings):
    node, problems = resolve(parse_yaml(f"k: {text}", "f"), Environment(variables or {}, **settings))
    return node.value["k"], [problem.code for problem in problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "x"),
        ("a${A}b${A}", "axbx"),
        ("${B:-y}", "y"),
        ("${A:-y}", "x"),
        ("${EMPTY:-y}", "y"),
        ("${EMPTY}", ""),
        ("${B:-}", ""),
        ("${B:-a:-b$c}", "a:-b$c"),
        ("$${A}", "${A}"),
        ("$A $$ 100$", "$A $$ 100$"),
        ("${NASTY}", "${A}: #{x}\"'\n"),
    ],
)
def test_references_are_replaced_once_per_scalar(text, value):
    variables = {"A": "x", "EMPTY": "", "NASTY": "${A}: #{x}\"'\n"}
    assert resolved(f"'{text}'", variables) == (value, [])


@pytest.mark.parametrize("text", ["${}", "${1A}", "${A", "${A-b}", "${a b}"])
def test_what_is_no_reference_is_a_problem_and_not_shown(text):
    assert resolved(f"'{text}'", {"A": "x"}) == (text, ["bad_reference"])


def test_keys_are_never_replaced():
    node, _ = resolve(parse_yaml("'${A}': 1", "f"), Environment({"A": "x"}))
    assert node.value == {"${A}": 1}


def test_dotenv_never_overrides_nor_changes_the_environment(project, monkeypatch):
    monkeypatch.setenv("PW", "from outside")
    loaded = project(dotenv="PW=inside\nNOWHERE='a b $x'\nexport QUOTED=\"l\\n2\"\n\n# comment\n")
    assert (loaded.environment.variables["PW"], loaded.environment.variables["NOWHERE"]) == ("from outside", "a b $x")
    assert loaded.environment.variables["QUOTED"] == "l\n2"
    import os

    assert "NOWHERE" not in os.environ


def test_a_broken_dotenv_names_its_line(project):
    assert lines(project, dotenv="A=1\n=nothing\n") == [".env:2: this line is no NAME=value"]


def test_secrets_are_asked_for_only_where_they_stand(project):
    asked = []

    def secrets(settings):
        asked.append(settings.timezone)
        return {"db": "hidden-value"}.get

    assert project(secrets).sources == {}
    assert asked == []
    sources = "sources: [{name: s, type: x, a: '${secret:db}', b: '${secret:other}'}]"
    source = project(secrets, sources=sources).sources["s"]
    assert source.options.at("a").value == "hidden-value"
    assert [(problem.code, "'other'" in problem.message) for problem in source.missing] == [("missing_secret", True)]
    assert project(sources=sources).sources["s"].missing[0].code == "missing_secret"
    assert asked == ["UTC"]


def test_a_secrets_plugin_that_fails_is_a_problem_of_its_place(project):
    def fail(reference):
        raise PluginError("the vault is sealed", code="secret_failed", hint="unseal it")

    source = project(lambda settings: fail, sources="sources: [{name: s, type: x, a: '${secret:db}'}]").sources["s"]
    assert str(source.missing[0]) == "config/sources.yaml:1:30: source s: a: the vault is sealed (unseal it)"


class Connection(Options):
    host: str
    port: int = 1
    password: SecretStr = SecretStr("")
    pin: SecretStr = SecretStr("")
    level: int | str = 1
    tags: list[str] = Field(default_factory=list, max_length=1)


class Sample(Options):
    connection: Connection
    on_invalid: str = "fail"


def option_problems(text, variables=None):
    node, _ = resolve(parse_yaml(text, "f").named("source s"), Environment(variables or {}))
    with pytest.raises(ConfigurationError) as raised:
        validate_model(Sample, node)
    return [str(problem) for problem in raised.value.problems]


def test_options_of_plugins_get_the_same_wording_and_places():
    assert option_problems("conection: {host: h}\non_invalid: 3") == [
        "f:1:1: source s: unknown key 'conection' (did you mean 'connection'?)",
        'f:2:1: source s: on_invalid must be text, not 3 (put it in quotes: on_invalid: "3")',
    ]
    assert option_problems("connection: {host: h, port: true, level: true}") == [
        "f:1:23: source s: connection.port must be a whole number, not true",
    ]
    assert option_problems("connection:\n  host: h\n  prt: 2\n  level: []\n  tags: [a, b]\n") == [
        "f:3:3: source s: unknown key 'prt' in connection (did you mean 'port'?)",
        "f:4:3: source s: connection.level must be a whole number or text, not a list",
        "f:5:3: source s: connection.tags: list should have at most 1 item after validation, not 2",
    ]


def test_values_that_may_be_secret_are_not_shown():
    text = "connection:\n  host: [hunter2]\n  port: ${PW}\n  password: [hunter2]\n  pin: 4711\n"
    found = option_problems(text, {"PW": "hunter2"})
    assert len(found) == 4
    assert "hunter2" not in str(found)
    assert "4711" not in str(found)


def test_nothing_is_made_of_unresolved_references():
    found = option_problems("connection: {host: '${NOWHERE}', port: '${NOWHERE}'}")
    assert [line.partition(" needs")[0] for line in found] == ["f:1:14: source s: connection.host", "f:1:34: source s: connection.port"]


def test_the_redactor_masks_secrets_in_every_spelling():
    redactor = Redactor()
    redactor.add("pä/ss 'w\n")
    redactor.add("abc")
    redactor.add(None)
    redactor.add("pä/ss")
    text = "pä/ss 'w\n | p%C3%A4%2Fss%20%27w%0A | p%C3%A4%2Fss+%27w%0A | pä/ss 'w\\n | p\\u00e4/ss 'w\\n | pä/ss | abc"
    assert redactor.redact(text) == "*** | *** | *** | *** | *** | *** | abc"


def test_secrets_of_sources_are_masked_however_they_come(project, monkeypatch):
    monkeypatch.setenv("MYSQL_PASSWORD", "from-environment")
    loaded = project(
        lambda settings: {"db": "from-plugin"}.get,
        sources="sources: [{name: s, type: x, k: {password: written-out, host: host1, a: '${MYSQL_PASSWORD}', b: '${secret:db}'}}]",
    )
    assert loaded.redactor.redact("from-environment written-out from-plugin host1") == "*** *** *** host1"
    assert "written-out" not in repr(loaded)
    assert "from-environment" not in repr(loaded)
