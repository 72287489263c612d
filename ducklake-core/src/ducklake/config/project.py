"""A project's configuration as a whole: found, read, validated, every problem reported at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from ducklake.config.base import Block
from ducklake.config.loader import load_yaml, parse_yaml
from ducklake.config.models import PipelineConfig, Settings, SourceConfig
from ducklake.config.node import Node
from ducklake.config.redaction import Redactor
from ducklake.config.references import Environment, SecretResolver, resolve
from ducklake.config.validation import check_model
from ducklake.errors import ConfigurationError, Problem, did_you_mean

BlockT = TypeVar("BlockT", SourceConfig, PipelineConfig)

SOURCES = "config/sources.yaml"
PIPELINES = "config/pipelines.yaml"
SETTINGS = "config/settings.yaml"


@dataclasses.dataclass(frozen=True, slots=True)
class Project:
    """A lake's configuration.

    Attributes:
        root: The folder that holds `config/`, absolute.
        settings: settings.yaml, with defaults.
        sources: By name, in the file's order.
        pipelines: By name, in the file's order.
        redactor: Masks every secret of this configuration.
        environment: What references were resolved with.
        settings_node: settings.yaml with its places.
    """

    root: Path
    settings: Settings
    sources: dict[str, SourceConfig]
    pipelines: dict[str, PipelineConfig]
    redactor: Redactor
    environment: Environment
    settings_node: Node

    @property
    def data(self) -> Path:
        """The folder of the lake's files, absolute."""
        return self.root / Path(self.settings.data_path).expanduser()


def find_project(start: Path) -> Path:
    """The nearest folder, from `start` upwards, that holds `config/sources.yaml`.

    Args:
        start: A folder.

    Raises:
        ConfigurationError: There is none.
    """
    start = start.expanduser().absolute()
    for folder in (start, *start.parents):
        if (folder / SOURCES).is_file():
            return folder
    message = f"{start}: no lake here or in a folder above (none holds {SOURCES})"
    raise ConfigurationError(message, code="no_project", hint="make one with: ducklake init NAME")


def load_project(root: Path, secrets: Callable[[Settings], SecretResolver | None] | None = None) -> Project:
    """Read the three files and validate core's keys.

    References that cannot be resolved are kept in `missing` of their block, so that a variable of one source
    does not stop another; in settings.yaml, in a name, or where a block makes no sense without, they raise.

    Args:
        root: The folder that holds `config/`.
        secrets: Makes what answers `${secret:...}`, once the settings are known.

    Raises:
        ConfigurationError: Every problem of all files.
    """
    project, problems = read_project(root, secrets)
    if problems:
        raise ConfigurationError(problems=problems)
    return project


def read_project(
    root: Path, secrets: Callable[[Settings], SecretResolver | None] | None = None, texts: Mapping[str, str] | None = None
) -> tuple[Project, list[Problem]]:
    """As `load_project`, with what is right and what is wrong side by side, for whoever reports all at once.

    Args:
        root: The folder that holds `config/`.
        secrets: Makes what answers `${secret:...}`, once the settings are known.
        texts: What counts instead of what some files hold, by their names in messages.

    Returns:
        The project without the blocks that make no sense, and every problem.

    Raises:
        ConfigurationError: There is no project.
    """
    root = root.expanduser().absolute()
    if not (root / SOURCES).is_file():
        raise ConfigurationError(f"{root}: no lake here, {SOURCES} is missing", code="no_project", hint="make one with: ducklake init NAME")
    texts = texts or {}
    environment = Environment.load(root, text=texts.get(".env"))
    problems: list[Problem] = []
    settings_node = _read(root, SETTINGS, problems, texts)
    settings, settings_node = _settings(settings_node, environment, problems)
    if secrets is not None and not problems:
        environment = dataclasses.replace(environment, secrets=_when_needed(secrets, settings))
    sources = _blocks(SourceConfig, _read(root, SOURCES, problems, texts), "sources", environment, problems)
    pipelines = _blocks(PipelineConfig, _read(root, PIPELINES, problems, texts), "pipelines", environment, problems)
    return Project(root, settings, sources, pipelines, environment.redactor, environment, settings_node), sorted(problems, key=_order)


