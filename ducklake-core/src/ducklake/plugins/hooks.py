"""Reading the hook implementations of a plugin, and checking them before they are called."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any

import pluggy

from ducklake import api, hookspecs
from ducklake.errors import PluginError, did_you_mean
from ducklake.plugins.info import KINDS, PluginInfo

PROJECT = "ducklake"


def specifications() -> Mapping[str, tuple[str, ...]]:
    """Every hook's parameters, by name."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return {
        name: tuple(inspect.signature(function).parameters)
        for name, function in vars(hookspecs).items()
        if manager.parse_hookspec_opts(hookspecs, name) is not None
    }


SPECIFICATIONS = specifications()
_PRINTING = threading.RLock()
"""`redirect_stdout` changes the whole process: two threads at once would leave it redirected."""

REGISTRATION = frozenset(name for name in SPECIFICATIONS if name.startswith("register_"))


def check_api(plugin: object, info: PluginInfo) -> None:
    """Refuse a plugin that does not say which contracts it was written for, or others than ours.

    Args:
        plugin: The module.
        info: Who it is.

    Raises:
        PluginError: With the line that mends it.
    """
    version = getattr(plugin, "api", None)
    if version is None and info.kind == "local":
        return
    ours = " and ".join(str(number) for number in sorted(api.SUPPORTED_API_VERSIONS))
    if version is None:
        raise PluginError(
            "it does not say which plugin API it is written for",
            hint=f"add the line  api = {max(api.SUPPORTED_API_VERSIONS)}  to {info.module}",
        )
    if version not in api.SUPPORTED_API_VERSIONS or isinstance(version, bool):
        newer = isinstance(version, int) and version > max(api.SUPPORTED_API_VERSIONS)
        hint = f"pip install --upgrade {'ducklake-core' if newer else info.distribution}"
        raise PluginError(f"it is written for plugin API {version!r}, this ducklake-core takes {ours}", hint=hint)


def deprecations(plugin: object, info: PluginInfo) -> list[str]:
    """What a plugin uses that a later version of core will no longer take, a line each.

    Args:
        plugin: The module.
        info: Who it is.
    """
    found = []
    version = getattr(plugin, "api", None)
    if version is not None and version < api.API_VERSION:
        found.append(f"it is written for plugin API {version}, current is {api.API_VERSION}; the next API will refuse it")
    for name, function in _functions(plugin):
        options = getattr(function, f"{PROJECT}_impl", None)
        specification = getattr(hookspecs, (options or {}).get("specname") or name, None)
        warning = (getattr(specification, f"{PROJECT}_spec", None) or {}).get("warn_on_impl")
        if options is not None and warning is not None:
            found.append(f"its hook {name} is deprecated: {warning}")
    return [f"{info.id} of {info.title}: {line}" for line in found]


def check_hooks(plugin: object, info: PluginInfo, kinds: Set[str]) -> None:
    """Refuse unknown hooks and parameters, wrappers, forgotten markers, and hooks and kinds that do not go together.

    Args:
        plugin: The module.
        info: Who it is.
        kinds: All kinds under which entry points name this module.

    Raises:
        PluginError: With did-you-mean.
    """
    marked: set[str] = set()
    for name, function in _functions(plugin):
        options = getattr(function, f"{PROJECT}_impl", None)
        if options is None:
            if name in SPECIFICATIONS and getattr(function, "__module__", None) == getattr(plugin, "__name__", None):
                raise PluginError(
                    f"its function {name} is not marked as a hook", hint="write @hookimpl above it (from ducklake import hookimpl)"
                )
            continue
        hook = options.get("specname") or name
        if hook not in SPECIFICATIONS:
            raise PluginError(f"there is no hook {hook!r}", hint=did_you_mean(hook, SPECIFICATIONS, "hooks"))
        if options.get("wrapper") or options.get("hookwrapper"):
            raise PluginError(f"its {hook} is a wrapper, which DuckLake does not call", hint="write a plain function with @hookimpl")
        _check_parameters(hook, function)
        marked.add(hook)
    needed = KINDS.get(info.kind)
    if needed and needed not in marked:
        raise PluginError(
            f"it offers no {needed}, which a plugin of kind {info.kind} needs", hint=f"add @hookimpl def {needed}(...) to {info.module}"
        )
    for hook in sorted(marked & REGISTRATION) if info.kind != "local" else ():
        if hook not in {KINDS.get(kind) for kind in kinds}:
            kind = next(kind for kind, needs in KINDS.items() if needs == hook)
            hint = f'add the entry point "{kind}.{info.name}" = "{info.module}"'
            raise PluginError(f"its {hook} would never be called: no entry point of kind {kind} names it", hint=hint)


def _functions(plugin: object) -> Iterator[tuple[str, Any]]:
    for name in dir(plugin):
        value = inspect.getattr_static(plugin, name, None)
        function = getattr(value, "__func__", value)
        if inspect.isroutine(function):
            yield name, function


def _check_parameters(hook: str, function: Callable[..., Any]) -> None:
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise PluginError(
                f"its {hook} takes {parameter}, but hooks name what they take", hint=f"it may take: {', '.join(SPECIFICATIONS[hook])}"
            )
        if parameter.default is parameter.empty and parameter.name != "self" and parameter.name not in SPECIFICATIONS[hook]:
            raise PluginError(
                f"its {hook} takes {parameter.name!r}, which that hook does not have",
                hint=did_you_mean(parameter.name, SPECIFICATIONS[hook], "it may take"),
            )


def call(implementation: pluggy.HookImpl, hook: str, arguments: Mapping[str, Any]) -> Any:
    """Call one implementation; what it prints goes to stderr, so that stdout stays ours.

    Args:
        implementation: Of pluggy.
        hook: The hook's name, for the trace.
        arguments: All of the hook's; it gets those that it names.
    """
    if os.environ.get("DUCKLAKE_TRACE_HOOKS") == "1":
        sys.stderr.write(f"hook {hook} -> {implementation.plugin_name}\n")
    with _PRINTING, contextlib.redirect_stdout(sys.stderr):
        return implementation.function(*(arguments[name] for name in implementation.argnames))
