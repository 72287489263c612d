"""Plans of a project's pipelines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ducklake.api.engine import EngineSession
from ducklake.errors import BindError, ConfigurationError, Problem, did_you_mean
from ducklake.plan.binder import Binder, Facts
from ducklake.plan.graph import Graph, build_graph
from ducklake.plan.load import LoadedPipeline, load_pipeline
from ducklake.plan.model import PipelinePlan
from ducklake.plan.problems import RAISED

if TYPE_CHECKING:
    from ducklake.config.project import Project
    from ducklake.plugins.manager import PluginManager


class Planner:
    """A project's pipelines, their plugins loaded once.

    Args:
        project: The configuration.
        manager: The plugins.
    """

    def __init__(self, project: Project, manager: PluginManager) -> None:
        self.project = project
        self.pipelines: dict[str, LoadedPipeline] = {name: load_pipeline(config, manager) for name, config in project.pipelines.items()}
        self.graph: Graph = build_graph(self.pipelines)

    def select(self, names: Iterable[str] = (), *, everything: bool = False, with_upstream: bool = False) -> list[str]:
        """The pipelines that a command means, in dependency order.

        Args:
            names: As typed.
            everything: All that are enabled.
            with_upstream: Also those that must run before, unless they are disabled.

        Raises:
            ConfigurationError: There is no pipeline of that name.
        """
        wanted = list(names)
        hints = {name: did_you_mean(name, self.pipelines, "pipelines") for name in wanted if name not in self.pipelines}
        if hints:
            problems = [Problem("unknown_pipeline", f"no pipeline {name!r} in config/pipelines.yaml", hint) for name, hint in hints.items()]
            raise ConfigurationError(problems=problems)
        enabled = {name for name, pipeline in self.pipelines.items() if pipeline.config.enabled}
        chosen = set(wanted) | (enabled if everything else set())
        if with_upstream:
            chosen |= enabled & set(self.graph.with_upstream(chosen))
        return self.graph.sorted(chosen)

    def plan(self, names: Iterable[str], facts: Facts, session: EngineSession) -> list[PipelinePlan]:
        """Plans in dependency order.

        Args:
            names: Pipelines; what they read of one another is taken as planned here.
            facts: What is known of the lake's tables.
            session: Of the engine; nothing is read in it.

        Raises:
            ConfigurationError: Everything that is wrong with these pipelines.
        """
        plans, problems = self.attempt(names, facts, session)
        _refuse(problems)
        return plans

    def plan_around(
        self, names: Iterable[str], facts: Facts, session: EngineSession
    ) -> tuple[list[PipelinePlan], dict[str, tuple[Problem, ...]]]:
        """As `plan`, but a pipeline whose plugin raised is only left out: its failure is no other pipeline's.

        Args:
            names: As for `plan`.
            facts: As for `plan`.
            session: As for `plan`.

        Returns:
            The plans, and what plugins raised by pipeline.

        Raises:
            ConfigurationError: Everything else that is wrong with these pipelines.
        """
        plans, problems, wrong = self._bound(names, facts, session)
        raised = {name: tuple(own) for name, own in wrong.items() if all(problem.code == RAISED for problem in own)}
        _refuse([*problems, *(problem for name, own in wrong.items() if name not in raised for problem in own)])
        return plans, raised

    def attempt(self, names: Iterable[str], facts: Facts, session: EngineSession) -> tuple[list[PipelinePlan], list[Problem]]:
        """As `plan`, with what is wrong instead of raising it.

        Args:
            names: As for `plan`.
            facts: As for `plan`.
            session: As for `plan`.
        """
        plans, problems, wrong = self._bound(names, facts, session)
        return plans, _in_order([*problems, *(problem for own in wrong.values() for problem in own)])

    def _bound(
        self, names: Iterable[str], facts: Facts, session: EngineSession
    ) -> tuple[list[PipelinePlan], list[Problem], dict[str, list[Problem]]]:
        """The plans, what is wrong with the pipelines as a whole, and what is wrong with each."""
        order = self.graph.sorted(names)
        binder = Binder(self.pipelines, self.graph, self.project.sources, order, facts, session)
        wrong: dict[str, list[Problem]] = {name: [] for name in order}
        plans = [plan for name in order if (plan := binder.plan(self.pipelines[name], wrong[name]))]
        return plans, self.graph.problems_of(order), {name: own for name, own in wrong.items() if own}


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.file or "", problem.line or 0))


def _refuse(problems: Iterable[Problem]) -> None:
    found = _in_order(problems)
    if found:
        raise ConfigurationError(problems=found) if any(p.code != "bind" for p in found) else BindError(problems=found)
