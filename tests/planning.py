"""Planning without sources and files: a configuration, what the lake would know, and an engine."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping
from pathlib import Path

from ducklake.api import Column, EngineSession, Schema, TableRef, TableStatistics
from ducklake.config.project import Project, load_project
from ducklake.errors import ConfigurationError, Problem
from ducklake.plan.builder import Planner
from ducklake.plan.model import PipelinePlan, TableFacts
from ducklake.plan.validate import validate_project
from ducklake.plugins.manager import PluginManager

CLIENTES = "cli_id BIGINT, cli_nom VARCHAR, fecha_alta VARCHAR, activo INTEGER, estado VARCHAR, _ingestion_timestamp TIMESTAMP"
SOURCES = "sources:\n  - {name: shop, type: sqlite, connection: {database: shop.db}}\n"


@dataclasses.dataclass(frozen=True)
class Planning:
    """A project in a folder, and tables that the lake is said to have.

    Attributes:
        folder: Of the project.
        session: Of the engine.
        facts: The tables.
    """

    folder: Path
    session: EngineSession
    facts: dict[TableRef, TableFacts]

    @property
    def project(self) -> Project:
        return load_project(self.folder)

    @property
    def manager(self) -> PluginManager:
        project = self.project
        return PluginManager(project.settings.plugins, project.root)

    def plans(self, *names: str) -> list[PipelinePlan]:
        """Plans of these pipelines; of all if none is named."""
        project = self.project
        return Planner(project, self.manager).plan(names or list(project.pipelines), self.facts, self.session)

    def plan(self, name: str | None = None) -> PipelinePlan:
        """The plan of one pipeline; of the last if none is named."""
        return (self.plans(name) if name else self.plans())[-1]

    def problems(self, *names: str) -> list[Problem]:
        """What is wrong with pipelines that cannot be planned."""
        try:
            self.plans(*names)
        except ConfigurationError as error:
            return list(error.problems)
        raise AssertionError("nothing is wrong")

    def problem(self) -> Problem:
        """The only problem."""
        (problem,) = self.problems()
        return problem

    def validate(self) -> tuple[list[Problem], list[str]]:
        """What `ducklake validate` says."""
        return validate_project(self.project, self.manager, self.facts, self.session)


def make(
    folder: Path,
    session: EngineSession,
    pipelines: str = "",
    sources: str = SOURCES,
    tables: Mapping[str, str] | None = None,
    settings: str = "",
) -> Planning:
    """A project.

    Args:
        folder: An empty one.
        session: Of the engine.
        pipelines: pipelines.yaml.
        sources: sources.yaml.
        tables: `layer.domain.table` to columns as in CREATE TABLE; by default `raw.shop.clientes`.
        settings: settings.yaml.
    """
    (folder / "config").mkdir(parents=True, exist_ok=True)
    for name, text in (("sources", sources), ("pipelines", pipelines), ("settings", settings)):
        (folder / f"config/{name}.yaml").write_text(textwrap.dedent(text), encoding="utf-8")
    facts = {}
    for number, (ref, columns) in enumerate((tables if tables is not None else {"raw.shop.clientes": CLIENTES}).items()):
        session.fetch(f"CREATE OR REPLACE TABLE fact_{number} ({columns})")
        described = session.describe(f"SELECT * FROM fact_{number}")
        schema = Schema(tuple(Column(column.name, column.type) for column in described))
        facts[TableRef.parse(ref)] = TableFacts(schema, TableStatistics(rows=10))
    return Planning(folder, session, facts)


def pipeline(
    steps: str = "[]", checks: str = "[]", name: str = "p", source: str = "raw.shop.clientes", destination: str = "staging.ventas.clientes"
) -> str:
    """A pipelines.yaml of one pipeline, in which `transforms` begins at line 5.

    Args:
        steps: The value of `transforms`, without indentation.
        checks: The value of `quality_checks`, without indentation.
        name: The pipeline's.
        source: What it reads.
        destination: What it publishes.
    """
    read, written = source.split(".", 2), destination.split(".", 2)
    lines = [
        "pipelines:",
        f"  - name: {name}",
        f"    source: {{layer: {read[0]}, domain: {read[1]}, table: {read[2]}}}",
        f"    destination: {{layer: {written[0]}, domain: {written[1]}, table: {written[2]}}}",
        *_entry("transforms", steps),
        *_entry("quality_checks", checks),
    ]
    return "\n".join(lines) + "\n"


def _entry(key: str, value: str) -> list[str]:
    value = textwrap.dedent(value).strip("\n")
    return [f"    {key}: {value}"] if value.startswith("[") else [f"    {key}:", *textwrap.indent(value, "      ").splitlines()]
