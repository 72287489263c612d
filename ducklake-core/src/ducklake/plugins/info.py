"""What is known of a plugin, and the switches that choose among them. Imports nothing heavy."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Protocol

KINDS: Mapping[str, str | None] = {
    "connector": "register_connectors",
    "transform": "register_transforms",
    "check": "register_quality_checks",
    "checks": "register_quality_checks",
    "writer": "register_writers",
    "engine": "register_engines",
    "command": "register_commands",
    "observer": None,
    "secrets": "resolve_secret",
}
"""Kinds of plugins, each with the hook that it must offer."""

LOCAL = "lake_plugins"
"""Kind and name of the in-house plugin beside `config/`."""


@dataclasses.dataclass(frozen=True, slots=True)
class PluginInfo:
    """A plugin.

    Attributes:
        kind: `connector`, `transform`, ...; `local` for lake_plugins.py.
        name: The part of the entry point's name behind the dot.
        module: What its entry point names.
        distribution: The package to install; `ducklake-core` for built-ins.
        version: Of that package.
        status: `installed` (known from metadata only), `ok` (loaded), `broken` or `disabled`.
        error: Why it is broken or disabled.
        hint: The line that mends it.
        provides: What it registered, for example `connector.csv`.
    """

    kind: str
    name: str
    module: str
    distribution: str
    version: str
    status: str = "installed"
    error: str | None = None
    hint: str | None = None
    provides: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The entry point's name, `connector.csv`."""
        return LOCAL if self.kind == "local" else f"{self.kind}.{self.name}"

    @property
    def title(self) -> str:
        """Package and version, for messages."""
        return f"{self.distribution} {self.version}".rstrip()

    def to_json(self) -> dict[str, object]:
        """The shape that `plugins --json` prints."""
        return {**dataclasses.asdict(self), "provides": list(self.provides)}


class Switches(Protocol):
    """`plugins:` of settings.yaml. Each word is KIND.NAME or the name of a package."""

    @property
    def require(self) -> Sequence[str]:
        """What must be there."""

    @property
    def disable(self) -> Sequence[str]:
        """What is not loaded."""

    @property
    def observer_timeout(self) -> float:
        """Seconds that an observer may take over one hook."""


@dataclasses.dataclass(frozen=True, slots=True)
class PlainSwitches:
    """Switches without settings."""

    require: Sequence[str] = ()
    disable: Sequence[str] = ()
    observer_timeout: float = 60.0


def matches(info: PluginInfo, word: str) -> bool:
    """Whether a word of a switch means a plugin.

    Args:
        info: The plugin.
        word: KIND.NAME or the name of a package, `-` and `_` alike.
    """
    word = word.strip().casefold()
    package = info.distribution.casefold()
    return word == info.id.casefold() or (info.kind != "local" and word.replace("_", "-") == package.replace("_", "-"))


def switched_off(info: PluginInfo, disable: Sequence[str]) -> str | None:
    """Why a plugin is not loaded, or None if it may be. What is built in cannot be switched off.

    Args:
        info: The plugin.
        disable: Of settings.yaml.
    """
    if info.distribution == "ducklake-core":
        return None
    if any(matches(info, word) for word in disable):
        return "switched off by plugins.disable in config/settings.yaml"
    chosen = os.environ.get("DUCKLAKE_PLUGINS")
    if chosen is not None and not any(matches(info, word) for word in chosen.split(",")):
        return "not among the plugins that the variable DUCKLAKE_PLUGINS allows"
    return None
