"""Loading one plugin: import, check, register, each failure kept as the reason why it is broken."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import sys
from collections.abc import Set
from importlib import import_module
from pathlib import Path
from typing import Any

import pluggy

from ducklake import hookspecs
from ducklake.errors import DuckLakeError
from ducklake.plugins.discovery import broken
from ducklake.plugins.hooks import PROJECT, REGISTRATION, call, check_api, check_hooks, deprecations
from ducklake.plugins.info import KINDS, PluginInfo
from ducklake.plugins.local import load_local
from ducklake.plugins.registry import Staging

_log = logging.getLogger("ducklake.plugins")


def load(info: PluginInfo, manager: pluggy.PluginManager, kinds: Set[str]) -> tuple[PluginInfo, Staging]:
    """Import a plugin and run its registration hooks.

    Nothing that a plugin raises comes through, `sys.exit` neither; only Ctrl-C does.

    Args:
        info: Who it is.
        manager: Takes the plugin's other hooks, if all went well.
        kinds: All kinds under which entry points name the same module.

    Returns:
        The plugin with status `ok` or `broken`, and what it registered (nothing if broken).
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            plugin = _import(info)
        check_api(plugin, info)
        check_hooks(plugin, info, kinds)
        staging = _register(info, plugin, manager)
        for line in deprecations(plugin, info):
            _log.warning("%s", line)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise anything, also SystemExit
        return _failed(info, error), Staging()
    return dataclasses.replace(info, status="ok", provides=staging.provides), staging


def _import(info: PluginInfo) -> Any:
    if info.kind == "local":
        return load_local(Path(info.module))
    name, _, attribute = info.module.partition(":")
    plugin: Any = import_module(name.strip())
    for part in filter(None, attribute.split("[")[0].strip().split(".")):
        plugin = getattr(plugin, part)
    return plugin


def _register(info: PluginInfo, plugin: Any, manager: pluggy.PluginManager) -> Staging:
    staging = Staging()
    scratch = pluggy.PluginManager(PROJECT)
    scratch.add_hookspecs(hookspecs)
    scratch.register(plugin, name=f"{info.id} ({info.title})")
    for hook in sorted(REGISTRATION):
        if info.kind != "local" and hook != KINDS[info.kind]:
            continue
        for implementation in getattr(scratch.hook, hook).get_hookimpls():
            call(implementation, hook, {"register": staging.registrar(hook)})
    if not manager.is_registered(plugin):
        manager.register(plugin, name=f"{info.id} ({info.title})")
    return staging


def _failed(info: PluginInfo, error: BaseException) -> PluginInfo:
    if isinstance(error, DuckLakeError):
        return broken(info, error.problem.message, error.problem.hint)
    words = " ".join(str(error).split()) or "no message"
    reason = f"{type(error).__name__}: {words[:300]}"
    if info.kind == "local":
        line = _line(error, info.module)
        return broken(info, f"{reason}{f' in line {line}' if line else ''}", f"mend {info.module}")
    return broken(info, reason, f"pip install --force-reinstall {info.distribution}")


def _line(error: BaseException, file: str) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
