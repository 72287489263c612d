"""Which pipeline needs which, and what is known of a table before it is there."""

import pytest

from ducklake.api import TableRef
from ducklake.plan.builder import Planner
from ducklake.plan.graph import build_graph
from ducklake.plan.load import load_pipeline
from planning import make, pipeline


def chain(*pairs):
    """A pipelines.yaml in which each pipeline publishes staging.v.NAME; pairs are NAME and what it reads."""
    texts = [pipeline(name=name, source=source, destination=f"staging.v.{name}").removeprefix("pipelines:\n") for name, source in pairs]
    return "pipelines:\n" + "".join(texts)


def test_pipelines_are_ordered_by_the_tables_they_read(tmp_path, engine_session):
    text = chain(("c", "staging.v.b"), ("b", "staging.v.a"), ("a", "raw.shop.clientes"))
    plans = make(tmp_path, engine_session, text).plans()
    assert [plan.pipeline for plan in plans] == ["a", "b", "c"]
    assert [plan.upstream for plan in plans] == [(), ("a",), ("b",)]
    assert plans[2].schema == plans[0].schema


def test_tables_that_sql_steps_name_are_dependencies_and_depends_on_adds_to_them(tmp_path, engine_session):
    text = chain(("b", "raw.shop.clientes"), ("a", "raw.shop.clientes"), ("z", "raw.shop.clientes"))
    step = "transforms:\n      - {type: sql, query: SELECT * FROM staging.v.a}"
    text = text.replace("transforms: []", step, 1) + "    depends_on: []\n"
    text = text.replace("table: b}\n", "table: b}\n    depends_on: [z]\n")
    planning = make(tmp_path, engine_session, text)
    assert [plan.pipeline for plan in planning.plans()] == ["a", "z", "b"]
    assert planning.plan("b").upstream == ("a", "z")
    assert planning.plan("b").unbound == (TableRef("staging", "v", "a"),)


def test_upstream_is_all_of_it_and_nothing_else(tmp_path, engine_session):
    text = chain(("c", "staging.v.b"), ("b", "staging.v.a"), ("a", "raw.shop.clientes"), ("other", "raw.shop.clientes"))
    planning = make(tmp_path, engine_session, text)
    loaded = {name: load_pipeline(config, planning.manager) for name, config in planning.project.pipelines.items()}
    assert build_graph(loaded).with_upstream(["c"]) == ["a", "b", "c"]
    planner = Planner(planning.project, planning.manager)
    assert planner.select(["c"]) == ["c"]
    assert planner.select(["b"], with_upstream=True) == ["a", "b"]
    assert set(planner.select(everything=True)) == {"a", "b", "c", "other"}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("a", "staging.v.b"), ("b", "staging.v.a")], "pipeline a: circular pipelines: a -> b -> a"),
        (
            [("x", "raw.shop.clientes"), ("c", "staging.v.b"), ("b", "staging.v.a"), ("a", "staging.v.c")],
            "circular pipelines: c -> a -> b -> c",
        ),
        ([("a", "staging.v.a")], "pipeline a: circular pipelines: it reads what it publishes (a -> a)"),
    ],
)
def test_circular_pipelines_are_named_in_the_direction_of_the_data(tmp_path, engine_session, pairs, message):
    problem = make(tmp_path, engine_session, chain(*pairs)).problem()
    assert message in problem.message
    assert problem.code == "cycle"
    assert problem.file == "config/pipelines.yaml"
    assert problem.line


def test_every_circle_is_found(tmp_path, engine_session):
    text = chain(("a", "staging.v.b"), ("b", "staging.v.a"), ("c", "staging.v.d"), ("d", "staging.v.c"), ("ok", "raw.shop.clientes"))
    planning = make(tmp_path, engine_session, text)
    assert [problem.code for problem in planning.problems()] == ["cycle", "cycle"]
    assert len(planning.plans("ok")) == 1


def test_two_pipelines_cannot_publish_one_table(tmp_path, engine_session):
    text = chain(("a", "raw.shop.clientes"), ("b", "raw.shop.clientes")).replace("table: b}", "table: A}")
    problem = make(tmp_path, engine_session, text).problem()
    assert problem.message == "pipeline b: it publishes staging.v.A, which pipeline 'a' publishes too"


def test_depends_on_names_pipelines(tmp_path, engine_session):
    text = chain(("clientes", "raw.shop.clientes"), ("b", "raw.shop.clientes")) + "    depends_on: [client]\n"
    problem = make(tmp_path, engine_session, text).problem()
    assert (problem.message, problem.hint) == ("pipeline b: no pipeline 'client'", "did you mean 'clientes'?")


def test_a_table_that_was_never_extracted_is_a_note_and_no_error(tmp_path, engine_session):
    text = chain(("a", "raw.shop.pedidos"), ("b", "staging.v.a"))
    first, second = make(tmp_path, engine_session, text).plans()
    assert first.unbound == (TableRef("raw", "shop", "pedidos"),)
    assert first.stages == ()
    (note,) = first.notes
    assert note.startswith("pipeline a: raw.shop.pedidos has not been extracted yet (extracted so far: clientes)")
    assert note.endswith("ducklake extract shop")
    assert second.unbound == (TableRef("staging", "v", "a"),)
    assert "comes from pipeline a, whose columns are not known yet" in second.notes[0]


def test_alone_a_pipeline_reads_what_was_published_last(tmp_path, engine_session):
    text = chain(("a", "raw.shop.clientes"), ("b", "staging.v.a"))
    planning = make(tmp_path, engine_session, text, tables={"raw.shop.clientes": "new INTEGER", "staging.v.a": "old INTEGER"})
    assert planning.plans()[1].schema.names == ("new",)
    (alone,) = planning.plans("b")
    assert alone.schema.names == ("old",)


def test_a_table_that_was_never_published_is_a_note_that_names_the_pipeline(tmp_path, engine_session):
    (plan,) = make(tmp_path, engine_session, chain(("a", "raw.shop.clientes"), ("b", "staging.v.a"))).plans("b")
    assert "staging.v.a has not been published yet" in plan.notes[0]
    assert "ducklake run a" in plan.notes[0]
