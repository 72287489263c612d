"""Everything that can be said about a configuration without touching a source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake.api.engine import EngineSession
from ducklake.errors import Problem
from ducklake.plan.binder import Facts
from ducklake.plan.builder import Planner
from ducklake.plan.extraction import plan_source

if TYPE_CHECKING:
    from ducklake.config.project import Project
    from ducklake.plugins.info import PluginInfo
    from ducklake.plugins.manager import PluginManager


def validate_project(project: Project, manager: PluginManager, facts: Facts, session: EngineSession) -> tuple[list[Problem], list[str]]:
    """Look at every source and pipeline that is not disabled.

    Args:
        project: The configuration.
        manager: The plugins.
        facts: What is known of the lake's tables.
        session: Of the engine; nothing is read in it.

    Returns:
        What is wrong, in the order of files and lines, and remarks.
    """
    problems: list[Problem] = list(manager.required_problems())
    for source in project.sources.values():
        if source.enabled:
            plan_source(project, manager, source, problems)
    planner = Planner(project, manager)
    enabled = [name for name, pipeline in planner.pipelines.items() if pipeline.config.enabled]
    plans, found = planner.attempt(enabled, facts, session)
    everything = dict.fromkeys([*problems, *found])
    notes = [f"{plugin.title} is broken and gives nothing: {plugin.error}" for plugin in manager.all_plugins() if _broken_local(plugin)]
    return sorted(everything, key=_place), [*notes, *(note for plan in plans for note in plan.notes)]


def _broken_local(plugin: PluginInfo) -> bool:
    """lake_plugins.py has no name that anybody asks for, so that its failure would stay unseen."""
    return plugin.kind == "local" and plugin.status == "broken"


def _place(problem: Problem) -> tuple[int, str, int]:
    files = ("config/sources.yaml", "config/pipelines.yaml", "config/settings.yaml")
    known = files.index(problem.file) if problem.file in files else len(files)
    return (known, problem.file or "", problem.line or 0)