def _order(problem: Problem) -> tuple[int, int, int]:
    files = (".env", SETTINGS, SOURCES, PIPELINES)
    return files.index(problem.file) if problem.file in files else len(files), problem.line or 0, problem.column or 0


def _when_needed(secrets: Callable[[Settings], SecretResolver | None], settings: Settings) -> SecretResolver:
    """Ask for the resolver at the first reference to a secret: most projects have none."""
    made: list[SecretResolver | None] = []

    def look_up(reference: str) -> str | None:
        if not made:
            made.append(secrets(settings))
        return made[0](reference) if made[0] else None

    return look_up


def _read(root: Path, name: str, problems: list[Problem], texts: Mapping[str, str]) -> Node:
    path = root / name
    try:
        if name in texts:
            return parse_yaml(texts[name], name)
        return load_yaml(path, name) if path.exists() else Node({}, name)
    except ConfigurationError as error:
        problems.extend(error.problems)
        return Node({}, name)


def _settings(node: Node, environment: Environment, problems: list[Problem]) -> tuple[Settings, Node]:
    node, missing = resolve(node, environment)
    settings, found = check_model(Settings, node)
    problems += [*missing, *found]
    return settings or Settings(), node


def _blocks(model: type[BlockT], document: Node, key: str, environment: Environment, problems: list[Problem]) -> dict[str, BlockT]:
    for other in document.value:
        if other != key:
            problems.append(document.problem("unknown_key", f"unknown key '{other}'", other, hint=did_you_mean(other, [key], "keys")))
    entries = document.at(key).value or []
    if not isinstance(entries, list):
        problems.append(document.problem("invalid_value", f"{key} must be a list", key, hint=f"write '- name: ...' under '{key}:'"))
        return {}
    blocks: dict[str, BlockT] = {}
    taken: dict[str, BlockT] = {}
    for index, entry in enumerate(entries):
        name = entry.get("name") if isinstance(entry, dict) else None
        label = f"{key[:-1]} {name if isinstance(name, str) else index + 1}"
        block = _block(model, document.at(key, index).named(label), environment, problems)
        if block is None:
            continue
        first = taken.setdefault(block.name.casefold(), block)
        if first is not block:
            line = first.node.position("name")[0]
            problems.append(
                block.node.problem("duplicate_name", f"the name is taken, see line {line}", "name", hint="names differ in more than case")
            )
        blocks.setdefault(block.name, block)
    return blocks


def _block(model: type[BlockT], node: Node, environment: Environment, problems: list[Problem]) -> BlockT | None:
    node, missing = resolve(node, environment, mask=model is SourceConfig)
    block, found = check_model(model, node)
    problems.extend(found)
    if block is None and missing and not found:
        block, _ = check_model(model, _pruned(node))
    if missing and not found and (block is None or _unresolved(node, ("name", "type"))):
        problems.extend(missing)
        return None
    if block is None:
        return None
    if isinstance(block, PipelineConfig):
        _attach(block.transforms, node, "transforms", "step")
        _attach(block.quality_checks, node, "quality_checks", "check")
    return block.attach(node)


def _attach(blocks: Iterable[Block], node: Node, key: str, word: str) -> None:
    for index, block in enumerate(blocks):
        below = node.at(key, index)
        block.attach(below.named(f"{node.label}, {word} {index + 1} ({below.at('type').value})"))


def _unresolved(node: Node, keys: Iterable[str]) -> bool:
    return any(node.references.get((*node.path, key)) for key in keys)


def _pruned(node: Node) -> Node:
    """The node without the values that hang on unresolved references, so that defaults take their place."""
    unresolved = {path[len(node.path) :] for path, problems in node.references.items() if problems}

    def prune(value: object, path: tuple[str | int, ...]) -> object:
        if isinstance(value, dict):
            return {key: prune(item, (*path, key)) for key, item in value.items() if (*path, key) not in unresolved}
        if isinstance(value, list):
            return [prune(item, (*path, index)) for index, item in enumerate(value) if (*path, index) not in unresolved]
        return value

    return dataclasses.replace(node, value=prune(node.value, ()))
