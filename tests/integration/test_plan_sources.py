"""Plans of extractions, and all that `validate` says of sources."""

import datetime as dt
import decimal

import pytest

from ducklake.errors import ConfigurationError
from ducklake.plan.extraction import plan_extraction
from planning import make, pipeline

FILE = "config/sources.yaml"
PLUGIN = """
from pydantic import BaseModel, SecretStr

from ducklake import hookimpl
from ducklake.api import Connector, Options


class Connection(BaseModel):
    host: str = "h"
    port: int = 1
    password: SecretStr = SecretStr("")


class ShopOptions(Options):
    connection: Connection = Connection()
    hosts: list[Connection] = []


class Shop(Connector):
    name = "shop"
    Options = ShopOptions
    capabilities = frozenset({"tables"})

    def validate_connection(self):
        raise AssertionError("planning touches no source")

    open = None

    def open(self, requests):
        raise AssertionError("planning touches no source")


class Plain(Shop):
    name = "plain"
    capabilities = frozenset()


class Cursor(Shop):
    name = "cursor"
    capabilities = frozenset({"tables", "incremental"})


class Files(Shop):
    name = "files"
    capabilities = frozenset({"tables", "ledger"})


@hookimpl
def register_connectors(register):
    register(Shop)
    register(Plain)
    register(Cursor)
    register(Files)
"""


@pytest.fixture
def project(tmp_path, engine_session):
    def written(sources, settings="", pipelines=""):
        (tmp_path / "lake_plugins.py").write_text(PLUGIN, encoding="utf-8")
        return make(tmp_path, engine_session, pipelines, sources, settings=settings)

    return written


def plans(planning, *names, tables=()):
    return plan_extraction(planning.project, planning.manager, names or planning.project.sources, tables)


def problems(planning, *names, tables=()):
    with pytest.raises(ConfigurationError) as caught:
        plans(planning, *names, tables=tables)
    return list(caught.value.problems)


def test_what_a_table_leaves_out_comes_from_its_source_and_then_from_the_settings(project):
    sources = """
    sources:
      - name: a
        type: shop
        tables: [clientes, {name: "ventas_*", extract: {batch_size: 10}}]
        extract: {batch_size: 20}
      - {name: b, type: shop}
    """
    a, b = plans(project(sources, "extract: {batch_size: 30, mode: full}"))
    assert [(table.name, table.mode, table.batch_size) for table in a.tables] == [("clientes", "full", 20), ("ventas_*", "full", 10)]
    assert [(table.name, table.mode, table.batch_size) for table in b.tables] == [("*", "full", 30)]
    assert a.connector.name == "shop"
    assert a.options.connection.host == "h"


def test_secrets_among_the_options_are_masked_from_then_on(project):
    sources = "sources:\n  - {name: a, type: shop, connection: {password: geheim99}, hosts: [{password: tiefgeheim}]}\n"
    planning = project(sources)
    loaded = planning.project
    plan_extraction(loaded, planning.manager, ["a"])
    assert loaded.redactor.redact("geheim99 tiefgeheim offen") == "*** *** offen"


@pytest.mark.parametrize(
    ("sources", "settings", "file", "line"),
    [
        ("sources:\n  - name: a\n    type: shop\n    extract:\n      mode: incremental\n", "", FILE, 5),
        ("sources:\n  - name: a\n    type: shop\n    tables:\n      - name: t\n        extract: {mode: incremental}\n", "", FILE, 6),
        ("sources:\n  - name: a\n    type: shop\n", "extract:\n  mode: incremental\n", "config/settings.yaml", 2),
    ],
)
def test_incremental_is_refused_where_it_stands_and_never_taken_for_full(project, sources, settings, file, line):
    planning = project(sources, settings)
    (problem,) = problems(planning)
    assert (problem.code, problem.file, problem.line) == ("unsupported_mode", file, line)
    assert "cannot extract incrementally" in problem.message
    assert problem in planning.validate()[0]


def test_a_key_column_alone_is_full(project):
    (plan,) = plans(project("sources:\n  - {name: a, type: shop, extract: {key_column: updated_at}}\n"))
    assert (plan.tables[0].mode, plan.tables[0].key_column) == ("full", "updated_at")


@pytest.mark.parametrize(
    ("kind", "extract", "mode"),
    [
        ("cursor", "", "full"),
        ("cursor", "key_column: id", "incremental"),
        ("cursor", "key_column: id, mode: full", "full"),
        ("cursor", "key_column: id, mode: incremental", "incremental"),
        ("files", "", "incremental"),
        ("files", "mode: full", "full"),
        ("files", "mode: incremental", "incremental"),
    ],
)
def test_the_mode_follows_from_what_the_connector_can(project, kind, extract, mode):
    (plan,) = plans(project(f"sources:\n  - {{name: a, type: {kind}, extract: {{{extract}}}}}\n"))
    assert plan.tables[0].mode == mode


