"""The one door to plugins: what is installed, loaded when its kind or name is needed, each failure kept apart.

Nothing here imports a plugin, pydantic or an engine before a plugin is asked for.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from ducklake import hookspecs
from ducklake.errors import PluginError, Problem, StepError
from ducklake.plugins import explain
from ducklake.plugins.defaults import builtin_plugins
from ducklake.plugins.discovery import installed_plugins, refuse_namesake, with_switches
from ducklake.plugins.firstparty import package_of
from ducklake.plugins.hooks import PROJECT, SPECIFICATIONS, call
from ducklake.plugins.info import PlainSwitches, PluginInfo, Switches, matches
from ducklake.plugins.limit import Worker
from ducklake.plugins.loading import load
from ducklake.plugins.local import local_plugin
from ducklake.plugins.registry import Registered, Registry, Staging

if TYPE_CHECKING:
    from ducklake.api.connector import Connector
    from ducklake.api.engine import Engine
    from ducklake.api.quality import QualityCheck
    from ducklake.api.transform import AnyTransform
    from ducklake.api.writer import StorageWriter

__all__ = ["PluginInfo", "PluginManager", "Registered"]

_log = logging.getLogger("ducklake.plugins")
_ENTRY_KINDS = {"check": ("check", "checks")}
_TOO_LONG = "it is told nothing more; see plugins.observer_timeout in config/settings.yaml"


class PluginManager:
    """Plugins of one lake.

    Args:
        switches: `plugins:` of settings.yaml; anything with `require` and `disable`.
        project: The lake's folder, for its lake_plugins.py; None where there is no lake.

    Raises:
        PluginError: The unrelated PyPI package `ducklake` is installed.
    """

    def __init__(self, switches: Switches | None = None, project: Path | None = None) -> None:
        refuse_namesake()
        self._switches = switches or PlainSwitches()
        self._lock = threading.RLock()
        self._pluggy = pluggy.PluginManager(PROJECT)
        self._pluggy.add_hookspecs(hookspecs)
        self._registry = Registry()
        self._listeners = defaultdict[str, Worker](functools.partial(Worker, threaded=True, hint=_TOO_LONG))
        self._plugins = [*builtin_plugins(), *installed_plugins(self._switches.disable)]
        local = local_plugin(project)
        if local is not None:
            self._plugins.append(with_switches(local, self._switches.disable))
        self._required = False

    def connector(self, name: str) -> Registered[Connector[Any]]:
        """The connector of a name.

        Args:
            name: The word behind `type:` in sources.yaml.

        Raises:
            PluginError: Missing, broken, switched off or claimed twice; with the line that mends it.
        """
        return self._one("connector", name)

    def transform(self, name: str) -> Registered[AnyTransform]:
        """The transform of a name; raises as `connector`.

        Args:
            name: The word behind `type:` of a step.
        """
        return self._one("transform", name)

    def check(self, name: str) -> Registered[QualityCheck[Any]]:
        """The quality check of a name or alias; raises as `connector`.

        Args:
            name: The word behind `type:` of a check.
        """
        return self._one("check", name)

    def writer(self, name: str) -> Registered[StorageWriter]:
        """The storage writer of a name; raises as `connector`.

        Args:
            name: The word behind `destination.format`.
        """
        return self._one("writer", name)

    def engine(self, name: str) -> Registered[Engine]:
        """The engine of a name; raises as `connector`.

        Args:
            name: The word behind `engine.type`.
        """
        return self._one("engine", name)

    def names(self, kind: str) -> list[str]:
        """Names of entry points of a kind, from metadata: what is registered may be called otherwise.

        Args:
            kind: `connector`, `transform`, `check`, ...
        """
        return sorted({info.name for info in self._usable(kind) if info.kind != "local"})

    def load_all(self, kind: str) -> list[Registered[Any]]:
        """Load every plugin of a kind and return what works, by name.

        Args:
            kind: `connector`, `transform`, `check`, `writer` or `engine`.
        """
        with self._lock:
            self._load(self._usable(kind))
            return list(self._registry.of_kind(kind))

    def option_models(self) -> dict[str, dict[str, Any]]:
        """The `Options` models of all working connectors, transforms and checks, by kind and name: for the JSON Schema."""
        kinds = ("connector", "transform", "check")
        return {kind: {found.name: found.cls.Options for found in self.load_all(kind)} for kind in kinds}

    def all_plugins(self, check: bool = False) -> list[PluginInfo]:
        """Every plugin, also broken and disabled ones.

        Args:
            check: Load each, except lake_plugins.py, to find out whether it works.
        """
        if check:
            self._load(info for info in self._plugins if info.kind != "local")
        return sorted(self._plugins, key=lambda info: (info.kind, info.name, info.distribution))

    def commands(self) -> list[tuple[str, str, str]]:
        """Commands of plugins as (name, `package.module:function`, help); of a name claimed twice the first."""
        self._load(info for info in self._plugins if info.kind == "command")
        found: dict[str, tuple[str, str, str]] = {}
        for command, plugin in self._registry.commands:
            if plugin.kind == "local":
                continue
            if command.name in found:
                _log.warning("the command %s of %s is not used: another plugin has the name", command.name, plugin.title)
            found.setdefault(command.name, (command.name, command.target, command.help))
        return list(found.values())

    def notify(self, hook: str, **arguments: Any) -> None:
        """Tell observers; one that raises or hangs is a warning, and the others are told nevertheless.

        Args:
            hook: For example `after_commit`.
            **arguments: All parameters of the hook.
        """
        self._load_listeners("observer")
        for implementation in self._implementations(hook):
            with self._lock:
                listener = self._listeners[implementation.plugin_name]
            if listener.abandoned:
                continue
            try:
                told = functools.partial(call, implementation, hook, arguments)
                listener.call(told, f"{implementation.plugin_name} in {hook}", self._switches.observer_timeout)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # an observer may raise anything, also SystemExit
                hung = isinstance(error, StepError) and error.problem.code == "time_limit"
                what = str(error) if hung else f"{implementation.plugin_name} raised in {hook}: {type(error).__name__}: {error}"
                _log.warning("%s", what)

    def resolve_secret(self, reference: str) -> str | None:
        """The secret behind `${secret:REFERENCE}`: the first answer of plugins of kind `secrets`.

        Args:
            reference: What stands behind `secret:`.

        Returns:
            The secret, or None if no plugin knows it.

        Raises:
            PluginError: A plugin failed, and no other knew the secret.
        """
        self._load_listeners("secrets")
        failed: PluginError | None = None
        for implementation in self._implementations("resolve_secret"):
            try:
                answer = call(implementation, "resolve_secret", {"reference": reference})
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # see notify
                message = f"{implementation.plugin_name} could not look up '{reference}': {type(error).__name__}: {error}"
                failed = failed or PluginError(message, code="secret_failed", hint="ducklake plugins --check shows what is broken")
                continue
            if isinstance(answer, str):
                return answer
            if answer is not None:
                message = f"{implementation.plugin_name} answered '{reference}' with a {type(answer).__name__}, not with text"
                failed = failed or PluginError(message, code="secret_failed")
        if failed is not None:
            raise failed
        return None

    def required_problems(self) -> list[Problem]:
        """A problem for each word of `plugins.require` that no usable plugin answers to."""
        problems = []
        for word in self._switches.require:
            found = [info for info in self._plugins if matches(info, word)]
            self._load(found)
            found = [info for info in self._plugins if matches(info, word)]
            if any(info.status == "ok" for info in found):
                continue
            state, hint = explain.state(word, found)
            problems.append(Problem("required_plugin", f"plugins.require names {word}, which is {state}", hint, "config/settings.yaml"))
        return problems

    def adopt(self, staging: Staging, plugin: PluginInfo) -> None:
        """Take classes that no entry point names; for tests of plugins.

        Args:
            staging: What is registered.
            plugin: Who it is said to be.
        """
        self._registry.accept(staging, plugin)

    def _one(self, kind: str, name: str) -> Registered[Any]:
        with self._lock:
            self._check_required()
            return self._find(kind, name)

    def _find(self, kind: str, name: str) -> Registered[Any]:
        named = [info for info in self._plugins if info.kind in _ENTRY_KINDS.get(kind, (kind,)) and info.name == name]
        self._load(info for info in self._plugins if info.kind == "local" or info in named)
        claims = self._registry.claims(kind, name)
        if not claims and not named:  # one of ours under another name: the others need not be imported for it
            self._load(info for info in self._usable(kind) if info.distribution == package_of(kind, name))
            claims = self._registry.claims(kind, name)
        if not claims and not any(info.status != "ok" for info in self._again(named)):
            self._load(self._usable(kind))
            claims = self._registry.claims(kind, name)
        if len(claims) == 1:
            return claims[0]
        if claims:
            raise explain.ambiguous(kind, name, claims)
        named = self._again(named)
        for info in named:
            if info.status != "ok":
                raise explain.unusable(kind, name, info)
        if named:
            raise explain.not_registered(kind, name, named[0])
        kinds = ("local", *_ENTRY_KINDS.get(kind, (kind,)))
        broken = [info for info in self._plugins if info.kind in kinds and info.status == "broken"]
        for info in broken:
            if info.distribution == package_of(kind, name):
                raise explain.unusable(kind, name, info)
        raise explain.unknown(kind, name, [found.name for found in self._registry.of_kind(kind)], broken)

    def _check_required(self) -> None:
        if not self._required and self._switches.require:
            problems = self.required_problems()
            if problems:
                raise PluginError(problems=problems)
        self._required = True

    def _usable(self, kind: str) -> list[PluginInfo]:
        kinds = ("local", *_ENTRY_KINDS.get(kind, (kind,)))
        return [info for info in self._plugins if info.kind in kinds and info.status in ("installed", "ok")]

    def _again(self, infos: Iterable[PluginInfo]) -> list[PluginInfo]:
        """The same plugins as they are by now."""
        keys = {(info.id, info.distribution, info.module) for info in infos}
        return [info for info in self._plugins if (info.id, info.distribution, info.module) in keys]

    def _load(self, infos: Iterable[PluginInfo]) -> None:
        """Load those that are not loaded yet; each takes its place in the list with its new status."""
        with self._lock:
            for info in list(infos):
                if info.status != "installed" or info not in self._plugins:
                    continue
                kinds = {other.kind for other in self._plugins if other.module == info.module}
                loaded, staging = load(info, self._pluggy, kinds)
                self._plugins[self._plugins.index(info)] = loaded
                self._registry.accept(staging, loaded)

    def _load_listeners(self, kind: str) -> None:
        waiting = [info for info in self._plugins if info.kind in (kind, "local") and info.status == "installed"]
        self._load(waiting)
        for info in self._again(waiting):
            if info.status == "broken":
                _log.warning("the plugin %s (%s) is broken and is not called: %s", info.id, info.title, info.error)

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        """In pluggy's order: `tryfirst`, then the last registered, then `trylast`."""
        if hook not in SPECIFICATIONS:
            raise ValueError(f"there is no hook {hook!r}")
        return list(reversed(getattr(self._pluggy.hook, hook).get_hookimpls()))
