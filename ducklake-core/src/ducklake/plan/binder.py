"""Binding pipelines one after another, each against what is known of the tables that it reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from ducklake.api.engine import EngineSession
from ducklake.api.sql import quote_path
from ducklake.api.tables import Relation, Schema, TableRef, ascii_folded
from ducklake.errors import BindError, Problem, did_you_mean
from ducklake.layers.scan import LATEST, Selection
from ducklake.plan.checks import check_problems
from ducklake.plan.compiler import CompiledPipeline, compile_pipeline
from ducklake.plan.fingerprint import ingredients, volatile_parts
from ducklake.plan.graph import Graph, folded
from ducklake.plan.load import LoadedPipeline
from ducklake.plan.model import PipelinePlan, PlannedInput, TableFacts
from ducklake.plan.problems import name_problem
from ducklake.plan.statement import select_nothing
from ducklake.plan.storable import NotStorable, storable

Facts = Mapping[TableRef, TableFacts]


class Binder:
    """Knows the tables while pipelines are bound, in dependency order.

    Args:
        pipelines: All of the project.
        graph: Their dependencies.
        sources: The names of the project's sources.
        order: The pipelines that will be bound.
        facts: What is known of the lake's tables.
        session: Of the engine.
    """

    def __init__(
        self,
        pipelines: Mapping[str, LoadedPipeline],
        graph: Graph,
        sources: Collection[str],
        order: Sequence[str],
        facts: Facts,
        session: EngineSession,
    ) -> None:
        self._pipelines = pipelines
        self._graph = graph
        self._sources = {name.casefold(): name for name in sources}
        self._session = session
        self._planned = {folded(pipelines[name].destination) for name in order}
        self._makers = {folded(pipeline.destination): name for name, pipeline in pipelines.items()}
        self._facts = dict(facts)
        self._spelled: dict[tuple[str, ...], list[TableRef]] = {}
        for ref in facts:
            self._spelled.setdefault(folded(ref), []).append(ref)
        self._defined: dict[tuple[str, ...], tuple[TableRef, str]] = {}

    def plan(self, pipeline: LoadedPipeline, problems: list[Problem]) -> PipelinePlan | None:
        """The plan of one pipeline; None if something is wrong with it.

        Args:
            pipeline: Not bound before.
            problems: Takes what is wrong.
        """
        before = len(problems)
        problems.extend(pipeline.problems)
        self._forget(pipeline.destination)
        inputs = self._inputs(pipeline, problems)
        config = pipeline.config
        line = config.node.position("name")[0]
        plan = PipelinePlan(
            pipeline=pipeline.name,
            destination=pipeline.destination,
            inputs=inputs,
            checks=tuple(check.planned for check in pipeline.checks),
            upstream=self._graph.parents[pipeline.name],
            description=config.description,
            format=config.destination.format,
            mode=config.destination.mode,
            file=config.node.file,
            line=line,
        )
        if len(problems) > before:
            return None
        unbound = tuple(dict.fromkeys(entry.ref for entry in inputs if entry.ref not in self._facts))
        if unbound:
            return dataclasses.replace(plan, unbound=unbound, notes=tuple(self._note(pipeline, ref) for ref in unbound))
        return self._bound(pipeline, plan, problems)

    def _bound(self, pipeline: LoadedPipeline, plan: PipelinePlan, problems: list[Problem]) -> PipelinePlan | None:
        try:
            compiled = self._compile(pipeline, plan.inputs)
            schema = storable(compiled.schema)
        except BindError as error:
            problems.extend(error.problems)
            return None
        except NotStorable as error:
            node = pipeline.steps[-1].node if pipeline.steps else pipeline.config.node
            problems.append(name_problem(node, "bind", str(error), error.column, None))
            return None
        if found := check_problems(pipeline.checks, schema, self._session):
            problems.extend(found)
            return None
        self._facts[pipeline.destination] = TableFacts(schema)
        self._spelled[folded(pipeline.destination)] = [pipeline.destination]
        return dataclasses.replace(
            plan,
            stages=compiled.stages,
            schema=schema,
            ingredients=ingredients(pipeline, compiled.stages),
            volatile=volatile_parts(pipeline, compiled.stages, schema),
        )

    def _compile(self, pipeline: LoadedPipeline, inputs: Sequence[PlannedInput]) -> CompiledPipeline:
        for entry in inputs:
            known = (entry.ref, entry.selection.snapshots)
            if self._defined.get(ascii_folded(entry.ref)) != known:
                self._session.define(entry.ref, select_nothing(self._columns(entry)))
                self._defined[ascii_folded(entry.ref)] = known
        relations = {entry.ref: self._relation(entry) for entry in inputs}
        sources = [dataclasses.replace(relations[entry.ref], alias=entry.alias) for entry in inputs if entry.alias is not None]
        named = {ref: relations[self._spelling(ref)] for step in pipeline.steps for ref in step.reads}
        only = inputs[0].ref if len(sources) == 1 else None
        statistics = self._facts[only].statistics if only else None
        return compile_pipeline(pipeline, sources, named, self._session, statistics, only)

    def _relation(self, entry: PlannedInput) -> Relation:
        ref = entry.ref
        return Relation(quote_path(ref.layer, ref.domain, ref.table), self._columns(entry), str(ref))

    def _columns(self, entry: PlannedInput) -> Schema:
        facts = self._facts[entry.ref]
        return (facts.all_snapshots if entry.selection != LATEST else None) or facts.schema

    def _inputs(self, pipeline: LoadedPipeline, problems: list[Problem]) -> tuple[PlannedInput, ...]:
        """What it reads; a table that nothing makes is a problem."""
        inputs: list[PlannedInput] = []
        for index, entry in enumerate(pipeline.config.inputs):
            ref = self._spelling(TableRef(entry.layer, entry.domain, entry.table))
            self._require_maker(ref, pipeline, None, pipeline.config.input_path(index), problems)
            selection = Selection(entry.snapshots, entry.first, entry.last)
            other = next((known for known in inputs if known.ref == ref and known.selection != selection), None)
            if other is not None:
                message = (
                    f"{ref} is read twice, once as {other.selection} and once as {selection}; only one of them is possible in a pipeline"
                )
                problems.append(pipeline.config.node.problem("invalid_value", message, *pipeline.config.input_path(index), "snapshots"))
            inputs.append(PlannedInput(ref, entry.alias or entry.table, selection))
        for place, step in enumerate(pipeline.steps):
            for written in step.reads:
                ref = self._spelling(written)
                self._require_maker(ref, pipeline, place, (), problems)
                if all(known.ref != ref for known in inputs):
                    inputs.append(PlannedInput(ref))
        alike: dict[tuple[str, ...], TableRef] = {}
        for planned in inputs:
            first = alike.setdefault(ascii_folded(planned.ref), planned.ref)
            if first != planned.ref:
                message = f"SQL cannot tell {first} and {planned.ref} apart, whose names differ in case only"
                problems.append(pipeline.config.node.problem("bind", message, hint="read them in different pipelines"))
        return tuple(inputs)

    def _spelling(self, ref: TableRef) -> TableRef:
        """The table as it is really spelled: SQL compares names without case."""
        if ref in self._facts:
            return ref
        maker = self._makers.get(folded(ref))
        return self._pipelines[maker].destination if maker else self._spelled.get(folded(ref), [ref])[0]

    def _forget(self, ref: TableRef) -> None:
        """What is published now says nothing about what will be published once the pipeline has run."""
        for known in self._spelled.pop(folded(ref), ()):
            del self._facts[known]
            self._defined.pop(ascii_folded(known), None)

    def _require_maker(
        self, ref: TableRef, pipeline: LoadedPipeline, step: int | None, path: tuple[str | int, ...], problems: list[Problem]
    ) -> None:
        if ref in self._facts or folded(ref) in self._makers:
            return
        if ref.layer == "raw":
            if ref.domain.casefold() in self._sources:
                return
            code, message, name = "unknown_source", f"no source {ref.domain!r}", ref.domain
            hint = did_you_mean(ref.domain, self._sources.values(), "sources")
        else:
            known = [str(other.destination) for other in self._pipelines.values()]
            code, message, name = "unknown_table", f"no pipeline publishes {ref}", ref.table
            hint = did_you_mean(str(ref), known, "tables")
        if step is None:
            key = "domain" if ref.layer == "raw" else "table"
            problems.append(pipeline.config.node.problem(code, message, *path, key, hint=hint))
        else:
            problems.append(name_problem(pipeline.steps[step].node, code, message, name, hint))

    def _note(self, pipeline: LoadedPipeline, ref: TableRef) -> str:
        maker = self._makers.get(folded(ref))
        if ref.layer == "raw" and maker is None:
            others = [known.table for known in self._facts if known.layer == "raw" and known.domain == ref.domain]
            close = did_you_mean(ref.table, others, "extracted so far") if others else None
            cause = f"{ref} has not been extracted yet{f' ({close})' if close else ''}"
            command = f"ducklake extract {ref.domain}"
        elif folded(ref) in self._planned:
            cause, command = f"{ref} comes from pipeline {maker}, whose columns are not known yet", None
        else:
            cause, command = f"{ref} has not been published yet", f"ducklake run {maker}"
        return f"pipeline {pipeline.name}: {cause}; its columns are checked once it is there{f': {command}' if command else ''}"
