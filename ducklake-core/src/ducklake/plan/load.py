"""Steps and checks of pipelines as objects: each plugin's options validated, each plugin asked what it reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ducklake.api.tables import TableRef
from ducklake.config.validation import check_model
from ducklake.errors import ConfigurationError, PluginError, Problem
from ducklake.plan.model import PlannedCheck
from ducklake.plan.problems import step_problem

if TYPE_CHECKING:
    from ducklake.api.options import Options
    from ducklake.api.quality import QualityCheck
    from ducklake.api.transform import AnyTransform
    from ducklake.config.models import PipelineConfig
    from ducklake.config.node import Node
    from ducklake.plugins.info import PluginInfo
    from ducklake.plugins.manager import PluginManager
    from ducklake.plugins.registry import Registered

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class LoadedStep:
    """A step, ready to compile.

    Attributes:
        number: Its place, from 1.
        type: The word behind `type:`.
        transform: The plugin's object.
        reads: Tables of the lake that it names.
        plugin: Who brought it.
        node: Its block.
    """

    number: int
    type: str
    transform: AnyTransform
    reads: tuple[TableRef, ...]
    plugin: PluginInfo
    node: Node

    @property
    def name(self) -> str:
        """What it is called in SQL."""
        return f"step_{self.number}_{self.type}"


@dataclasses.dataclass(frozen=True, slots=True)
class LoadedCheck:
    """A check, ready to run.

    Attributes:
        planned: Its part of the plan.
        check: The plugin's object.
        plugin: Who brought it.
        node: Its block.
    """

    planned: PlannedCheck
    check: QualityCheck[Any]
    plugin: PluginInfo
    node: Node


@dataclasses.dataclass(frozen=True, slots=True)
class LoadedPipeline:
    """A pipeline whose plugins were asked all that needs no columns.

    Attributes:
        config: Its configuration.
        destination: The table that it publishes.
        steps: Those without a problem.
        checks: Those without a problem.
        problems: What is wrong so far; a pipeline with any cannot be compiled.
    """

    config: PipelineConfig
    destination: TableRef
    steps: tuple[LoadedStep, ...]
    checks: tuple[LoadedCheck, ...]
    problems: tuple[Problem, ...]

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.config.name

    @property
    def reads(self) -> tuple[TableRef, ...]:
        """Every table that it reads, each once, in order of appearance."""
        sources = [TableRef(entry.layer, entry.domain, entry.table) for entry in self.config.inputs]
        return tuple(dict.fromkeys([*sources, *(ref for step in self.steps for ref in step.reads)]))


def load_pipeline(config: PipelineConfig, manager: PluginManager) -> LoadedPipeline:
    """Make the objects of a pipeline's steps and checks.

    Args:
        config: The pipeline.
        manager: The plugins.
    """
    problems: list[Problem] = list(config.missing)
    place = TableRef(config.destination.layer, config.destination.domain, config.destination.table)
    _registered(lambda: manager.writer(config.destination.format), config.node, problems, "destination", "format")
    steps = [step for number in range(1, len(config.transforms) + 1) if (step := _step(config, number, manager, problems))]
    checks = [check for number in range(1, len(config.quality_checks) + 1) if (check := _check(config, number, manager, problems))]
    return LoadedPipeline(config, place, tuple(steps), tuple(checks), tuple(problems))


def load_step(config: PipelineConfig, number: int, manager: PluginManager) -> LoadedStep:
    """One step, for the executor.

    Args:
        config: The pipeline.
        number: The step's place, from 1.
        manager: The plugins.

    Raises:
        ConfigurationError: It has become wrong since it was planned.
    """
    problems: list[Problem] = []
    step = _step(config, number, manager, problems)
    if step is None:
        raise ConfigurationError(problems=problems)
    return step


def load_checks(config: PipelineConfig, manager: PluginManager) -> list[LoadedCheck]:
    """A pipeline's checks, for the executor.

    Args:
        config: The pipeline.
        manager: The plugins.

    Raises:
        ConfigurationError: One has become wrong since it was planned.
    """
    problems: list[Problem] = []
    found = [_check(config, number, manager, problems) for number in range(1, len(config.quality_checks) + 1)]
    if problems:
        raise ConfigurationError(problems=problems)
    return [check for check in found if check is not None]


def _step(config: PipelineConfig, number: int, manager: PluginManager, problems: list[Problem]) -> LoadedStep | None:
    block = config.transforms[number - 1]
    registered = _registered(lambda: manager.transform(block.type), block.node, problems, "type")
    made = registered and _made(registered, block.options, problems, lambda transform: tuple(transform.reads()))
    return LoadedStep(number, block.type, *made, registered.plugin, block.node) if registered and made else None


def _check(config: PipelineConfig, number: int, manager: PluginManager, problems: list[Problem]) -> LoadedCheck | None:
    block = config.quality_checks[number - 1]
    registered = _registered(lambda: manager.check(block.type), block.node, problems, "type")
    made = registered and _made(registered, block.options, problems, lambda check: tuple(check.columns()))
    if not registered or not made:
        return None
    check, columns = made
    planned = PlannedCheck(number, registered.cls.name, columns, block.severity, block.max_failures, block.max_fraction)
    return LoadedCheck(planned, check, registered.plugin, block.node)


def _registered(find: Callable[[], T], node: Node, problems: list[Problem], *path: str) -> T | None:
    """What `find` finds among the plugins, or a problem at the place that asks for it."""
    try:
        return find()
    except PluginError as error:
        problems.extend(node.problem(found.code, found.message, *path, hint=found.hint) for found in error.problems)
        return None


def _made(registered: Registered[Any], options: Node, problems: list[Problem], ask: Callable[[Any], T]) -> tuple[Any, T] | None:
    """A plugin's object of its options, and its answer; None with a problem if either fails."""
    valid = valid_options(registered, options, problems)
    if valid is None:
        return None
    try:
        made = registered.cls(valid)
        return made, ask(made)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise anything, also SystemExit
        problems.append(step_problem(options, error, registered.plugin))
        return None


def valid_options(registered: Registered[Any], options: Node, problems: list[Problem]) -> Options | None:
    """A plugin's options as its own model; None if they are wrong or hang on what is missing.

    Args:
        registered: The plugin's class.
        options: The block without core's keys.
        problems: Takes what is wrong.
    """
    try:
        valid, found = check_model(registered.cls.Options, options)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a validator of the plugin may raise anything
        problems.append(step_problem(options, error, registered.plugin))
        return None
    problems.extend(found)
    return None if found else valid
