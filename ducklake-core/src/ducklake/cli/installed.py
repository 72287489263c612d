"""The plugins of this environment, seen from a lake or from nowhere, without validating any configuration."""

from __future__ import annotations

from pathlib import Path

from ducklake.cli.invocation import Invocation
from ducklake.errors import ConfigurationError
from ducklake.plugins.manager import PluginManager
from ducklake.plugins.switches import project_switches

SOURCES = Path("config", "sources.yaml")


def plugin_manager(cli: Invocation) -> PluginManager:
    """The plugins, as the settings of the lake switch them, if there is a lake.

    Args:
        cli: The call.

    Raises:
        ConfigurationError: `-C` names no lake.
        PluginError: The unrelated package `ducklake` is installed.
    """
    root = _root(cli)
    return PluginManager(project_switches(root) if root else None, root)


def _root(cli: Invocation) -> Path | None:
    if cli.project is not None:
        if not (cli.project / SOURCES).is_file():
            message = f"{cli.project}: no lake here, {SOURCES.as_posix()} is missing"
            raise ConfigurationError(message, code="no_project", hint="make one with: ducklake init NAME")
        return cli.project.absolute()
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / SOURCES).is_file()), None)
