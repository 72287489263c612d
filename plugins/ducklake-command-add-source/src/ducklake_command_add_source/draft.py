"""A source that is being put together: its options, its secrets, and what the files would then hold."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ducklake import Lake
from ducklake_command_add_source import variables
from ducklake_command_add_source.document import as_text, with_source
from ducklake_command_add_source.files import Change, File
from ducklake_command_add_source.shape import Place, Shape

SOURCES = "config/sources.yaml"
ENV = ".env"


@dataclasses.dataclass
class Draft:
    """What is known of the new source so far.

    Attributes:
        root: The project's folder.
        sources: sources.yaml as it was read.
        env: `.env` as it was read.
        name: The source's name.
        kind: Its type.
        shape: That type's options.
        options: Its options, without secrets that are to be kept in `.env`.
        secrets: Those, by where they belong.
        core: Keys that are core's: `description`, `tables`, `extract`.
    """

    root: Path
    sources: File
    env: File
    name: str
    kind: str
    shape: Shape
    options: dict[str, Any]
    secrets: dict[Place, str] = dataclasses.field(default_factory=dict, repr=False)
    core: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        """The secrets by the names under which `.env` is to have them."""
        return {name: self.secrets[place] for place, name in self._names().items()}

    @property
    def block(self) -> dict[str, Any]:
        """The source, as it is to stand in sources.yaml."""
        options = _copy(self.options)
        for place, name in self._names().items():
            self.shape.put(options, place, f"${{{name}}}")
        head = {key: value for key, value in self.core.items() if key not in ("tables", "extract")}
        tail = {key: self.core[key] for key in ("tables", "extract") if self.core.get(key)}
        return {"name": self.name, "type": self.kind, **head, **self.shape.ordered(options), **tail}

    @property
    def yaml(self) -> str:
        """The source as an entry of the list."""
        return as_text(self.block)

    def texts(self) -> dict[str, str]:
        """What the files would hold."""
        env, known = self.env.text, variables.read(self.env.text)
        for name, value in self.variables.items():
            if name not in known:
                env = variables.with_variable(env, name, value)
        return {SOURCES: with_source(self.sources.text, self.block, SOURCES), ENV: env}

    def trial(self) -> Lake:
        """The lake as it would be; nothing is written."""
        return Lake(self.root, texts=self.texts())

    def changes(self) -> list[Change]:
        """The files to replace, in the order in which a crash between them leaves a project that works: the password first."""
        texts = self.texts()
        env = [Change(self.env, texts[ENV], 0o600)] if texts[ENV] != self.env.text else []
        return [*env, Change(self.sources, texts[SOURCES])]

    def _names(self) -> dict[Place, str]:
        """The variable of each secret; two secrets of one source never share a name."""
        found: dict[Place, str] = {}
        file = variables.read(self.env.text)
        for place, value in self.secrets.items():
            name = variables.choose(self.name, place[-1], value, file, os.environ)
            found[place] = name
            file[name] = value
        return found


def _copy(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in options.items()}