def test_increments_by_key_need_one(project):
    planning = project("sources:\n  - name: a\n    type: cursor\n    tables: [x, y]\n    extract:\n      mode: incremental\n")
    (problem,) = problems(planning)
    assert (problem.code, problem.file, problem.line) == ("missing_key", FILE, 6)
    assert "add key_column" in problem.hint
    assert problem in planning.validate()[0]


def test_a_lookback_reaches_the_plan(project):
    sources = """
    sources:
      - {name: a, type: cursor, tables: [x, {name: y, extract: {lookback: 90}}], extract: {key_column: id, lookback: 2 days}}
    """
    (plan,) = plans(project(sources))
    assert [table.lookback for table in plan.tables] == [dt.timedelta(days=2), decimal.Decimal(90)]


@pytest.mark.parametrize("text", ["soon", "-1", "10 parsecs", "true", "'1 minute ago'"])
def test_what_is_no_lookback_is_refused_with_an_example(project, text):
    with pytest.raises(ConfigurationError) as caught:
        plans(project(f"sources:\n  - {{name: a, type: cursor, extract: {{lookback: {text}}}}}\n"))
    (problem,) = caught.value.problems
    assert "is no lookback; write a duration such as 10 minutes" in problem.message
    assert problem.line == 2


def test_options_of_the_connector_are_checked_with_their_place(project):
    sources = "sources:\n  - name: a\n    type: shop\n    conection: {}\n    connection: {port: many}\n"
    assert [(problem.line, problem.hint) for problem in problems(project(sources)) if problem.code == "unknown_key"] == [
        (4, "did you mean 'connection'?")
    ]
    assert any("port must be a whole number" in problem.message for problem in problems(project(sources)))


def test_a_connector_without_tables_takes_none(project):
    (problem,) = problems(project("sources:\n  - name: a\n    type: plain\n    tables: [x]\n"))
    assert problem.message == "source a: a source of type plain takes no 'tables:'"
    assert problem.line == 4


def test_a_source_that_is_not_there_is_named_with_the_nearest(project):
    (problem,) = problems(project("sources:\n  - {name: shop, type: shop}\n"), "shpo")
    assert problem.hint == "did you mean 'shop'?"


def test_a_table_that_no_source_lists(project):
    planning = project("sources:\n  - {name: a, type: shop, tables: [clientes, pedidos]}\n")
    (problem,) = problems(planning, tables=["client"])
    assert problem.hint == "did you mean 'clientes'?"
    assert len(plans(planning, tables=["pedidos"])) == 1


def test_missing_variables_of_one_source_do_not_stop_another(project, monkeypatch):
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    sources = """
    sources:
      - {name: a, type: shop, connection: {password: "${SHOP_PASSWORD}", port: "${SHOP_PORT}"}}
      - {name: b, type: shop}
    """
    planning = project(sources)
    assert len(plans(planning, "b")) == 1
    found = problems(planning, "a")
    assert [problem.code for problem in found] == ["missing_variable", "missing_variable"]
    assert "SHOP_PASSWORD" in found[0].message
    assert "SHOP_PORT" in found[1].message
    assert planning.validate()[0] == found


def test_a_connector_that_is_not_installed_is_one_finding_with_the_install_line(project):
    sources = """
    sources:
      - {name: a, type: api, connection: {host: h, nonsense: 1}, tables: [x], extract: {mode: incremental}}
      - {name: b, type: sftp, path: "/x/*.csv", whatever: 2}
      - {name: c, type: sftp, enabled: false}
    """
    found, _ = project(sources).validate()
    assert [(problem.line, problem.hint) for problem in found] == [
        (3, "pip install ducklake-connector-api"),
        (4, "pip install ducklake-connector-sftp"),
    ]


def test_validate_reports_sources_and_pipelines_together_in_the_order_of_the_files(project):
    sources = "sources:\n  - {name: shop, type: shop, extract: {mode: incremental}}\n  - {name: b, type: nosuch}\n"
    found, notes = project(sources, pipelines=pipeline("- {type: filtr}")).validate()
    assert [problem.file for problem in found] == [FILE, FILE, "config/pipelines.yaml"]
    assert notes == []


def test_what_is_disabled_is_not_looked_at(project):
    text = pipeline("- {type: filtr}").replace("  - name: p\n", "  - name: p\n    enabled: false\n")
    assert project("sources:\n  - {name: b, type: nosuch, enabled: false}\n", pipelines=text).validate() == ([], [])
